"""One vault's store: what the rest of Safehold calls.

Objects in one backend, under the vault's keys. Any number of these may be open on one vault at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial

from safehold.core.errors import Damaged, KeyMismatch, NotRetrieved, ObjectExists, ObjectMissing
from safehold.domain.items import Item, PreviousTree
from safehold.store.backends.contract import Backend, Retention
from safehold.store.backends.first_written import FirstWritten, first_written
from safehold.store.backends.tiered import TieredBackend
from safehold.store.backends.tiers import label_of
from safehold.store.fragments.places import ObjectRef
from safehold.store.index.condemned import read_notes
from safehold.store.index.index import Fragment, Index, build_fragment
from safehold.store.index.index_folder import IndexFolder
from safehold.store.index.rebuilding import CHUNK_FOLDERS, CompleteIndex
from safehold.store.index.scratch_index import ScratchIndex
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.names import ObjectType
from safehold.store.points.locking import KEYS_FOLDER, Keeping, LockedWrites, PointLock, needs_locks
from safehold.store.points.points import (
    Amendment,
    PointRecord,
    decode_amendment,
    decode_point,
    encode_record,
    is_cold,
    is_deleted,
)
from safehold.store.restoring.chunks import ChunkReader, FrameReader
from safehold.store.restoring.object_use import objects_used
from safehold.store.restoring.restoring import RestoreCounts, Restoring, Skip, Target
from safehold.store.sealed.frames import seal_frame
from safehold.store.sealed.keys import VaultKeys, may_hold_keys, open_or_create_keys, read_keys
from safehold.store.sealed.objects import FrameKind, FrameNote, SealedObject, assemble
from safehold.store.sealed.sealing import NewSeal
from safehold.store.trees.tree_reader import PointTree
from safehold.store.writers.fences import adopted
from safehold.store.writers.intent_folder import void_check
from safehold.store.writers.intents import Intents
from safehold.store.writers.parents import are_whole
from safehold.store.writers.tombstones import Listed, Tombstones
from safehold.store.writing.backup import Advance, Backup, Source
from safehold.store.writing.checkpointing import Checkpointing
from safehold.store.writing.session import Session

UNCOVERED_POINTS = 64  # so many points without an index fragment, and a writer makes one for them


class VaultStore:
    """Opened once per job; the index is read when first needed. Threads: one job, its own helpers."""

    def __init__(
        self, backend: Backend, keys: VaultKeys, vault_id: bytes, *, intents: Intents | None = None
    ) -> None:
        """`intents`: those of the process, when its sessions share them; else each session has its own."""
        if isinstance(backend, FirstWritten | TieredBackend):
            backend.is_ours = self._authenticates
        self.backend = backend
        self.keys = keys
        self.vault_id = vault_id
        self.intents = intents or Intents(backend, keys, vault_id)
        self._index: Index | None = None
        self._cold_listed_in: Index | None = None  # the index that knows which cold objects are there
        self._index_as_of: Listed | None = None  # the tombstones that there were before the index was read
        self.index_folder = IndexFolder(backend, keys, vault_id)
        self._opened_points: dict[str, SealedObject] = {}
        self._complete: CompleteIndex | None = None
        self._frames = FrameReader(backend, keys, vault_id)

    @classmethod
    def for_writing(cls, backend: Backend, provider: KeyProvider, vault_id: bytes) -> VaultStore:
        """The vault's store; its keys are made when it has none yet."""
        backend = first_written(backend, partial(may_hold_keys, vault_id))
        return cls(backend, open_or_create_keys(backend, provider, vault_id), vault_id)

    @classmethod
    def for_reading(cls, backend: Backend, provider: KeyProvider, vault_id: bytes) -> VaultStore:
        """The store of a vault that was written to. Raises ObjectMissing, KeyMismatch, Damaged."""
        backend = first_written(backend, partial(may_hold_keys, vault_id))
        return cls(backend, read_keys(backend, provider, vault_id), vault_id)

    def _authenticates(self, backend: Backend, name: str) -> bool:
        """Is what lies there under that name ours? Of key objects their form alone tells."""
        if name.startswith(KEYS_FOLDER):
            return may_hold_keys(self.vault_id, backend, name)
        try:
            SealedObject(backend, self.keys, self.vault_id, name)
        except (Damaged, KeyMismatch, ObjectMissing, NotRetrieved):
            return False
        return True

    def object(self, name: str) -> SealedObject:
        return SealedObject(self.backend, self.keys, self.vault_id, name)

    # -- index

    def index(self) -> Index:
        """All chunks of the vault, as its fragments and combined points tell, read when lookups need it.

        What cannot be read of it is left out: what only that told of is stored again by writers, and found
        by readers another way (rebuilding.py).
        """
        if self._index is None:
            self._index_as_of = Tombstones(self.backend, self.keys, self.vault_id).listed()
            loaded = self.index_folder.load()
            index = Index(late=self._fragment_of_uncovered)
            index.unreadable.update(loaded.unreadable)
            for fragment in loaded.fragments:
                index.add(fragment)
            self._index = index
            self._add_points(list(self._opened_points.values()))
        return self._index

    def distrust_index_before(self, listed: Listed) -> None:
        """An index that was read under other tombstones is read again: collection may have taken what it
        names."""
        if self._index_as_of != listed:
            self._index = self._complete = None

    @property
    def unreadable_fragments(self) -> dict[str, str]:
        """Name -> why, as far as is known: a fragment is read piece by piece."""
        return dict(self.index().unreadable)

    def index_for_writing(self, *, cold: bool = False) -> Index:
        """The index, and which of the objects that it speaks of are there: listed once per opening.

        cold  those of cold storage, too: else they count as gone for whoever writes
        """
        index = self.index()
        is_new = not index.knows_objects()
        kinds = list(CHUNK_FOLDERS) if is_new else []
        if cold and self._cold_listed_in is not index:
            self._cold_listed_in = index
            kinds.append(ObjectType.COLD)
        # ORDER: listed after the fragments were read: what a fragment names was there before it.
        for kind in kinds:
            index.note_listing(self.backend.list(kind.folder))
        for _, note in read_notes(self.backend, self.object) if is_new else ():
            index.note_condemned(note.object, note.frames)
        if ObjectType.COLD in kinds:
            self._doubt_unlabelled(index)
        return index

    def _doubt_unlabelled(self, index: Index) -> None:
        """An object of cold storage without its label never was relied on, or its label is lost."""
        labels = {info.name for info in self.backend.list(ObjectType.LABEL.folder)}
        for info in self.backend.list(ObjectType.COLD.folder):
            if label_of(info.name) not in labels:
                index.note_condemned(info.name, None)

    def _fragment_of_uncovered(self) -> Fragment:
        """Of combined points that no fragment tells of."""
        return build_fragment((_ref(point), point.directory) for point in self._open_uncovered())

    def _open_uncovered(self) -> Iterator[SealedObject]:
        for name in self._uncovered_points():
            with suppress(Damaged, KeyMismatch, ObjectMissing):  # one damaged record costs one point
                yield self.object(name)

    def _uncovered_points(self) -> list[str]:
        index = self.index()
        listed = self.backend.list(ObjectType.POINT.folder)
        return [info.name for info in listed if not index.names(info.name)]

    def _add_points(self, opened: Sequence[SealedObject]) -> None:
        """Combined points that are at hand anyway: their chunks are found without looking at the others."""
        for point in opened:
            if self._index is not None and not self._index.covers(_ref(point)):
                self._index.add(build_fragment([(_ref(point), point.directory)]))
                if self._index.knows_objects():
                    self._index.note_objects({point.name: point.end})

    def compact_index(self) -> None:
        """Spare those who come later: many combined points without a fragment get one together, and many
        fragments become one. Those stay there until they are collected."""
        if len(self._uncovered_points()) >= UNCOVERED_POINTS:
            self.index_folder.write((_ref(point), point.directory) for point in self._open_uncovered())
            self._index = self._complete = None  # to be read again
        self.index_folder.tend(self.index())

    # -- points

    def points(self) -> Iterator[str]:
        """Ids of all point records, in order of id, deleted ones included."""
        for info in self.backend.list(ObjectType.POINT.folder):
            yield info.name.removeprefix(ObjectType.POINT.folder)

    def point(self, point_id: str) -> PointRecord:
        """Raises ObjectMissing, Damaged."""
        name = ObjectType.POINT.folder + point_id
        opened = self.object(name)
        is_combined = len(opened.directory.frames) > 1
        if is_combined and len(self._opened_points) < UNCOVERED_POINTS and name not in self._opened_points:
            self._opened_points[name] = opened
            self._add_points([opened])
        return decode_point(opened.record(), name)

    def void_check(self) -> Callable[[PointRecord], bool]:
        """Tells records of writers that were revoked, which are no points. Asked once for many records."""
        return void_check(self.backend, self.keys, self.vault_id)

    def find_point(self, point_id: str) -> PointRecord | None:
        with suppress(ObjectMissing):
            return self.point(point_id)
        return None

    def adopt_point(self, point_id: str) -> PointRecord | None:
        """The point that an earlier attempt has written, which stands from now on; None when there is none.

        Raises WriterRevoked when collection went on without that attempt: its record stands no more.
        """
        record = self.find_point(point_id)
        return None if record is None else adopted(self.intents.admit, record)

    def tree(self, record: PointRecord) -> PointTree:
        """The point's items. Reads no data pack."""
        return PointTree(record.root, self.chunks().read)

    def previous_tree(self, record: PointRecord) -> PointTree:
        """The point's items for the next backup to build upon: a directory whose list cannot be read is one
        that was not there, so that everything in it is read and stored anew."""
        return PointTree(record.root, self.chunks().read, is_tolerant=True)

    def chunks(self) -> ChunkReader:
        if self._complete is None:
            self._complete = CompleteIndex(
                self.index(),
                self.backend,
                self.object,
                lambda objects: ScratchIndex(objects, self.keys, self.vault_id),
            )
        return ChunkReader(self._frames, self._complete, self.keys.chunk_id_key)

    # -- amendments

    def amend(
        self,
        point_id: str,
        kind: str,
        facts: dict[str, str],
        *,
        written_at: int,
        kept: Retention | None = None,
    ) -> Amendment:
        """Write down a later fact about a point. Several writers get sequence numbers of their own.

        kept  the lock that the amendment gets, in a vault that is locked
        """
        folder = f"{ObjectType.AMENDMENT.folder}{point_id}/"
        # From the names alone: one amendment that cannot be read must not keep later facts out.
        sequence = max((int(info.name.removeprefix(folder)) for info in self.backend.list(folder)), default=0)
        while True:
            sequence += 1
            amendment = Amendment(
                version=1, point_id=point_id, sequence=sequence, kind=kind, written_at=written_at, facts=facts
            )
            name = f"{folder}{sequence:08}"
            with suppress(ObjectExists):
                self.put_records(ObjectType.AMENDMENT, name, [encode_record(amendment)], kept)
                return amendment

    def amendments(self, point_id: str) -> list[Amendment]:
        """In the order in which they were decided: of one kind, the last one holds.

        A worker that was held up may write an older fact after a newer one, so the sequence number alone
        says nothing; it only gives each object a name of its own.
        """
        names = [info.name for info in self.backend.list(f"{ObjectType.AMENDMENT.folder}{point_id}/")]
        found = [decode_amendment(self.object(name).record(), name) for name in names]
        return sorted(found, key=lambda amendment: (amendment.written_at, amendment.sequence))

    def is_deleted(self, point_id: str) -> bool:
        return is_deleted(self.amendments(point_id))

    def is_cold(self, point_id: str) -> bool:
        """Does all that the point holds lie in cold storage?"""
        return is_cold(self.amendments(point_id))

    def put_records(
        self, kind: ObjectType, name: str, records: Sequence[bytes], kept: Retention | None = None
    ) -> None:
        """Store an object of frames of records, one each. Raises ObjectExists, StoreError."""
        seal = NewSeal(self.keys, self.vault_id, kind, name)
        frames = [seal_frame(seal, number, [record]) for number, record in enumerate(records)]
        notes = [
            FrameNote(int(FrameKind.RECORD), len(frame), [len(record)], b"")
            for frame, record in zip(frames, records, strict=True)
        ]
        backend = self.backend if kept is None else LockedWrites(needs_locks(self.backend), kept)
        backend.put(name, assemble(seal, frames, notes))

    # -- backup and restore

    def session(
        self, parents: Sequence[str] | None = None, *, lock: PointLock | None = None, cold: bool = False
    ) -> Session:
        """Begin a recovery point; use as a `with` block.

        parents  points whose items the new one may refer to: when collection is known to leave alone what
                 they need, that is not looked up again. None: it may be any
        lock     what keeps the new point, in a vault that is locked; ConfigError where the place cannot
        cold     data goes to cold storage, and relies on what lies there alone (cold.py)
        """
        keeping = None if lock is None else Keeping(self.backend, lock, self.objects_used)
        with ExitStack() as undo:
            announcement = self.intents.begin(parents or ())
            undo.callback(announcement.end)
            self.distrust_index_before(announcement.listed)
            index = self.index_for_writing(cold=cold)
            index.for_cold = cold
            index.note_tombstoned(name for stone in announcement.tombstones for name in stone.names)
            has_gaps = not are_whole(self, parents, announcement)
            undo.pop_all()
            return Session(
                self.backend,
                self.keys,
                self.vault_id,
                index,
                announcement,
                has_gaps=has_gaps,
                keeping=keeping,
                data_type=ObjectType.COLD if cold else ObjectType.PACK,
            )

    def objects_used(self, record: PointRecord, *, cold: bool = False) -> set[str]:
        """What a point needs beside its record and the keys; see object_use.py.

        cold  it is a cold point: its data counts where it lies in cold storage, and labels belong to it
        """
        # So that of two places the one is told that is there and not condemned.
        self.index_for_writing(cold=cold)
        return objects_used(record, self.chunks(), cold=cold)

    def take_in(
        self,
        session: Session,
        source: Source,
        previous: PreviousTree,
        *,
        advance: Advance,
        checkpoints: Checkpointing | None = None,
    ) -> Item:
        """Read a capture into a session; returns the root item for the point record.

        checkpoints  makes them on the way; what it goes on with is `previous`
        """
        backup = Backup(
            session,
            source,
            previous,
            chunk_id_key=self.keys.chunk_id_key,
            page_key=self.keys.page_key,
            get_page=self.chunks().read,
            advance=advance,
            checkpoints=checkpoints,
        )
        return backup.run()

    def restore(
        self,
        record: PointRecord,
        target: Target,
        *,
        paths: Sequence[bytes] = (),
        advance: Advance,
        skip: Skip,
    ) -> RestoreCounts:
        """Put a point's items into a target; see Restoring.run."""
        restoring = Restoring(self._frames, self.chunks(), target, advance=advance, skip=skip)
        return restoring.run(self.tree(record), paths)


def _ref(opened: SealedObject) -> ObjectRef:
    return ObjectRef(opened.name, opened.seal.header)
