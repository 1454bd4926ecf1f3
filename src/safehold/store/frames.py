"""A frame: up to some MiB of chunks, compressed together where that pays.

The first byte says how the rest is encoded; what was encoded is decoded again and compared before it
may leave (a compression library or a memory bit that lies is found out while the plaintext is still there).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import zstandard

from safehold.core.errors import Damaged, StoreError
from safehold.store.sealing import NewSeal, ObjectSeal

RAW = b"\x00"
ZSTD = b"\x01"
LEVEL = 2  # a quarter faster than 3 for 5 % more bytes; frames shared by small files make up for it
MAX_FRAME_BYTES = 64 << 20  # no frame that we write comes near; a larger claim is damage, not data
WORTH = 0.97  # compressed smaller than this part of the plain size, or stored raw


class _Contexts(threading.local):
    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL, write_content_size=True)
        self.decompressor = zstandard.ZstdDecompressor()


_contexts = _Contexts()


def encode_frame(plain: bytes) -> bytes:
    packed = _contexts.compressor.compress(plain)
    return ZSTD + packed if len(packed) < WORTH * len(plain) else RAW + plain


def decode_frame(encoded: bytes | bytearray) -> bytes:
    """The plain bytes. Raises Damaged when they cannot be had."""
    codec, payload = bytes(encoded[:1]), memoryview(encoded)[1:]
    if codec == RAW:
        return bytes(payload)
    if codec != ZSTD:
        raise Damaged(f"unknown frame encoding {codec!r}")
    try:
        size = zstandard.frame_content_size(payload)
        if not 0 <= size <= MAX_FRAME_BYTES:
            raise Damaged(f"a frame claims {size} bytes")
        return _contexts.decompressor.decompress(payload, max_output_size=size)
    except zstandard.ZstdError as error:
        raise Damaged(f"a frame does not decompress: {error}") from error


def seal_frame(seal: NewSeal, number: int, parts: Sequence[bytes | memoryview]) -> bytearray:
    """Encode and seal the parts as one frame, proved to open to the same bytes. Raises StoreError if not."""
    plain = b"".join(parts)
    sealed = seal.seal(number, encode_frame(plain))
    if decode_frame(seal.open(number, sealed)) != plain:
        raise StoreError(
            f"{seal.name}: frame {number} did not decode to what was encoded; nothing was stored"
        )
    return sealed


def open_frame(seal: ObjectSeal, number: int, sealed: bytes | memoryview) -> bytes:
    return decode_frame(seal.open(number, sealed))
