"""Directories in loads: runs of neighbouring items whose small ones are read and named together.

Huge directories come in several segments, small ones share a load: a tree of many small directories costs
no more than one large directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, Protocol, TypeAlias

from blake3 import blake3

from safehold.domain.items import CONTENT_KINDS, Item, ItemKind, Listing, NewListing, NewRun, Unchanged
from safehold.store.sealed.chunking import SMALL_BYTES
from safehold.store.writing.tree_writer import Known

LOAD_ITEMS = 256
LOAD_BYTES = 1 << 20

Batch: TypeAlias = Sequence[tuple[bytes, Item]]  # items, each with the path of its directory


class Segment(NamedTuple):
    """A run of a listing's items. `wanted`: those that are read ahead."""

    listing: Listing | NewListing | Unchanged
    known: Known
    start: int
    end: int
    wanted: list[int]  # their positions in the listing
    size: int  # their bytes

    def batch(self) -> Batch:
        listing = self.listing
        if isinstance(listing, Listing):
            return [(listing.path, listing.items[position]) for position in self.wanted]
        if isinstance(listing, NewListing):
            return [(listing.path, listing.file(position)) for position in self.wanted]
        return []

    def run(self) -> NewRun | None:
        """What may be read in one go, if anything."""
        if self.wanted and isinstance(self.listing, NewListing):
            return self.listing, self.start, self.end, self.size
        return None


class ReadItem(NamedTuple):
    """item: as it was when read, None when it vanished; identity: the chunk id of its bytes."""

    item: Item | None
    data: bytes | memoryview
    identity: bytes


class ReadRun(NamedTuple):
    """The wanted files of a new directory's segment, each as it was listed; `data` of all of them."""

    data: memoryview
    lengths: list[int]
    ids: list[bytes]  # b"" of one without bytes


Read: TypeAlias = ReadRun | list[ReadItem]  # what became of a segment's wanted items, in order

_VANISHED = ReadItem(None, b"", b"")


class Source(Protocol):
    """What of a capture is needed here; connectors/contract.py describes it in full."""

    def read_whole(self, batch: Batch) -> Sequence[tuple[bytes | memoryview, Item] | None]: ...

    def read_new(self, runs: Sequence[NewRun], *, most_bytes: int) -> Sequence[memoryview | None]: ...


def segments_of(listing: Listing, known: Known) -> Iterator[Segment]:
    """The listing in one segment or several, none with more to read than one load should have."""
    small = [(n, item.size_bytes) for n, item in enumerate(listing.items) if is_small(item)]
    return _cut(listing, known, small, len(listing.items))


def segments_of_new(listing: NewListing) -> Iterator[Segment]:
    sizes = enumerate(zip(listing.kinds, listing.sizes, strict=True))
    small = [(n, size) for n, (kind, size) in sizes if kind == ItemKind.FILE and size <= SMALL_BYTES]
    return _cut(listing, {}, small, len(listing.names))


def _cut(
    listing: Listing | NewListing, known: Known, small: Sequence[tuple[int, int]], count: int
) -> Iterator[Segment]:
    start = size = 0
    wanted: list[int] = []
    for position, length in small:
        wanted.append(position)
        size += length
        if size >= LOAD_BYTES or len(wanted) >= LOAD_ITEMS:
            yield Segment(listing, known, start, position + 1, wanted, size)
            start, wanted, size = position + 1, [], 0
    if start < count or not count:
        yield Segment(listing, known, start, count, wanted, size)


def is_small(item: Item) -> bool:
    """Is it yet to be read, and at once?"""
    is_stream = item.kind in CONTENT_KINDS and item.kind != ItemKind.VOLUME
    return item.content is None and is_stream and item.size_bytes <= SMALL_BYTES


def together(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    """Small segments in groups."""
    group: list[Segment] = []
    items = size = 0
    for segment in segments:
        group.append(segment)
        items += segment.end - segment.start
        size += segment.size
        if size >= LOAD_BYTES or items >= LOAD_ITEMS:
            yield group
            group, items, size = [], 0, 0
    if group:
        yield group


def read_segments(source: Source, key: bytes, segments: Sequence[Segment]) -> list[Read]:
    """What became of each segment's wanted items. `key`: of chunk ids. Threads may call it side by side."""
    runs = _read_new(source, key, segments)
    one_by_one = [segment for segment, run in zip(segments, runs, strict=True) if run is None]
    items = iter(read_items(source, key, [entry for segment in one_by_one for entry in segment.batch()]))
    return [
        [next(items) for _ in segment.wanted] if run is None else run
        for segment, run in zip(segments, runs, strict=True)
    ]


def _read_new(source: Source, key: bytes, segments: Sequence[Segment]) -> list[ReadRun | None]:
    runs = [segment.run() for segment in segments]
    wanted = [run for run in runs if run is not None]
    found = iter(source.read_new(wanted, most_bytes=SMALL_BYTES) if wanted else ())
    return [
        None if run is None else _named(run[0], segment.wanted, next(found), key)
        for segment, run in zip(segments, runs, strict=True)
    ]


def _named(listing: NewListing, wanted: Sequence[int], data: memoryview | None, key: bytes) -> ReadRun | None:
    if data is None:
        return None
    lengths = [listing.sizes[position] for position in wanted]
    spans = pairwise(accumulate(lengths, initial=0))
    ids = [blake3(data[start:end], key=key).digest() if start < end else b"" for start, end in spans]
    return ReadRun(data, lengths, ids)


def read_items(source: Source, key: bytes, batch: Batch) -> list[ReadItem]:
    """Small items read and named."""
    if not batch:
        return []
    return [
        ReadItem(got[1], got[0], blake3(got[0], key=key).digest()) if got is not None else _VANISHED
        for got in source.read_whole(batch)
    ]
