"""A capture becomes a recovery point: items are read, their bytes stored, their tree built.

Reading may run ahead (reading.py); what was read is taken in strictly in path order, so that the same
content makes the same frames and a restore reads them in sequence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

from safehold.core.errors import Damaged, ObjectMissing
from safehold.domain.items import CONTENT_KINDS, Item, ItemKind, Listing, PreviousTree, Unchanged, walk_order
from safehold.store.points.checkpoints import Unfinished
from safehold.store.points.points import PointStats
from safehold.store.sealed.chunking import SMALL_BYTES, InMemory, Readable
from safehold.store.trees.contents import GetPage, Part, encode_content, encode_pages, page_parts
from safehold.store.trees.trees import PageCutter
from safehold.store.writing.checkpointing import Checkpointing
from safehold.store.writing.reading import Batch, ItemReader, ReadItem, Take
from safehold.store.writing.resuming import BEGUN
from safehold.store.writing.session import Session
from safehold.store.writing.tree_writer import Known, TreeWriter
from safehold.store.writing.volumes import PAGE_BLOCKS, Blocks, VolumeTaker
from safehold.store.writing.volumes import Known as KnownVolume

AHEAD_BYTES = 16 << 20
AHEAD_LOADS = 32
LOAD_ITEMS = 256
LOAD_BYTES = 1 << 20

Advance = Callable[[int, int], None]  # (items, bytes) further; may raise to stop the job


class Bytes(Readable, Protocol):
    def close(self) -> None: ...


class Volume(Blocks, Protocol):
    def close(self) -> None: ...


@runtime_checkable
class Resumable(Protocol):
    """Content whose reading can begin in the middle."""

    def skip_to(self, offset: int) -> None: ...


class Source(Protocol):
    """What of a capture is needed here; connectors/contract.py describes it in full."""

    def root(self) -> Item: ...

    def listings(self) -> Iterator[Listing | Unchanged]: ...

    def read_whole(self, batch: Batch) -> Sequence[tuple[bytes | memoryview, Item] | None]: ...

    def open(self, directory: bytes, item: Item) -> tuple[Bytes, Item] | None: ...

    def open_volume(self, item: Item, before: Item | None) -> Volume: ...


class _Segment(NamedTuple):
    """A run of a listing's items; huge directories come in several. `wanted`: those that are read ahead."""

    listing: Listing | Unchanged
    known: Known
    start: int
    end: int
    wanted: list[int]  # their positions in the listing
    size: int  # their bytes

    def batch(self) -> Batch:
        listing = self.listing
        return [(listing.path, listing.items[p]) for p in self.wanted] if isinstance(listing, Listing) else []


class _Load(NamedTuple):
    """Neighbouring segments whose small items are read together."""

    segments: list[_Segment]
    take: Take
    size: int


class _Watched:
    """Content, with how far its reading is told."""

    def __init__(self, content: Readable, advance: Advance) -> None:
        self._content = content
        self._advance = advance

    def read_into(self, buffer: memoryview) -> int:
        got = self._content.read_into(buffer)
        self._advance(0, got)
        return got


class _WatchedBlocks:
    """A volume, with what is read of it counted."""

    def __init__(self, volume: Blocks, stats: PointStats, advance: Advance) -> None:
        self.changed = volume.changed
        self._volume = volume
        self._stats = stats
        self._advance = advance

    def read_at(self, offset: int, buffer: memoryview) -> int:
        got = self._volume.read_at(offset, buffer)
        self._stats.read_bytes += got
        self._advance(0, got)
        return got


