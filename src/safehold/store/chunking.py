"""Bytes to chunks: where to cut, and what a chunk is called.

Small items are one chunk; longer ones are cut by FastCDC, so that an insertion moves no later cut. A
chunk's id is a keyed BLAKE3 of its bytes: equal bytes have one name in one vault and no name outside.
Source: FastCDC, Xia et al., USENIX ATC 2016; sizes chosen between restic's and Borg's (docs/formats).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

from blake3 import blake3
from pyfastcdc import FastCDC

SMALL_BYTES = 1 << 20  # items up to here are one chunk
MIN_BYTES = 256 << 10
AVERAGE_BYTES = 1 << 20
MAX_BYTES = 4 << 20
BLOCK_BYTES = MAX_BYTES
BUFFER_BYTES = 2 * MAX_BYTES + BLOCK_BYTES
ID_BYTES = 32
ZERO_ID = bytes(ID_BYTES)  # the chunk of nothing but zeros: never stored, restored as a hole
_ZEROS = bytes(MAX_BYTES)


def chunk_id(key: bytes, data: bytes | memoryview) -> bytes:
    return blake3(data, key=key).digest()


def is_zero(data: bytes) -> bool:
    """Nothing but zeros; `data` is at most MAX_BYTES long."""
    return _ZEROS.startswith(data)


class Chunker:
    """Cuts streams. One per vault: the seed decides where the cuts fall."""

    def __init__(self, seed: int) -> None:
        self._cdc = FastCDC(
            avg_size=AVERAGE_BYTES, min_size=MIN_BYTES, max_size=MAX_BYTES, normalized_chunking=1, seed=seed
        )

    def cut(self, blocks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
        """The same bytes, cut into chunks; where cuts fall does not depend on the blocks."""
        buffer = bytearray(BUFFER_BYTES)
        view = memoryview(buffer)
        filled = 0
        for block in blocks:
            for start in range(0, len(block), BLOCK_BYTES):
                part = block[start : start + BLOCK_BYTES]
                view[filled : filled + len(part)] = part
                filled += len(part)
                if filled >= 2 * MAX_BYTES:
                    used = yield from self._cut_all_but_the_last(view[:filled])
                    view[: filled - used] = bytes(view[used:filled])
                    filled -= used
        for start, end in self._cuts(view[:filled]):
            yield bytes(view[start:end])

    def _cut_all_but_the_last(self, view: memoryview) -> Generator[bytes, None, int]:
        """With less than the longest chunk left, more bytes might move the cut. Returns what is cut."""
        used = 0
        for start, end in self._cuts(view):
            if len(view) - start < MAX_BYTES:
                break
            used = end
            yield bytes(view[start:end])
        return used

    def _cuts(self, buffer: memoryview) -> Iterator[tuple[int, int]]:
        for chunk in self._cdc.cut_buf(buffer):
            yield chunk.offset, chunk.offset + chunk.length
