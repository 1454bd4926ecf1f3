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
from safehold.store.points.checkpoints import Unfinished
from safehold.store.points.points import PointStats
from safehold.store.sealed.chunking import SMALL_BYTES, InMemory, Readable
from safehold.store.trees.contents import GetPage, Part, encode_content, encode_pages, page_parts
from safehold.store.trees.trees import PageCutter
from safehold.store.writing import loads
from safehold.store.writing.checkpointing import Checkpointing
from safehold.store.writing.loads import (
    Read,
    ReadItem,
    ReadRun,
    Segment,
    is_small,
    read_items,
    read_segments,
    segments_of,
    segments_of_new,
    together,
)
from safehold.store.writing.reading import ItemReader
from safehold.store.writing.resuming import BEGUN
from safehold.store.writing.session import Session
from safehold.store.writing.tree_writer import Known, OpenNew, TreeWriter
from safehold.store.writing.volumes import PAGE_BLOCKS, Blocks, VolumeTaker
from safehold.store.writing.volumes import Known as KnownVolume

AHEAD_BYTES = 8 << 20
AHEAD_LOADS = 32

Advance = Callable[[int, int], None]  # (items, bytes) further; may raise to stop the job


class Bytes(Readable, Protocol):
    def close(self) -> None: ...


class Volume(Blocks, Protocol):
    def close(self) -> None: ...


@runtime_checkable
class Resumable(Protocol):
    """Content whose reading can begin in the middle."""

    def skip_to(self, offset: int) -> None: ...


class Source(loads.Source, Protocol):
    """What of a capture is needed here; connectors/contract.py describes it in full."""

    def root(self) -> Item: ...

    def listings(self) -> Iterator[AnyListing]: ...

    def open(self, directory: bytes, item: Item) -> tuple[Bytes, Item] | None: ...

    def open_volume(self, item: Item, before: Item | None) -> Volume: ...


