"""A recovery point in memory: what stands where the store stands, for tests of connectors alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import msgspec

from safehold.connectors.contract import Capture, Content, Restore
from safehold.domain.items import (
    CONTENT_KINDS,
    AnyListing,
    Item,
    ItemKind,
    Listing,
    NewListing,
    PreviousTree,
    Unchanged,
    join,
    walk_order,
)

SMALL_BYTES = 1 << 20


@dataclass
class MemoryPoint(PreviousTree):
    """Listings and bytes of one capture. `read` names the paths whose bytes were asked for."""

    top: Item
    listings: list[Listing] = field(default_factory=list)
    by_path: dict[bytes, dict[bytes, Item]] = field(default_factory=dict)
    data: dict[bytes, bytes] = field(default_factory=dict)
    read: list[bytes] = field(default_factory=list)

    def listing(self, path: bytes, directory: Item | None = None) -> Mapping[bytes, Item]:
        return self.by_path.get(path, {})

    def root(self) -> Item | None:
        return self.top

    def encoded(self, path: bytes, directory: Item) -> bytes | None:
        """In two runs, as a long directory of the store is."""
        del directory
        items = list(self.by_path[path].values())
        half = len(items) // 2
        return msgspec.msgpack.encode(items[:half]) + msgspec.msgpack.encode(items[half:])

    def paths(self) -> list[bytes]:
        return [join(listing.path, item.name) for listing in self.listings for item in listing.items]

    def item(self, path: bytes) -> Item:
        directory, _, name = path.rpartition(b"/")
        return self.by_path[directory][name]


def take(capture: Capture, previous: MemoryPoint | None = None) -> MemoryPoint:
    """Take everything in as the store does: unchanged items keep the bytes they had."""
    point = MemoryPoint(_listed(capture.root()))
    for told in walk_order(capture.listings()):
        together = _read_together(capture, told) if isinstance(told, NewListing) else {}
        for directory, told_items in _opened(told, previous):
            items = []
            for item in told_items:
                path = join(directory, item.name)
                if item.name in together:
                    point.read.append(path)
                    point.data[path] = together[item.name]
                    items.append(Item(item.name, item.kind, item.size_bytes, item.facts, b"here"))
                    continue
                settled = _settle(capture, directory, path, item, point, previous)
                if settled is not None:
                    items.append(settled)
            point.listings.append(Listing(directory, items))
            point.by_path[directory] = {item.name: item for item in items}
    return point


def _listed(directory: Item) -> Item:
    """As the store notes where a directory's items are."""
    if directory.content is not None:
        return directory
    return Item(directory.name, directory.kind, directory.size_bytes, directory.facts, b"listed")


def _read_together(capture: Capture, listing: NewListing) -> dict[bytes, bytes]:
    """The small files of a new directory by name; none where one of them is to be read by itself."""
    told = zip(listing.names, listing.kinds, listing.sizes, strict=True)
    small = [(name, size) for name, kind, size in told if kind == ItemKind.FILE and size <= SMALL_BYTES]
    total = sum(size for _, size in small)
    (data,) = capture.read_new([(listing, 0, len(listing.names), total)], most_bytes=SMALL_BYTES)
    if data is None:
        return {}
    assert len(data) == total
    ends = accumulate((size for _, size in small), initial=0)
    starts = zip(small, ends, strict=False)
    return {name: bytes(data[start : start + size]) for (name, size), start in starts}


def _opened(listing: AnyListing, previous: MemoryPoint | None) -> list[tuple[bytes, list[Item]]]:
    """The directories that were told at once, each with its items; what was counted of them is so."""
    if not isinstance(listing, Unchanged):
        return [(listing.path, listing.items)]
    assert previous is not None
    found = {listing.path: list(previous.listing(listing.path).values())}
    below = [item for item in found[listing.path] if item.kind == ItemKind.DIRECTORY]
    assert listing.folders == ([] if listing.is_whole else below)
    if listing.is_whole:
        beneath = listing.path + b"/" if listing.path else b""
        found |= {one.path: one.items for one in previous.listings if one.path.startswith(beneath)}
    files = [item for items in found.values() for item in items if item.kind in CONTENT_KINDS]
    told = (listing.items, listing.files, listing.size_bytes)
    assert told == (sum(map(len, found.values())), len(files), sum(item.size_bytes for item in files))
    return list(found.items())


def _settle(
    capture: Capture,
    directory: bytes,
    path: bytes,
    item: Item,
    point: MemoryPoint,
    previous: MemoryPoint | None,
) -> Item | None:
    if item.kind == ItemKind.DIRECTORY:
        return _listed(item)
    if item.kind not in CONTENT_KINDS:
        return item
    if item.content is not None:
        assert previous is not None
        assert previous.item(path) is item
        point.data[path] = previous.data[path]
        return item
    point.read.append(path)
    got = _read(capture, directory, item)
    if got is None:
        return None
    data, as_read = got
    point.data[path] = data
    return Item(as_read.name, as_read.kind, len(data), as_read.facts, b"here")


def _read(capture: Capture, directory: bytes, item: Item) -> tuple[bytes, Item] | None:
    if item.size_bytes <= SMALL_BYTES:
        got = capture.read_whole([(directory, item)])[0]
        return None if got is None else (bytes(got[0]), got[1])
    opened = capture.open(directory, item)
    if opened is None:
        return None
    content, as_read = opened
    try:
        return b"".join(map(bytes, blocks_of(content))), as_read
    finally:
        content.close()
        content.close()


def blocks_of(content: Content, size: int = 4 << 20) -> Iterator[memoryview]:
    """The content as it comes, at most so many bytes at once; each is overwritten by the next one."""
    buffer = memoryview(bytearray(size))
    while got := content.read_into(buffer):
        yield buffer[:got]


def put_back(point: MemoryPoint, restore: Restore, paths: Sequence[bytes] = ()) -> str:
    """Put everything back, or those paths with what is above and below; large ones in pieces, backwards."""
    restore.make(b"", point.top)
    for listing in point.listings:
        for item in listing.items:
            path = join(listing.path, item.name)
            if paths and not any(_belongs(path, wanted) for wanted in paths):
                continue
            if item.kind not in CONTENT_KINDS:
                restore.make(path, item)
            elif item.size_bytes <= SMALL_BYTES:
                restore.write_whole([(path, item, point.data[path])])
            else:
                _write_pieces(restore, path, item, point.data[path])
    return restore.finish()


def _belongs(path: bytes, wanted: bytes) -> bool:
    return path == wanted or path.startswith(wanted + b"/") or wanted.startswith(path + b"/")


def _write_pieces(restore: Restore, path: bytes, item: Item, data: bytes) -> None:
    writer = restore.open(path, item)
    step = 700_001
    for offset in reversed(range(0, len(data), step)):
        piece = data[offset : offset + step]
        if piece.strip(b"\0"):
            writer.write_at(offset, piece)
    writer.finish()