class Backup:
    """One run over a capture."""

    def __init__(
        self,
        session: Session,
        source: Source,
        previous: PreviousTree,
        *,
        chunk_id_key: bytes,
        page_key: bytes,
        get_page: GetPage,
        advance: Advance,
        checkpoints: Checkpointing | None = None,
    ) -> None:
        self._session = session
        self._source = source
        self._previous = previous
        self._key = chunk_id_key
        self._get_page = get_page
        self._advance = advance
        self._trees = TreeWriter(session, previous, PageCutter(page_key), get_page)
        self._checkpoints = checkpoints
        self._resumed = checkpoints.resumed if checkpoints is not None else None
        self._root = source.root()

    def run(self) -> Item:
        """Take everything in; returns the root item with its tree. Raises SourceError, StoreError."""
        if self._checkpoints is not None:
            self._checkpoints.begin()
        with ItemReader(self._source.read_whole, self._key) as reader:
            for load in self._read_ahead(reader):
                self._take(load)
        self._session.stats.items += 1
        return self._root_item(self._trees.finish())

    def _root_item(self, root_page: bytes) -> Item:
        root = self._root
        return Item(root.name, root.kind, root.size_bytes, root.facts, root_page)

    def _read_ahead(self, reader: ItemReader) -> Iterator[_Load]:
        """Loads in order, being read; so many bytes ahead of whoever takes them."""
        ahead: deque[_Load] = deque()
        ahead_bytes = 0
        for segments in _together(self._segments()):
            size = sum(segment.size for segment in segments)
            wanted = [wanted for segment in segments for wanted in segment.batch()]
            ahead.append(_Load(segments, reader.start(wanted, size), size))
            ahead_bytes += size
            while ahead_bytes > AHEAD_BYTES or len(ahead) > AHEAD_LOADS:
                oldest = ahead.popleft()
                ahead_bytes -= oldest.size
                yield oldest
        yield from ahead

    def _segments(self) -> Iterator[_Segment]:
        for listing in walk_order(self._source.listings()):
            if isinstance(listing, Unchanged):
                if not self._session.has_gaps:
                    yield _Segment(listing, {}, 0, listing.items, [], 0)
                    continue
                listing = Listing(listing.path, list(self._previous.listing(listing.path).values()))
            # ORDER: asked for here, where the source has just asked, too: the items are the very same ones.
            known = self._previous.listing(listing.path)
            if self._resumed is not None:
                listing = self._resumed.opened(listing)  # what it stands for is to be read
            yield from _segments_of(self._without_lost(listing), known)

    def _without_lost(self, listing: Listing) -> Listing:
        """The listing, where what an unchanged item refers to is gone from the vault: to be read again."""
        if not self._session.has_gaps:
            return listing
        lost = [
            position
            for position, item in enumerate(listing.items)
            if item.content and item.kind in CONTENT_KINDS and not self._session.holds(item, self._get_page)
        ]
        if not lost:
            return listing
        items = list(listing.items)
        for position in lost:
            item = items[position]
            items[position] = Item(item.name, item.kind, item.size_bytes, item.facts, None)
        return Listing(listing.path, items)

    def _take(self, load: _Load) -> None:
        reads = iter(load.take())
        for segment in load.segments:
            self._take_segment(segment, reads)
        if self._checkpoints is not None and self._checkpoints.is_due():
            self._checkpoints.make(self._root_item(self._trees.so_far()))
        self._advance(sum(segment.end - segment.start for segment in load.segments), load.size)

    def _take_segment(self, segment: _Segment, reads: Iterator[ReadItem]) -> None:
        listing = segment.listing
        known = segment.known
        stats = self._session.stats
        if isinstance(listing, Unchanged):
            self._trees.pass_over(listing)
            stats.files += listing.files
            stats.total_bytes += listing.size_bytes
            return
        opened = self._trees.enter(listing, known) if segment.start == 0 else self._trees.current
        for position in segment.wanted:
            opened.items[position] = self._take_small(known, next(reads))
        for position in range(segment.start, segment.end):
            item = listing.items[position]
            if item.kind in CONTENT_KINDS:
                stats.files += 1
                if item.content is None and item.kind == ItemKind.VOLUME:
                    opened.items[position] = self._take_volume(listing.path, known, item)
                elif item.content is None and item.size_bytes > SMALL_BYTES:
                    opened.items[position] = self._take_large(listing.path, known, item)
                settled = opened.items[position]
                stats.total_bytes += settled.size_bytes if settled is not None else 0

    def _take_small(self, known: Known, read: ReadItem) -> Item | None:
        item = read.item
        if item is None:
            return None
        stats = self._session.stats
        stats.read_items += 1
        if len(read.data) > SMALL_BYTES:  # grown since it was listed
            parts = self._session.add_stream(InMemory(read.data), len(read.data))
            content = encode_content(parts, self._session.put_page)
            return self._settle(known, item, content, len(read.data))
        stats.read_bytes += len(read.data)
        if read.data:
            self._session.add_chunk(read.identity, read.data)
        return self._settle(known, item, read.identity if read.data else b"", len(read.data))

    def _take_large(self, directory: bytes, known: Known, item: Item) -> Item | None:
        opened = self._source.open(directory, item)
        if opened is None:
            return None
        content, as_read = opened
        parts = self._parts_so_far(directory, as_read, content)
        left = as_read.size_bytes - sum(part.length for part in parts)
        encode = partial(encode_content, put_page=self._session.put_page)
        told = partial(self._told_within, directory, as_read, encode, parts) if self._checkpoints else None
        try:
            watched = _Watched(content, self._advance)
            self._session.add_stream(watched, left, parts=parts, after_each=told)
        finally:
            content.close()
        self._session.stats.read_items += 1
        size = sum(part.length for part in parts)
        return self._settle(known, as_read, encode_content(parts, self._session.put_page), size)

    def _take_volume(self, directory: bytes, known: Known, item: Item) -> Item:
        # INVARIANT: what changed is told against the point. What an attempt that was cut off has taken since
        # may hold blocks that are by now again what they were then, and so are not told.
        resumed = self._resumed
        last = known.get(item.name) if resumed is None else resumed.of_point(directory, item.name)
        before = self._whole_volume(last)
        volume = self._source.open_volume(item, before)
        blocks = _WatchedBlocks(volume, self._session.stats, self._advance)
        taker = VolumeTaker(self._session.add_cut, self._session.put_page, self._get_page)
        try:
            held = KnownVolume(before.content or b"", before.size_bytes) if before is not None else None
            encode = partial(encode_pages, put_page=self._session.put_page, fan_out=PAGE_BLOCKS)
            told = partial(self._told_within, directory, item, encode) if self._checkpoints else None
            try:
                done = self._pages_so_far(directory, item)
                content = taker.take(blocks, item.size_bytes, held, done=done, after_page=told)
            except (Damaged, ObjectMissing):  # the list of before cannot be read: nothing is built upon it
                content = taker.take(blocks, item.size_bytes, None, after_page=told)
        finally:
            volume.close()
        self._session.stats.read_items += 1
        return Item(item.name, item.kind, item.size_bytes, item.facts, content)

    def _whole_volume(self, before: Item | None) -> Item | None:
        """The volume of the previous point, if the new one may be built upon it."""
        if before is None or before.kind != ItemKind.VOLUME:
            return None
        is_there = not self._session.has_gaps or self._session.holds(before, self._get_page)
        return before if is_there else None

    def _parts_so_far(self, directory: bytes, as_read: Item, content: Bytes) -> list[Part]:
        """What an earlier attempt read of the item, which goes on behind it; mostly nothing."""
        begun = self._resumed.take_begun(directory, as_read) if self._resumed is not None else None
        if begun is None or not isinstance(content, Resumable):
            return []
        content.skip_to(begun.unfinished.done_bytes)
        return begun.parts

    def _pages_so_far(self, directory: bytes, item: Item) -> Sequence[Part]:
        """What an earlier attempt read of the volume, if it is the same one: whole pages of its list."""
        begun = self._resumed.take_begun(directory, item) if self._resumed is not None else None
        return [] if begun is None else page_parts(begun.unfinished.item.content or b"", self._get_page)

    def _told_within(
        self, directory: bytes, item: Item, encode: Callable[[Sequence[Part]], bytes], parts: Sequence[Part]
    ) -> None:
        """More of a long item was taken in: so many parts now, or pages of a volume's list."""
        if self._checkpoints is None or not self._checkpoints.is_due():
            return
        item = Item(item.name, item.kind, item.size_bytes, item.facts, encode(parts))
        done_bytes = sum(part.length for part in parts)
        unfinished = Unfinished(directory=directory, item=item, done_bytes=done_bytes)
        self._checkpoints.make(self._root_item(self._trees.so_far()), [unfinished])

    def _settle(self, known: Known, item: Item, content: bytes, size: int) -> Item:
        settled = Item(item.name, item.kind, size, item.facts, content)
        before = known.get(item.name)
        if before is not None and before.facts == item.facts and before.content not in (content, BEGUN):
            # Everything that marks a change says "unchanged", and the bytes differ.
            self._session.stats.surprises += 1
        return settled


def _is_small(item: Item) -> bool:
    """Is it yet to be read, and at once?"""
    is_stream = item.kind in CONTENT_KINDS and item.kind != ItemKind.VOLUME
    return item.content is None and is_stream and item.size_bytes <= SMALL_BYTES


def _segments_of(listing: Listing, known: Known) -> Iterator[_Segment]:
    """The listing in one segment or several, none with more to read than one load should have."""
    start = size = 0
    wanted: list[int] = []
    for position, item in enumerate(listing.items):
        if _is_small(item):
            wanted.append(position)
            size += item.size_bytes
            if size >= LOAD_BYTES or len(wanted) >= LOAD_ITEMS:
                yield _Segment(listing, known, start, position + 1, wanted, size)
                start, wanted, size = position + 1, [], 0
    if start < len(listing.items) or not listing.items:
        yield _Segment(listing, known, start, len(listing.items), wanted, size)


def _together(segments: Iterator[_Segment]) -> Iterator[list[_Segment]]:
    """Small segments in groups: a tree of many small directories costs no more than one large directory."""
    group: list[_Segment] = []
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
