"""One recovery point being written: chunks and pages in, one record at the end.

# ORDER: packs and trees, then the index fragment, then locks (locking.py), then the point record. Whatever
# dies before the record leaves nothing that a reader sees; whatever dies after it has lost nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from safehold.core.errors import Damaged, ObjectExists, ObjectMissing, StoreError, StoreFull
from safehold.domain.items import Item
from safehold.store.backends.contract import Backend
from safehold.store.fragments.places import ObjectRef
from safehold.store.index.index import FragmentLike, Index, build_fragment, ids_in
from safehold.store.index.index_folder import IndexFolder
from safehold.store.names import ObjectType
from safehold.store.points.locking import Keeping
from safehold.store.points.points import PointRecord, PointStats, decode_point, encode_record
from safehold.store.sealed.chunking import ZERO_ID, Chunker, Readable, chunk_id, is_zero
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.objects import Directory, FrameKind, SealedObject
from safehold.store.sealed.sealing import new_object_name
from safehold.store.trees.contents import GetPage, Part, decode_content
from safehold.store.writers.intents import Announcement
from safehold.store.writing.packing import (
    ALONE_BYTES,
    FRAME_BYTES,
    PAGE_FRAME_BYTES,
    Frame,
    FrameFiller,
    OpenObject,
    StoredObject,
)
from safehold.store.writing.workshop import Workshop

COMBINED_BYTES = 1 << 20  # a point that adds less is one single object
NAMED_CHUNKS = 1 << 17  # so many stored, and a fragment names them: they need 20 MB until then


class Session:
    """Use as a `with` block; leaving it without `finish` leaves nothing behind."""

    def __init__(
        self,
        backend: Backend,
        keys: VaultKeys,
        vault_id: bytes,
        index: Index,
        announcement: Announcement,
        *,
        has_gaps: bool = False,
        keeping: Keeping | None = None,
        data_type: ObjectType = ObjectType.PACK,
    ) -> None:
        """has_gaps: of what an earlier point refers to, something may be gone or about to go
        keeping: sees to the locks, in a vault that has them
        data_type: of the objects that data goes into
        """
        self._type_of = {FrameKind.DATA: data_type, FrameKind.PAGES: ObjectType.TREE}
        backend = backend if keeping is None else keeping.backend
        self.stats = PointStats()
        self._backend = backend
        self._keys = keys
        self._vault_id = vault_id
        self._index = index
        self.announcement = announcement
        self.has_gaps = has_gaps or index.has_gaps()  # asked once: it looks at every object of the vault
        self._new: set[bytes] = set()
        self._chunker = Chunker(keys.chunker_seed)
        self._fillers = {
            FrameKind.DATA: FrameFiller(FrameKind.DATA, FRAME_BYTES),
            FrameKind.PAGES: FrameFiller(FrameKind.PAGES, PAGE_FRAME_BYTES),
        }
        self._held: list[Frame] | None = []  # until it is clear that one combined object will not do
        self._held_bytes = 0
        self._open: dict[FrameKind, OpenObject] = {}
        self._workshop = Workshop(backend)
        self.named_chunks = NAMED_CHUNKS  # so many are stored before a fragment names them
        self._folder = IndexFolder(backend, keys, vault_id)
        self._keeping = keeping
        self._unnamed: list[StoredObject] = []  # taken from the workshop, and no fragment can name them yet

    def __enter__(self) -> Self:
        self._workshop.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workshop.__exit__(kind, error, trace)
        self._clean_up()
        self.announcement.end()

    @property
    def is_locked(self) -> bool:
        """Must the objects of all that the point relies on be kept as long as the point?"""
        return self._keeping is not None

    @property
    def remembered_chunks(self) -> int:
        """Chunks that are new and that no fragment names yet."""
        return len(self._new)

    def add_chunk(self, identity: bytes, data: bytes | memoryview) -> None:
        """The vault has this chunk when the point is committed. `identity` is its chunk id."""
        self._add(FrameKind.DATA, identity, data)

    def add_stream(
        self,
        content: Readable,
        expected_bytes: int,
        *,
        parts: list[Part] | None = None,
        after_each: Callable[[], None] | None = None,
    ) -> list[Part]:
        """Cut a long item into chunks and take them in; returns them in order.

        parts       those that came before `content`, to which the new ones are added
        after_each  called after each of them
        """
        parts = [] if parts is None else parts
        for data in self._chunker.cut(content, expected_bytes=expected_bytes):
            parts.append(self.add_cut(data))
            self.stats.read_bytes += len(data)
            if after_each is not None:
                after_each()
        return parts

    def add_cut(self, data: memoryview) -> Part:
        """Take in a piece of an item; zeros are told as such and not stored."""
        if is_zero(data):
            return Part(ZERO_ID, len(data))
        identity = chunk_id(self._keys.chunk_id_key, data)
        # A small piece waits for others to share its frame: a view would keep the chunker's whole buffer.
        self.add_chunk(identity, data if len(data) >= ALONE_BYTES else bytes(data))
        return Part(identity, len(data))

    def holds(self, item: Item, get_page: GetPage) -> bool:
        """Has the vault all that an item of an earlier point refers to? Ask only where `has_gaps`."""
        try:
            parts = decode_content(item.content or b"", item.size_bytes, self._only_kept(get_page))
            return all(part.id == ZERO_ID or self._is_kept(part.id) for part in parts)
        except (Damaged, ObjectMissing):
            return False

    def _is_kept(self, identity: bytes) -> bool:
        """May the point rely on it? Then its object is locked as the point is, where there are locks: it may
        be another one than the earlier point found it in."""
        if identity not in self._index:
            return False
        if self._keeping is not None:
            self._keeping.note(self._index, identity)
        return True

    def _only_kept(self, get_page: GetPage) -> GetPage:
        def get_kept(page_id: bytes) -> bytes:
            if not self._is_kept(page_id):
                raise ObjectMissing(f"page {page_id.hex()} is gone or about to go")
            return get_page(page_id)

        return get_kept

    def put_page(self, page: bytes) -> bytes:
        """Store an item-tree or content-list page; returns its id. Equal pages are one."""
        identity = chunk_id(self._keys.chunk_id_key, page)
        self._add(FrameKind.PAGES, identity, page)
        return identity

    def _add(self, kind: FrameKind, identity: bytes, data: bytes | memoryview) -> None:
        if identity in self._new:
            return
        if self._is_kept(identity):
            return
        self._new.add(identity)
        self.stats.new_chunks += 1
        self.stats.new_bytes += len(data)
        frame = self._fillers[kind].add(identity, data)
        if frame is not None:
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        if self._held is None:
            self._seal(frame)
            return
        self._held.append(frame)
        self._held_bytes += frame.size
        if self._held_bytes >= COMBINED_BYTES:
            self._release_held()

    def _release_held(self) -> None:
        held, self._held = self._held or [], None
        for frame in held:
            self._seal(frame)

    def _seal(self, frame: Frame) -> None:
        target = self._open.get(frame.kind)
        if target is None:
            kind = self._type_of[frame.kind]
            target = self._open[frame.kind] = self._begin(kind, new_object_name(kind))
        self._workshop.seal(target, frame)
        if target.is_full():
            self._workshop.upload(self._open.pop(frame.kind))
            if self._workshop.stored_chunks >= self.named_chunks:
                self._name_stored()

    def name_stored(self) -> None:
        """A fragment names all packs that are full by now: a later attempt finds what is in them."""
        self._workshop.settle()
        if self._workshop.stored_chunks:
            self._name_stored()

    def _name_stored(self) -> None:
        """A fragment names what was stored so far: what we must remember does not grow with the source.

        # INVARIANT: only whole, stored objects are named; from then on they are never taken back by us.
        """
        named = self._unnamed = self._workshop.take_stored()
        fragment = self._put_fragment([(stored.ref, stored.directory) for stored in named])
        for stored in named:
            self._new.difference_update(ids_in(stored.directory))
        self._index.add(fragment)
        self._folder.tend(self._index)

    def _put_fragment(self, objects: list[tuple[ObjectRef, Directory]]) -> FragmentLike:
        named, self._unnamed = self._unnamed, []
        self.stats.stored_bytes += sum(stored.size_bytes for stored in named)
        try:
            written = self._folder.write(objects)
        except StoreFull:
            self._unnamed = named  # for certain it is not there, and a full store needs the room
            raise
        self.stats.stored_bytes += written.size_bytes
        self._index.note_objects({stored.ref.name: stored.size_bytes for stored in named})
        return self._folder.open(written.name, size_bytes=written.size_bytes)

    def _begin(self, kind: ObjectType, name: str) -> OpenObject:
        return OpenObject(self._keys, self._vault_id, kind, name)

    def finish(self, record: PointRecord) -> PointRecord:
        """Commit the point. Returns the record that holds: an earlier attempt's, when it was there first.

        Raises StoreError; nothing of the point is visible then.
        """
        self._take_rest()
        point = self._begin(ObjectType.POINT, ObjectType.POINT.folder + record.point_id)
        if self._held is not None and point.name in self._index.covered:
            # An earlier attempt died after its fragment, which says that this record holds no chunks.
            self._release_held()
        if self._held is None:
            self._store_index(point)
        for frame in self._held or ():
            self._workshop.seal(point, frame)
        record.stats = self.stats
        record.intent_id, record.epoch = self.announcement.intent_id, self.announcement.epoch
        if self._keeping is not None:
            self._keeping.secure(record)
        self._workshop.seal(point, Frame(FrameKind.RECORD, [encode_record(record)], []))
        return self._commit(point, record)

    def keep(self) -> None:
        """What was taken in stays, without a point of its own: others lacked it. Raises StoreError."""
        self._take_rest()
        if self._held is not None:
            self._release_held()
        self._store_index(None)

    def stand(self, point_id: str) -> None:
        """What was kept stands, and may be written down of that point. Raises WriterRevoked when collection
        went on without us."""
        self.announcement.admit(point_id)

    def save(self) -> None:
        """What was taken in so far is stored, and others may find it; more may come. Raises StoreError."""
        self._take_rest()
        if self._held is not None:
            self._release_held()
        self._upload_open()
        if self._workshop.settle():
            self._name_stored()

    def _take_rest(self) -> None:
        for filler in self._fillers.values():
            frame = filler.take()
            if frame is not None:
                self._take(frame)

    def _store_index(self, point: OpenObject | None) -> None:
        self._upload_open()
        self._workshop.settle()
        self._unnamed = self._workshop.take_stored()
        objects = [(stored.ref, stored.directory) for stored in self._unnamed]
        if point is not None:
            # It will hold no chunks: saying so now spares every later reader a look into it.
            objects.append((ObjectRef(point.name, point.seal.header), Directory(1, [])))
        self._index.add(self._put_fragment(objects))

    def _upload_open(self) -> None:
        for opened in self._open.values():
            self._workshop.upload(opened)
        self._open.clear()

    def _commit(self, point: OpenObject, record: PointRecord) -> PointRecord:
        try:
            stored = point.store(self._backend)
        except ObjectExists:
            there = SealedObject(self._backend, self._keys, self._vault_id, point.name)
            return self.announcement.adopted(decode_point(there.record(), point.name))
        self.announcement.adopted(record)
        self.stats.stored_bytes += stored.size_bytes
        self._index.note_objects({stored.ref.name: stored.size_bytes})
        self._index.add(build_fragment([(stored.ref, stored.directory)]))
        return record

    def _clean_up(self) -> None:
        """Take back what was stored for a point that will not be. Best effort: collection takes the rest.

        # INVARIANT: only what no index fragment has ever named is deleted here. From the moment our fragment
        # may be there, another writer may have found our chunks in it and refer to them.
        """
        for name in [*self._workshop.stored_names(), *(stored.ref.name for stored in self._unnamed)]:
            with suppress(StoreError):
                self._backend.delete(name)