class _Load(NamedTuple):
    """Neighbouring segments whose small items are read together."""

    segments: list[Segment]
    take: Callable[[], list[Read]]
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
        with ItemReader() as reader:
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
        for segments in together(self._segments()):
            size = sum([segment.size for segment in segments])
            count = sum([len(segment.wanted) for segment in segments])
            read = partial(read_segments, self._source, self._key, segments)
            # With nothing to read, nobody is asked.
            take = reader.start(read, count, size) if count else read
            ahead.append(_Load(segments, take, size))
            ahead_bytes += size
            while ahead_bytes > AHEAD_BYTES or len(ahead) > AHEAD_LOADS:
                oldest = ahead.popleft()
                ahead_bytes -= oldest.size
                yield oldest
        yield from ahead

    def _segments(self) -> Iterator[Segment]:
        for listing in walk_order(self._source.listings()):
            if isinstance(listing, NewListing):
                yield from segments_of_new(listing)
            elif not isinstance(listing, Unchanged):
                yield from self._segments_of_listed(listing)
            elif not self._session.has_gaps:
                yield Segment(listing, {}, 0, listing.items, [], 0)
            else:
                for opened in self._opened(listing):
                    yield from self._segments_of_listed(opened)

    def _segments_of_listed(self, listing: Listing) -> Iterator[Segment]:
        # ORDER: asked for here, where the source has just asked, too: the items are the very same ones.
        known = self._previous.listing(listing.path)
        if self._resumed is not None:
            listing = self._resumed.opened(listing)  # what it stands for is to be read
        yield from segments_of(self._without_lost(listing), known)

    def _opened(self, unchanged: Unchanged) -> Iterator[Listing]:
        """The directory with its items; each one below it, too, where it stands for them."""
        waiting = [unchanged.path]
        while waiting:
            path = waiting.pop()
            items = list(self._previous.listing(path).values())
            yield Listing(path, items)
            if unchanged.is_whole:
                below = [join(path, item.name) for item in items if item.kind == ItemKind.DIRECTORY]
                waiting.extend(reversed(below))

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
        for segment, read in zip(load.segments, load.take(), strict=True):
            self._take_segment(segment, read)
        if self._checkpoints is not None and self._checkpoints.is_due():
            self._checkpoints.make(self._root_item(self._trees.so_far()))
        self._advance(sum(segment.end - segment.start for segment in load.segments), load.size)

    def _take_segment(self, segment: Segment, read: Read) -> None:
        if isinstance(segment.listing, Unchanged):
            self._pass_over(segment.listing)
        elif isinstance(segment.listing, NewListing):
            self._take_new(segment, segment.listing, read)
        else:
            self._take_listed(segment, segment.listing, read)

    def _pass_over(self, listing: Unchanged) -> None:
        self._trees.pass_over(listing)
        self._session.stats.files += listing.files
        self._session.stats.total_bytes += listing.size_bytes

    def _take_listed(self, segment: Segment, listing: Listing, reads: Read) -> None:
        known, stats = segment.known, self._session.stats
        assert isinstance(reads, list), "runs are read of new directories alone"
        opened = self._trees.enter(listing, known) if segment.start == 0 else self._trees.current
        for position, read in zip(segment.wanted, reads, strict=True):
            opened.items[position] = self._take_small(known, read)
        for position in range(segment.start, segment.end):
            item = listing.items[position]
            if item.kind in CONTENT_KINDS:
                stats.files += 1
                if item.content is None and not is_small(item):
                    opened.items[position] = self._take_long(listing.path, known, item)
                settled = opened.items[position]
                stats.total_bytes += settled.size_bytes if settled is not None else 0

    def _take_new(self, segment: Segment, listing: NewListing, read: Read) -> None:
        opened = self._trees.enter_new(listing) if segment.start == 0 else self._trees.current_new
        if isinstance(read, ReadRun):
            self._take_run(opened, segment.wanted, read)
        else:
            for position, one in zip(segment.wanted, read, strict=True):
                self._settle_new(opened, position, self._take_small({}, one))
        for position in range(segment.start, segment.end):
            if listing.kinds[position] == ItemKind.FILE and listing.sizes[position] > SMALL_BYTES:
                taken = self._take_long(listing.path, {}, listing.file(position))
                self._settle_new(opened, position, taken)
            elif not listing.kinds[position]:
                self._take_other(opened, listing, position)

    def _take_run(self, opened: OpenNew, wanted: Sequence[int], run: ReadRun) -> None:
        # In names of their own: this runs for each small file of a first backup.
        add, data = self._session.add_chunk, run.data
        heads, encoded = opened.listing.heads, opened.encoded
        at = 0
        for position, length, identity in zip(wanted, run.lengths, run.ids, strict=True):
            if length:
                add(identity, data[at : at + length])
                at += length
            encoded[position] = heads[position] + identity
        stats = self._session.stats
        stats.files += len(wanted)
        stats.read_items += len(wanted)
        stats.read_bytes += at
        stats.total_bytes += at

    def _take_other(self, opened: OpenNew, listing: NewListing, position: int) -> None:
        item = listing.others[position]
        if item is None or item.kind not in CONTENT_KINDS:
            opened.settle(position, item)
            return
        if is_small(item):  # a file of several names, say
            (read,) = read_items(self._source, self._key, [(listing.path, item)])
            self._settle_new(opened, position, self._take_small({}, read))
        else:
            self._settle_new(opened, position, self._take_long(listing.path, {}, item))

    def _settle_new(self, opened: OpenNew, position: int, item: Item | None) -> None:
        """A file, taken in; None if it vanished."""
        opened.settle(position, item)
        self._session.stats.files += 1
        self._session.stats.total_bytes += item.size_bytes if item is not None else 0

    def _take_long(self, directory: bytes, known: Known, item: Item) -> Item | None:
        take = self._take_volume if item.kind == ItemKind.VOLUME else self._take_large
        return take(directory, known, item)

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
