"""What must be kept: points that were not deleted, what live writers build upon, and what is held.

Listed again until two listings agree, so that nothing that came while we looked is missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from safehold.core.errors import CollectionRefused, Damaged, KeyMismatch, ObjectMissing
from safehold.store.names import ObjectType
from safehold.store.points.checkpoints import Checkpoint
from safehold.store.points.points import (
    Amendment,
    PointRecord,
    decode_amendment,
    decode_point,
    deleted_since,
    is_asked_back,
    is_cold,
    is_held,
)
from safehold.store.sealed.objects import SealedObject
from safehold.store.vault_store import VaultStore
from safehold.store.writers.intent_folder import Intent, IntentFolder, is_void

_ONE_POINT = (
    "Run `safehold verify` to learn what is left of it, `safehold store heal` if another vault has a copy. "
    "If it is of no use, delete it, and take it out of any legal hold: once the deletion counts, after the "
    "grace time, collection goes on."
)
LISTINGS = 20  # that may each show something else; a vault that is never still is collected another day


@dataclass(frozen=True, slots=True)
class Roots:
    """points: all records that are there; kept: those of them that are roots; void: of revoked writers

    deleted  records that are no roots and whose deletion is as old as it must be
    headers  of all point objects, by name: who may speak of the object under that name
    cooled   those roots whose data was moved to cold storage
    pinned   those roots that were deleted, and are kept because a live intent pins them, or as asked back
    asked    those that were deleted, and that somebody asked back who has not seen yet whether they are whole
    checkpoints  with which an unfinished backup may still go on
    """

    points: Mapping[str, PointRecord]
    kept: frozenset[str]
    void: frozenset[str]
    deleted: frozenset[str]
    intents: tuple[Intent, ...]
    headers: Mapping[str, bytes]
    cooled: frozenset[str] = frozenset()
    pinned: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    checkpoints: tuple[Checkpoint, ...] = ()

    @property
    def cold(self) -> frozenset[str]:
        """Roots whose data is needed in cold storage alone.

        RACE: a writer that builds upon one may have begun when it was warm: to it, it still is.
        """
        return self.cooled - {pin for intent in self.intents for pin in intent.pins}


@dataclass
class RootReader:
    """Reads each record and amendment once, however often they are listed. Not thread-safe."""

    store: VaultStore
    _points: dict[str, tuple[PointRecord | None, bytes]] = field(default_factory=dict)
    _amendments: dict[str, Amendment] = field(default_factory=dict)
    _unread: dict[str, str] = field(default_factory=dict)  # names of points' records, and why

    def read(self, *, deleted_before: int) -> Roots:
        """A deletion counts when it was decided before then. Raises CollectionRefused, StoreUnavailable."""
        folder = IntentFolder(self.store.backend, self.store.keys, self.store.vault_id)
        before: tuple[list[str], ...] = ()
        for _ in range(LISTINGS):
            listed = self._listing()
            if listed == before:
                return self._roots(listed, folder, deleted_before)
            before = listed
            self._read_new(listed)
        raise CollectionRefused("points come and go so fast that no two listings agree")

    def _listing(self) -> tuple[list[str], ...]:
        kinds = (ObjectType.POINT, ObjectType.AMENDMENT, ObjectType.REVOCATION)
        backend = self.store.backend
        return tuple([info.name for info in backend.list(kind.folder)] for kind in kinds)

    def _read_new(self, listed: tuple[list[str], ...]) -> None:
        for name in listed[1]:
            if name not in self._amendments:
                self._amendments[name] = decode_amendment(self._record(name), name)
        for name in listed[0]:
            if name not in self._points:
                self._points[name] = self._read_point(name)

    def _read_point(self, name: str) -> tuple[PointRecord | None, bytes]:
        """None for one that cannot be read: that is an answer only if the point was deleted."""
        try:
            opened = self._open(name)
            return decode_point(opened.record(), name), opened.seal.header
        except (Damaged, KeyMismatch, ObjectMissing) as error:
            # RACE: one that is missing another collector took; the next listing shows it
            self._unread[name] = str(error)
            return None, b""

    def _record(self, name: str) -> bytes:
        try:
            return self._open(name).record()
        except (Damaged, KeyMismatch, ObjectMissing) as error:
            raise CollectionRefused(f"what is kept cannot be told: {error}") from error

    def _open(self, name: str) -> SealedObject:
        return self.store.object(name)

    def _roots(self, listed: tuple[list[str], ...], folder: IntentFolder, deleted_before: int) -> Roots:
        revoked = {told.intent_id: frozenset(told.admitted) for told in folder.revoked()}
        intents = folder.live()
        pins = {pin for intent in intents for pin in intent.pins}
        amendments = self._amendments_by_point(listed[1])
        points: dict[str, PointRecord] = {}
        void, gone, asked = set(), set(), set()
        for name in listed[0]:
            point_id = name.removeprefix(ObjectType.POINT.folder)
            record = self._points[name][0]
            told = amendments[point_id]
            since = deleted_since(told)
            is_gone = since is not None and since < deleted_before and not is_held(told)
            if record is None and not is_gone:
                raise refused_for(f"point {point_id} cannot be read: {self._unread[name]}")
            if record is not None:
                points[point_id] = record
            if record is not None and is_void(revoked, record.intent_id, point_id):
                void.add(point_id)
            elif is_gone:
                gone.add(point_id)
                asked.update([point_id] if is_asked_back(told) else [])
        deleted = gone - pins - asked
        kept = frozenset(points) - void - deleted
        headers = {name: self._points[name][1] for name in listed[0]}
        cooled = frozenset(point_id for point_id in kept if is_cold(amendments[point_id]))
        return Roots(
            points=points,
            kept=kept,
            void=frozenset(void),
            deleted=frozenset(deleted),
            intents=tuple(intents),
            headers=headers,
            cooled=cooled,
            pinned=kept & gone,
            asked=kept & asked,
        )

    def _amendments_by_point(self, names: list[str]) -> Mapping[str, list[Amendment]]:
        found: dict[str, list[Amendment]] = defaultdict(list)
        for name in names:
            found[name.split("/")[1]].append(self._amendments[name])
        for told in found.values():
            told.sort(key=lambda amendment: (amendment.written_at, amendment.sequence))
        return found


def refused_for(what: str) -> CollectionRefused:
    """The error that one point is the cause of."""
    refused = CollectionRefused(what)
    refused.hint = _ONE_POINT
    return refused
