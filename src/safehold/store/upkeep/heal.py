"""Healing: what this vault lacks is taken from another vault that holds the same resource.

Chunk ids differ between vaults, so items are found by path, their bytes cut as this vault cuts them or as the
other one did (copies keep their cuts), and stored only where they come to the very ids that are lacking:
nothing else can come in.

# INVARIANT: only new objects are written. Nothing is edited, nothing is deleted, no point is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.domain.items import CONTENT_KINDS, Item, ItemKind, join
from safehold.store.backends.contract import Retention, locking
from safehold.store.backends.retention import from_facts, strongest
from safehold.store.fragments.id_set import IdSet
from safehold.store.points.locking import PointLock
from safehold.store.points.origins import origin_of
from safehold.store.points.points import PointRecord
from safehold.store.sealed.chunking import SMALL_BYTES, ZERO_ID, Chunker, chunk_id, is_zero
from safehold.store.trees.contents import Part, decode_content, encode_content
from safehold.store.trees.trees import PageCutter, read_directory, write_directory
from safehold.store.vault_store import VaultStore
from safehold.store.writing.session import Session

MAX_TOLD = 1000
BLOCK_BYTES = 1 << 20
LOST = (Damaged, KeyMismatch, ObjectMissing)

Keep = Callable[[bytes, bytes | memoryview], None]  # a chunk's id and bytes


class Unhealed(NamedTuple):
    """point_id, path: of an item or folder that the other vault does not hold as it was."""

    point_id: str
    path: bytes
    why: str


@dataclass(slots=True)
class HealReport:
    """lacking    items and folders that this vault cannot give back whole
    chunks, bytes what was stored for them, or would be
    """

    points: int = 0
    lacking: int = 0
    healed: int = 0
    chunks: int = 0
    bytes: int = 0
    unhealed: list[Unhealed] = field(default_factory=list)


class _Copy:
    """A point of the other vault: its items, and their bytes cut and named as this vault does.

    keeps_cuts  long items are cut as they are there: one of the two points is a copy of the other
    """

    def __init__(self, mine: VaultStore, other: VaultStore, record: PointRecord, *, keeps_cuts: bool) -> None:
        self._keeps_cuts = keeps_cuts
        self._keys = mine.keys
        self._chunks = other.chunks()
        self._tree = other.tree(record)
        self._cutter = PageCutter(mine.keys.page_key)

    def find(self, path: bytes) -> Item | None:
        return self._tree.find(path)

    def folder(self, item: Item, keep_chunk: Keep, keep_page: Keep) -> bytes:
        """The id that the folder's root page has in this vault; all chunks and pages of it are kept."""
        items = []
        for child in read_directory(item.content or b"", self._chunks.read):
            content = child.content
            if child.kind == ItemKind.DIRECTORY:
                content = self.folder(child, keep_chunk, keep_page)
            elif child.kind in CONTENT_KINDS:
                content = self.file(child, keep_chunk, keep_page)
            items.append(Item(child.name, child.kind, child.size_bytes, child.facts, content))
        return write_directory(items, self._cutter, lambda page: self._page(page, keep_page))

    def file(self, item: Item, keep_chunk: Keep, keep_page: Keep) -> bytes:
        """The item's content as it is in this vault; its chunks and pages are kept."""
        cut = self._parts_as_there if self._keeps_cuts else self._parts
        parts = list(cut(item, keep_chunk))
        return encode_content(parts, lambda page: self._page(page, keep_page))

    def _parts_as_there(self, item: Item, keep_chunk: Keep) -> Iterator[Part]:
        for part in decode_content(item.content or b"", item.size_bytes, self._chunks.read):
            if part.id == ZERO_ID:
                yield part
            else:
                yield self._part(self._chunks.read(part.id), keep_chunk)

    def _parts(self, item: Item, keep_chunk: Keep) -> Iterator[Part]:
        for data in self._cut(item):
            if item.size_bytes > SMALL_BYTES and is_zero(data):
                yield Part(ZERO_ID, len(data))
            else:
                yield self._part(data, keep_chunk)

    def _part(self, data: bytes | memoryview, keep_chunk: Keep) -> Part:
        identity = chunk_id(self._keys.chunk_id_key, data)
        keep_chunk(identity, data)
        return Part(identity, len(data))

    def _cut(self, item: Item) -> Iterator[bytes | memoryview]:
        if item.size_bytes > SMALL_BYTES:
            yield from Chunker(self._keys.chunker_seed).cut(_Joined(self._blocks(item)))
        elif item.size_bytes:
            yield b"".join(self._blocks(item))

    def _blocks(self, item: Item) -> Iterator[bytes]:
        for part in decode_content(item.content or b"", item.size_bytes, self._chunks.read):
            if part.id != ZERO_ID:
                yield self._chunks.read(part.id)
                continue
            for start in range(0, part.length, BLOCK_BYTES):
                yield bytes(min(BLOCK_BYTES, part.length - start))

    def _page(self, page: bytes, keep_page: Keep) -> bytes:
        identity = chunk_id(self._keys.chunk_id_key, page)
        keep_page(identity, page)
        return identity


