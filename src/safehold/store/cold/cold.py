"""A recovery point's data moved to cold storage. docs/formats/cold.md is the specification.

# INVARIANT: nothing is taken away here. A writer like any other, with an intent of its own, stores in the
# cold place what the point needs and no cold object holds; then an amendment says that the point is cold.
# That the warm chunks are not needed any more is found by collection, which counts a chunk as cold only where
# an object that is sure to stay holds it. Cut off anywhere, the point is as whole as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from safehold.core.errors import Damaged, ObjectMissing, StoreUnavailable
from safehold.domain.items import CONTENT_KINDS, Item, ItemKind
from safehold.store.backends.contract import Backend, Retention, locking
from safehold.store.backends.retention import from_facts, strongest
from safehold.store.backends.tiers import COLD, LABELS, is_cold, label_of
from safehold.store.cold.cold_writes import ColdWrites
from safehold.store.fragments.id_set import IdSet
from safehold.store.names import ObjectType
from safehold.store.points.locking import LockedWrites, first_version, hold_all, needs_locks, retain_all
from safehold.store.points.points import COLD_CLASS, STORAGE, STORAGE_CLASS, PointRecord
from safehold.store.sealed.chunking import ZERO_ID
from safehold.store.trees.contents import Part, decode_content
from safehold.store.trees.trees import read_directory
from safehold.store.vault_store import VaultStore
from safehold.store.writing.packing import ALONE_BYTES
from safehold.store.writing.session import Session

Advance = Callable[[int, int], None]  # (items, bytes) further; may raise to stop


@dataclass(slots=True)
class CoolReport:
    """chunks, bytes  of the point's data, each once; new: what cold storage did not hold before

    was_cold  it had been moved before: what cold storage lacked of it was stored again
    """

    point_id: str
    was_cold: bool = False
    chunks: int = 0
    bytes: int = 0
    new_chunks: int = 0
    new_bytes: int = 0
    stored_bytes: int = 0
    objects: int = 0


class Cooling:
    """One point on its way. One use."""

    def __init__(self, store: VaultStore, point_id: str, *, now: int, advance: Advance) -> None:
        self.report = CoolReport(point_id)
        self._store = store
        self._point_id = point_id
        self._now = now
        self._advance = advance
        self._seen = IdSet()
        self._used: set[str] = set()  # objects of cold storage that hold something of the point

    def run(self) -> CoolReport:
        """Raises ObjectMissing for a point that is not there or was deleted, Damaged, WriterRevoked,
        ConfigError, StoreError; the point is then where it was.
        """
        record = self._record()
        kept, is_held = _lock_of(self._store, self._point_id, record)
        self.report.was_cold = self._store.is_cold(self._point_id)
        writer, writes = _writer(self._store, kept)
        # ORDER: the intent pins the point before its chunks are read: collection leaves them alone.
        with writer.session(parents=[self._point_id], cold=True) as session:
            self._take_all(record, session, writer)
            self._finish(session, writes)
            self._secure(kept, is_held=is_held)
            if not self.report.was_cold:
                session.stand(self._point_id)
                facts = {STORAGE_CLASS: COLD_CLASS}
                self._store.amend(self._point_id, STORAGE, facts, written_at=self._now, kept=kept)
                # RACE: who locked it better meanwhile may not have known that it was on its way.
                kept, is_held = _lock_of(self._store, self._point_id, record)
                self._secure(kept, is_held=is_held)
        return self.report

    def _record(self) -> PointRecord:
        record = self._store.point(self._point_id)
        if self._store.is_deleted(self._point_id) or self._store.void_check()(record):
            raise ObjectMissing(f"point {self._point_id} was deleted")
        return record

    def _take_all(self, record: PointRecord, session: Session, writer: VaultStore) -> None:
        index, chunks = writer.index_for_writing(cold=True), self._store.chunks()
        for item in _files(record, chunks.read):
            size = 0
            for part in decode_content(item.content or b"", item.size_bytes, chunks.read):
                if part.id == ZERO_ID or not self._seen.add(part.id):
                    continue
                self.report.chunks += 1
                self.report.bytes += part.length
                places = [place for place in index.places(part.id) if is_cold(place.object.name)]
                if part.id in index:
                    self._used.add(places[0].object.name)
                else:
                    self._copy(part, chunks.read(part.id), session)
                size += part.length
            self._advance(1, size)

    def _copy(self, part: Part, data: bytes, session: Session) -> None:
        if len(data) != part.length:
            raise Damaged(f"chunk {part.id.hex()} has {len(data)} bytes, {part.length} were to be there")
        # A small one waits for others to share its frame.
        session.add_chunk(part.id, data if len(data) >= ALONE_BYTES else bytes(data))

    def _finish(self, session: Session, writes: ColdWrites) -> None:
        """All that is new is stored, read back and named; all that the point relies on is there."""
        if session.stats.new_chunks:
            session.keep()
        self._used |= writes.written
        needed = {name for one in self._used for name in (one, label_of(one))}
        backend = self._store.backend
        lost = needed - {info.name for folder in (COLD, LABELS) for info in backend.list(folder)}
        if lost:
            raise StoreUnavailable(
                f"{len(lost)} objects of cold storage are not there: {min(lost)} and others"
            )
        self.report.new_chunks, self.report.new_bytes = session.stats.new_chunks, session.stats.new_bytes
        self.report.stored_bytes = session.stats.stored_bytes
        self.report.objects = len(self._used)

    def _secure(self, kept: Retention | None, *, is_held: bool) -> None:
        """ORDER: what is cold is kept as the point is before anybody lets go of what is warm."""
        names = {name for one in self._used for name in (one, label_of(one))}
        if kept is not None:
            retain_all(needs_locks(self._store.backend), names, kept)
        if is_held:
            hold_all(needs_locks(self._store.backend), names, is_held=True)


def _files(record: PointRecord, get_page: Callable[[bytes], bytes]) -> Iterator[Item]:
    """Everything in the point that has bytes, each directory once. Raises Damaged, ObjectMissing."""
    pending, seen = [record.root.content or b""], set[bytes]()
    while pending:
        root_id = pending.pop()
        if root_id in seen:
            continue
        seen.add(root_id)
        below = []
        for item in read_directory(root_id, get_page):
            if item.kind == ItemKind.DIRECTORY:
                below.append(item.content or b"")
            elif item.kind in CONTENT_KINDS:
                yield item
        pending.extend(reversed(below))


def _lock_of(store: VaultStore, point_id: str, record: PointRecord) -> tuple[Retention | None, bool]:
    """What keeps the point now: as its record tells, or better since; and whether it is held."""
    kept = from_facts(record.facts)
    locks = locking(store.backend)
    if locks is None:
        return None, False
    version = first_version(locks, ObjectType.POINT.folder + point_id)
    now = locks.retention(version)
    if now is not None:
        kept = now if kept is None else strongest(kept, now)
    return kept, locks.is_held(version)


def _writer(store: VaultStore, kept: Retention | None) -> tuple[VaultStore, ColdWrites]:
    """The vault, opened for what goes to cold storage."""

    def put_record(name: str, record: bytes, retention: Retention | None) -> None:
        store.put_records(ObjectType.LABEL, name, [record], retention)

    writes = ColdWrites(store.backend, store.keys, store.vault_id, put_record)
    backend: Backend = writes if kept is None else LockedWrites(needs_locks(writes), kept)
    return VaultStore(backend, store.keys, store.vault_id, intents=store.intents), writes


def cool(
    store: VaultStore,
    point_id: str,
    *,
    now: int,
    advance: Advance = lambda items, size: None,
) -> CoolReport:
    """The point is in cold storage: all its data lies there, its tree and record stay warm.

    Again stores what cold storage lacks of it since. What is warm goes by collection, where no other point
    needs it. now: microseconds since 1970. Raises as `Cooling.run`.
    """
    return Cooling(store, point_id, now=now, advance=advance).run()
