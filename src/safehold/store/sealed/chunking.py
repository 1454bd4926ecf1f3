"""Bytes to chunks: where to cut, and what a chunk is called.

Small items are one chunk; longer ones are cut by FastCDC, so that an insertion moves no later cut. A
chunk's id is a keyed BLAKE3 of its bytes: equal bytes have one name in one vault and no name outside.
Source: FastCDC, Xia et al., USENIX ATC 2016; sizes chosen between restic's and Borg's (docs/formats).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from blake3 import blake3
from pyfastcdc import FastCDC

SMALL_BYTES = 1 << 20  # items up to here are one chunk
MIN_BYTES = 256 << 10
AVERAGE_BYTES = 1 << 20
MAX_BYTES = 4 << 20
BUFFER_BYTES = 2 * MAX_BYTES
ID_BYTES = 32
ZERO_ID = bytes(ID_BYTES)  # the chunk of nothing but zeros: never stored, restored as a hole
_ZEROS = bytes(MAX_BYTES)


def chunk_id(key: bytes, data: bytes | memoryview) -> bytes:
    return blake3(data, key=key).digest()


def is_zero(data: bytes | memoryview) -> bool:
    """Nothing but zeros; `data` is at most MAX_BYTES long."""
    return _ZEROS.startswith(data)  # views compare byte by byte with ==


class Readable(Protocol):
    """The bytes of one item, read once from start to end."""

    def read_into(self, buffer: memoryview) -> int: ...


class Chunker:
    """Cuts streams. One per vault: the seed decides where the cuts fall."""

    def __init__(self, seed: int) -> None:
        self._cdc = FastCDC(
            avg_size=AVERAGE_BYTES, min_size=MIN_BYTES, max_size=MAX_BYTES, normalized_chunking=1, seed=seed
        )
        self._zero_cut = next(self._cdc.cut_buf(_ZEROS)).length  # how much of a long run of zeros is cut off

    def cut(self, content: Readable, *, expected_bytes: int = BUFFER_BYTES) -> Iterator[memoryview]:
        """The same bytes, cut into chunks; where cuts fall does not depend on how they are read.

        Chunks are views of buffers that are never written to again: whoever keeps a chunk keeps all of its
        buffer, at most BUFFER_BYTES. `expected_bytes` spares short content a long buffer.
        """
        rest = memoryview(b"")
        size = min(expected_bytes + 1, BUFFER_BYTES)  # one more than there is: the end then shows at once
        while True:
            buffer = memoryview(bytearray(size))
            size = BUFFER_BYTES
            buffer[: len(rest)] = rest
            filled, is_end = _fill(content, buffer, len(rest))
            used = 0
            for start, end in self._cuts(buffer[:filled]):
                # With less than the longest chunk left, more bytes might move the cut.
                if filled - start < MAX_BYTES and not is_end:
                    break
                used = end
                yield buffer[start:end]
            if is_end:
                return
            rest = buffer[used:filled]

    def _cuts(self, buffer: memoryview) -> Iterator[tuple[int, int]]:
        start = 0
        # Where the longest chunk would be all zeros, the cut is known: free space of a disk image, mostly.
        while len(buffer) - start >= MAX_BYTES and is_zero(buffer[start : start + MAX_BYTES]):
            yield start, start + self._zero_cut
            start += self._zero_cut
        for chunk in self._cdc.cut_buf(buffer[start:]):
            yield start + chunk.offset, start + chunk.offset + chunk.length


def _fill(content: Readable, buffer: memoryview, filled: int) -> tuple[int, bool]:
    """Read until the buffer is full or the content ends: (how full it is, did the content end)."""
    while filled < len(buffer):
        got = content.read_into(buffer[filled:])
        if not got:
            return filled, True
        filled += got
    return filled, False


class InMemory:
    """Bytes as a `Readable`."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._rest = memoryview(data)

    def read_into(self, buffer: memoryview) -> int:
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