class _Joined:
    """Blocks one after another, as a `Readable`."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def read_into(self, buffer: memoryview) -> int:
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _nothing(identity: bytes, data: bytes | memoryview) -> None:
    """Proves without keeping."""


class Healing:
    """One run. Scrub the vault first: what nobody found damaged is not looked for."""

    def __init__(self, store: VaultStore, other: VaultStore, session: Session | None) -> None:
        """session: where what is lacking goes; without one it is counted only."""
        self.report = HealReport()
        self._store = store
        self._other = other
        self._session = session
        self._read = store.chunks().read
        self._index = store.index_for_writing(cold=True)
        self._is_cold = False  # the point that is looked at
        self._kept = IdSet()
        self._failed: dict[bytes, list[Unhealed]] = {}
        self._others = list(self._readable_points(other))
        self._done: set[bytes] = set()  # contents that were healed: other points share them

    def _readable_points(self, store: VaultStore) -> Iterator[PointRecord]:
        is_void = store.void_check()
        for point_id in store.points():
            try:
                record = store.point(point_id)
                if not store.is_deleted(point_id) and not is_void(record):
                    yield record
            except LOST:
                continue  # its record is lost: verify tells

    def run(self) -> HealReport:
        for record in self._readable_points(self._store):
            self.report.points += 1
            self._is_cold = self._store.is_cold(record.point_id)
            copies = [
                _Copy(self._store, self._other, each, keeps_cuts=keeps_cuts)
                for each in self._candidates(record)
                for keeps_cuts in (False, True)
            ]
            self._heal_folder(record, copies)
        # A later point may have led to what an earlier one did not.
        healed = {content for content in self._failed if content in self._done}
        self.report.healed += sum(len(self._failed[content]) for content in healed)
        told = [each for content, each in self._failed.items() if content not in healed]
        self.report.unhealed = [one for many in told for one in many][:MAX_TOLD]
        return self.report

    def _candidates(self, record: PointRecord) -> list[PointRecord]:
        """Points of the same resource: the same point and its copies first, then by how near in time."""
        origin = origin_of(record, self._store.vault_id)
        same = [other for other in self._others if other.resource_arn == record.resource_arn]
        distance = {other.point_id: abs(other.taken_at - record.taken_at) for other in same}

        def is_other(other: PointRecord) -> bool:
            is_copy = origin_of(other, self._other.vault_id) == origin
            return not is_copy and other.point_id != record.point_id

        return sorted(same, key=lambda other: (is_other(other), distance[other.point_id]))

    def _heal_folder(self, record: PointRecord, copies: list[_Copy]) -> None:
        pending = [(b"", record.root)]
        while pending:
            path, folder = pending.pop()
            if (folder.content or b"") in self._done:
                continue
            try:
                items = list(read_directory(folder.content or b"", self._read))
            except LOST:
                self._heal(record, copies, path, folder)
                continue
            for item in items:
                here = join(path, item.name)
                if item.kind == ItemKind.DIRECTORY:
                    pending.append((here, item))
                elif item.kind in CONTENT_KINDS and not self._holds(item):
                    self._heal(record, copies, here, item)

    def _holds(self, item: Item) -> bool:
        if not item.content or item.content in self._done:
            return True
        try:
            parts = decode_content(item.content, item.size_bytes, self._read)
            return all(part.id == ZERO_ID or self._is_there(part.id) for part in parts)
        except LOST:
            return False

    def _is_there(self, identity: bytes) -> bool:
        """A cold point's data may lie in cold storage; a warm point's shall not."""
        return identity in self._index or (self._is_cold and self._index.holds(identity, cold=True))

    def _heal(self, record: PointRecord, copies: list[_Copy], path: bytes, item: Item) -> None:
        self.report.lacking += 1
        why = "no point of the other vault has it"
        for copy in copies:
            try:
                found = copy.find(path)
                if found is None or found.kind != item.kind or found.size_bytes != item.size_bytes:
                    continue
                if self._is_healed(copy, found, item):
                    self.report.healed += 1
                    self._done.add(item.content or b"")
                    return
                why = "the other vault holds another version of it"
            except LOST as error:
                why = f"the other vault's copy cannot be read: {error}"
        self._failed.setdefault(item.content or b"", []).append(Unhealed(record.point_id, path, why))

    def _is_healed(self, copy: _Copy, found: Item, item: Item) -> bool:
        """Store what is lacking of `item`, if what was `found` is the same to the last bit."""
        take = copy.folder if item.kind == ItemKind.DIRECTORY else copy.file
        # ORDER: proved before anything is stored; the second pass then stores what was proved.
        if take(found, _nothing, _nothing) != item.content:
            return False
        take(found, self._keep_chunk, self._keep_page)
        return True

    def _keep_chunk(self, identity: bytes, data: bytes | memoryview) -> None:
        if self._is_new(identity, data) and self._session is not None:
            self._session.add_chunk(identity, data)

    def _keep_page(self, identity: bytes, page: bytes | memoryview) -> None:
        if self._is_new(identity, page) and self._session is not None:
            self._session.put_page(bytes(page))

    def _is_new(self, identity: bytes, data: bytes | memoryview) -> bool:
        if identity in self._index or not self._kept.add(identity):
            return False
        self.report.chunks += 1
        self.report.bytes += len(data)
        return True


def _lock_of(store: VaultStore) -> PointLock | None:
    """What is healed may belong to any point, so it is locked as the one that is kept longest; None where no
    point is locked, or the place cannot lock."""
    needed: Retention | None = None
    for point_id in store.points() if locking(store.backend) is not None else ():
        with suppress(*LOST):
            told = from_facts(store.point(point_id).facts)
            needed = needed if told is None else strongest(needed, told)
    return None if needed is None else PointLock(needed, None)


def heal_from(store: VaultStore, other: VaultStore, *, dry_run: bool) -> HealReport:
    """Store again what `store` lacks and `other` holds; `dry_run` reads and proves all of it, stores nothing.

    Raises StoreUnavailable, StoreFull; then nothing of it counts.
    """
    if dry_run:
        return Healing(store, other, None).run()
    with store.session(lock=_lock_of(store)) as session:
        report = Healing(store, other, session).run()
        if report.chunks:
            session.keep()
    return report
