"""A frame: up to some MiB of chunks, compressed together where that pays.

The first byte says how the rest is encoded; what was encoded is decoded again and compared before it
may leave (a compression library or a memory bit that lies is found out while the plaintext is still there).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import zstandard

from safehold.core.errors import Damaged, StoreError
from safehold.store.sealed.kernel import Bench, Compression, Unsound, load, new_bench
from safehold.store.sealed.sealing import NewSeal, ObjectSeal

RAW = b"\x00"
ZSTD = b"\x01"
# Level 2 of zstd 1.5 for 1 MiB: a quarter faster than level 3 for 5 % more bytes, which frames shared by
# small files make up for. Spelled out, since levels mean other things in other versions.
COMPRESSION = Compression(
    window_log=20, hash_log=16, chain_log=15, search_log=1, min_match=6, strategy=zstandard.STRATEGY_FAST
)
MAX_FRAME_BYTES = 64 << 20  # no frame that we write comes near; a larger claim is damage, not data
WORTH = 0.97  # compressed smaller than this part of the plain size, or stored raw


class _Contexts(threading.local):
    """Each thread's own."""

    def __init__(self) -> None:
        parameters = zstandard.ZstdCompressionParameters(**COMPRESSION._asdict(), write_content_size=True)
        self.compressor = zstandard.ZstdCompressor(compression_params=parameters)
        self.decompressor = zstandard.ZstdDecompressor()
        self.bench = new_bench(load(), COMPRESSION, worth=WORTH, max_bytes=MAX_FRAME_BYTES)


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


def seal_frame(seal: NewSeal, number: int, parts: Sequence[bytes | memoryview]) -> bytes | bytearray:
    """Encode and seal the parts as one frame, proved to open to the same bytes. Raises StoreError if not."""
    if _contexts.bench is None:
        return seal_plainly(seal, number, parts)
    return seal_on(_contexts.bench, seal, number, parts)


def open_frame(seal: ObjectSeal, number: int, sealed: bytes | bytearray | memoryview) -> bytes:
    """The plain frame. Raises Damaged when it is not what was sealed there under that number."""
    return bytes(lend_frame(seal, number, sealed))


def lend_frame(seal: ObjectSeal, number: int, sealed: bytes | bytearray | memoryview) -> memoryview:
    """As `open_frame`, good until the calling thread opens or seals another: for what is used at once."""
    if _contexts.bench is None:
        return memoryview(open_plainly(seal, number, sealed))
    return lend_on(_contexts.bench, seal, number, bytes(sealed))


def seal_on(bench: Bench, seal: NewSeal, number: int, parts: Sequence[bytes | memoryview]) -> bytes:
    """As `seal_frame`, in one call outside Python's lock."""
    plain = parts[0] if len(parts) == 1 else b"".join(parts)
    try:
        return bench.seal(seal.of_new_frame(number), plain)
    except Unsound as error:
        raise StoreError(f"{seal.name}: frame {number} {error}; nothing was stored") from error


def lend_on(bench: Bench, seal: ObjectSeal, number: int, sealed: bytes) -> memoryview:
    """As `lend_frame`, in one call outside Python's lock."""
    try:
        return bench.lend(seal.of_frame(number), sealed)
    except Unsound as error:
        raise Damaged(f"{seal.name}: frame {number} {error}") from error


def seal_plainly(seal: NewSeal, number: int, parts: Sequence[bytes | memoryview]) -> bytearray:
    """As `seal_frame`, step by step."""
    plain = b"".join(parts)
    sealed = seal.seal(number, encode_frame(plain))
    if decode_frame(seal.open(number, sealed)) != plain:
        raise StoreError(
            f"{seal.name}: frame {number} did not decode to what was encoded; nothing was stored"
        )
    return sealed


def open_plainly(seal: ObjectSeal, number: int, sealed: bytes | bytearray | memoryview) -> bytes:
    """As `open_frame`, step by step."""
    return decode_frame(seal.open(number, sealed))
