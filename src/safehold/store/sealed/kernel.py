"""Sealing and opening a frame in one call outside Python's lock: the face of kernel.c.

The library is built when Safehold is installed where a compiler is there, and works with the system's own
zstd and OpenSSL. Where any of these is missing, `load` gives None and frames.py does the same steps one
by one, with the same format, slower.
"""

from __future__ import annotations

import ctypes
import weakref
from ctypes import (
    POINTER,
    Structure,
    byref,
    c_char,
    c_char_p,
    c_double,
    c_int,
    c_int64,
    c_ssize_t,
    c_uint64,
    c_void_p,
    py_object,
    pythonapi,
)
from functools import cache
from pathlib import Path
from typing import NamedTuple

LIBRARY = Path(__file__).with_name("libkernel.so")
INTERFACE = 1  # see kernel.c
ZSTD = "libzstd.so.1"
OPENSSL = "libcrypto.so.3"

# Source: Python's C API, PyMemoryView_FromMemory; PyBUF_READ.
_view = pythonapi.PyMemoryView_FromMemory
_view.argtypes = [c_void_p, c_ssize_t, c_int]
_view.restype = py_object
_READ_ONLY = 0x100

_NO_MEMORY = -1
_TROUBLES = {
    -2: "does not authenticate",
    -3: "is encoded in an unknown way",
    -4: "claims to be larger than any frame is",
    -5: "does not decompress",
    -6: "did not decode to what was encoded",
}


class Unsound(Exception):
    """What is wrong with a frame, as the end of a sentence. Converted where frames are known (frames.py)."""


class Compression(NamedTuple):
    """Parameters of the compressor. Source: zstd.h, ZSTD_cParameter."""

    window_log: int
    hash_log: int
    chain_log: int
    search_log: int
    min_match: int
    strategy: int


class FrameSeal(NamedTuple):
    """What seals one frame: AES-256-GCM's key, nonce and associated data."""

    key: bytes
    nonce: bytes
    bound: bytes


class _Seal(Structure):
    _fields_ = (("key", c_char_p), ("nonce", c_char_p), ("bound", c_char_p), ("bound_bytes", c_int64))


class Bench:
    """Scratch memory, compressor and cipher of one thread. Not thread-safe."""

    def __init__(self, library: ctypes.CDLL, pointer: int, *, worth: float, max_bytes: int) -> None:
        self._pointer = c_void_p(pointer)
        self._seal = library.safehold_seal
        self._open = library.safehold_open
        self._worth = worth
        self._max_bytes = max_bytes
        freeing = weakref.finalize(self, library.safehold_bench_free, self._pointer)
        freeing.atexit = False  # RACE: a daemon thread may still be at work on it when the process ends

    def seal(self, seal: FrameSeal, plain: bytes | memoryview) -> bytes:
        """The plain bytes as one sealed frame, opened again and compared. Raises Unsound, MemoryError."""
        found = c_void_p()
        # ctypes takes views only of what may be written to.
        is_writable = isinstance(plain, memoryview) and not plain.readonly and len(plain) > 0
        where: object = byref(c_char.from_buffer(plain)) if is_writable else bytes(plain)
        length = self._seal(
            *(self._pointer, byref(_of(seal)), where, len(plain)),
            *(self._worth, self._max_bytes, byref(found)),
        )
        return bytes(_lent(length, found))

    def lend(self, seal: FrameSeal, sealed: bytes) -> memoryview:
        """The plain frame, good until the bench is used again. Raises Unsound, MemoryError."""
        found = c_void_p()
        length = self._open(
            self._pointer, byref(_of(seal)), sealed, len(sealed), self._max_bytes, byref(found)
        )
        return _lent(length, found)


def new_bench(
    library: ctypes.CDLL | None, compression: Compression, *, worth: float, max_bytes: int
) -> Bench | None:
    """A bench for the calling thread, or None without the library.

    worth      compressed smaller than this part of the plain size, or stored raw
    max_bytes  no frame is longer; a larger claim is damage
    """
    if library is None:
        return None
    pointer = library.safehold_bench(*compression)
    return Bench(library, pointer, worth=worth, max_bytes=max_bytes) if pointer else None


@cache
def load(path: Path = LIBRARY, *, zstd: str = ZSTD, openssl: str = OPENSSL) -> ctypes.CDLL | None:
    """The library with what it needs, or None where any of them is not there."""
    try:
        library = ctypes.CDLL(str(path))
        if c_int.in_dll(library, "safehold_interface").value != INTERFACE:
            return None  # built from another version: calling it would go wrong
    except (OSError, ValueError):
        return None
    library.safehold_begin.argtypes = [c_char_p, c_char_p]
    library.safehold_bench.argtypes = [c_int] * len(Compression._fields)
    library.safehold_bench.restype = c_void_p
    library.safehold_bench_free.argtypes = [c_void_p]
    library.safehold_bench_free.restype = None
    library.safehold_seal.argtypes = [
        c_void_p,
        POINTER(_Seal),
        c_void_p,
        c_int64,
        c_double,
        c_uint64,
        POINTER(c_void_p),
    ]
    library.safehold_seal.restype = c_int64
    library.safehold_open.argtypes = [
        c_void_p,
        POINTER(_Seal),
        c_char_p,
        c_int64,
        c_uint64,
        POINTER(c_void_p),
    ]
    library.safehold_open.restype = c_int64
    return library if library.safehold_begin(zstd.encode(), openssl.encode()) == 0 else None


def _of(seal: FrameSeal) -> _Seal:
    return _Seal(seal.key, seal.nonce, seal.bound, len(seal.bound))


def _lent(length: int, found: c_void_p) -> memoryview:
    if length == _NO_MEMORY:
        raise MemoryError
    if length < 0:
        raise Unsound(_TROUBLES[length])
    view: memoryview = _view(found, length, _READ_ONLY) if length else memoryview(b"")
    return view
