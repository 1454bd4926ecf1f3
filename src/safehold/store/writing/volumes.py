"""Volumes: fixed blocks, and of a changed volume only those that its source says have changed.

A volume's content list has pages of a fixed number of blocks, so that a block's page is known from its
number: what did not change is taken over page by page, unread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count as counted
from itertools import groupby, islice
from typing import NamedTuple, Protocol, TypeAlias

from safehold.core.errors import SourceError
from safehold.store.trees.contents import (
    INLINE_RECORDS,
    GetPage,
    Part,
    PutPage,
    encode_content,
    encode_pages,
    list_parts,
    page_parts,
    put_list,
)

BLOCK_BYTES = 512 << 10
PAGE_BLOCKS = 256  # a page stands for 128 MiB
PAGE_BYTES = PAGE_BLOCKS * BLOCK_BYTES
READ_BLOCKS = 8  # so many that lie side by side are read at once

Ranges: TypeAlias = Sequence[tuple[int, int]]  # (offset, length), in bytes


class Blocks(Protocol):
    """What of a volume's content is needed here; connectors/contract.py describes it in full."""

    changed: Ranges | None

    def read_at(self, offset: int, buffer: memoryview) -> int: ...


class Known(NamedTuple):
    """The volume in the previous point."""

    content: bytes
    size_bytes: int


class VolumeTaker:
    """Takes volumes in.

    add       takes in a block's bytes; returns its part of the content list
    get_page  of the vault; Damaged and ObjectMissing pass through
    """

    def __init__(self, add: Callable[[memoryview], Part], put_page: PutPage, get_page: GetPage) -> None:
        self._add = add
        self._put_page = put_page
        self._get_page = get_page

    def take(
        self,
        blocks: Blocks,
        size_bytes: int,
        known: Known | None,
        *,
        done: Sequence[Part] = (),
        after_page: Callable[[Sequence[Part]], None] | None = None,
    ) -> bytes:
        """Read what changed since `known`, or everything where that is not known; returns the content list.

        done        the list's pages as far as they were taken in before
        after_page  called with all pages so far, after each of them
        Raises SourceError, StoreError.
        """
        if blocks.changed is None:
            known = None
        touched = _touched(blocks.changed or (), size_bytes)
        if -(-size_bytes // BLOCK_BYTES) <= INLINE_RECORDS:
            return encode_content(self._short(blocks, size_bytes, known, touched), self._put_page)
        before = _by_offset(page_parts(known.content, self._get_page)) if known is not None else {}
        pages = list(done)
        for extent in islice(_extents(size_bytes), len(pages), None):
            pages.append(self._page(blocks, extent, before.get(extent[0]), touched))
            if after_page is not None:
                after_page(pages)
        return encode_pages(pages, self._put_page, fan_out=PAGE_BLOCKS)

    def _short(
        self, blocks: Blocks, size_bytes: int, known: Known | None, touched: _TouchedBlocks
    ) -> list[Part]:
        is_alike = known is not None and known.size_bytes == size_bytes and size_bytes > BLOCK_BYTES
        before = list_parts(known.content) if known is not None and is_alike else []
        return self._blocks(blocks, (0, size_bytes), before, touched)

    def _page(
        self, blocks: Blocks, extent: tuple[int, int], before: Part | None, touched: _TouchedBlocks
    ) -> Part:
        start, end = extent
        parts: list[Part] = []
        if before is not None and before.length == end - start:
            if start // PAGE_BYTES not in touched:
                return before
            parts = list_parts(self._get_page(before.id))
        return put_list(1, self._blocks(blocks, extent, parts, touched), self._put_page)

    def _blocks(
        self, blocks: Blocks, extent: tuple[int, int], before: list[Part], touched: _TouchedBlocks
    ) -> list[Part]:
        """The parts of an extent: those of before with what was touched read anew, if they are as long as
        blocks are; else all of it is read."""
        start, end = extent
        sizes = [min(BLOCK_BYTES, end - offset) for offset in range(start, end, BLOCK_BYTES)]
        is_usable = [part.length for part in before] == sizes
        wanted = sorted(touched.get(start // PAGE_BYTES, ())) if is_usable else range(len(sizes))
        parts = list(before) if is_usable else [Part(b"", 0)] * len(sizes)
        for first, run in _runs(wanted):
            data = _read(blocks, start + first * BLOCK_BYTES, sum(sizes[first : first + run]))
            for number in range(run):
                at = number * BLOCK_BYTES
                parts[first + number] = self._add(data[at : at + sizes[first + number]])
        return parts


_TouchedBlocks: TypeAlias = dict[int, set[int]]  # page number -> which of its blocks


def _touched(changed: Ranges, size_bytes: int) -> _TouchedBlocks:
    """The blocks that changed ranges reach into."""
    found: _TouchedBlocks = defaultdict(set)
    for offset, length in changed:
        end = min(offset + length, size_bytes)
        for number in range(offset // BLOCK_BYTES, -(-end // BLOCK_BYTES)):
            found[number // PAGE_BLOCKS].add(number % PAGE_BLOCKS)
    return dict(found)


def _by_offset(parts: Iterable[Part]) -> dict[int, Part]:
    found, offset = {}, 0
    for part in parts:
        found[offset] = part
        offset += part.length
    return found


def _extents(size_bytes: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each page's bytes."""
    for start in range(0, size_bytes, PAGE_BYTES):
        yield start, min(start + PAGE_BYTES, size_bytes)


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """(first, how many) of neighbours among ascending numbers, as many as are read at once."""
    steps = counted()
    for _, side_by_side in groupby(numbers, key=lambda number: number - next(steps)):
        run = list(side_by_side)
        for start in range(0, len(run), READ_BLOCKS):
            yield run[start], min(READ_BLOCKS, len(run) - start)


def _read(blocks: Blocks, offset: int, length: int) -> memoryview:
    """So many bytes in a buffer of their own: parts of it are kept until they are sealed."""
    buffer = memoryview(bytearray(length))
    filled = 0
    while filled < length:
        got = blocks.read_at(offset + filled, buffer[filled:])
        if got <= 0:
            raise SourceError(f"the volume ended at byte {offset + filled}, before its end")
        filled += got
    return buffer
