"""Carries out what a lock asks for: objects kept before a point shows, holds, and making a lock final.

The decision which object needs which date is retention.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from safehold.core.errors import ConfigError, ObjectLocked, ObjectMissing
from safehold.store.backends.contract import Backend, LockingBackend, LockMode, Retention, Version, locking
from safehold.store.backends.first_written import FirstWritten
from safehold.store.backends.passing import PassingBackend
from safehold.store.backends.retention import from_facts, is_enough, strongest, to_extend, to_facts
from safehold.store.backends.tiered import TieredBackend
from safehold.store.backends.tiers import COLD, LABELS
from safehold.store.index.index import Index
from safehold.store.names import ObjectType
from safehold.store.points.points import PointRecord

KEYS_FOLDER = "keys/"
LOCKED_FOLDERS = (
    KEYS_FOLDER,
    ObjectType.PACK.folder,
    ObjectType.TREE.folder,
    ObjectType.POINT.folder,
    ObjectType.AMENDMENT.folder,
    COLD,
    LABELS,
)
THREADS = 8  # requests at once: each waits for the store, none has much to do here

ObjectsUsed = Callable[[PointRecord], Iterable[str]]
Progress = Callable[[int, int, str], None]  # done, of so many, the object done last


@dataclass(frozen=True, slots=True)
class PointLock:
    """What a point that is being written shall be kept by.

    needed  the date up to which the lock guarantees the point, rounded up (retention.generation_end)
    parent  the record of the point whose tree it builds upon, if it does
    """

    needed: Retention
    parent: PointRecord | None


def needs_locks(backend: Backend) -> LockingBackend:
    """The backend as one that locks. Raises ConfigError where it cannot."""
    found = locking(backend)
    if found is None:
        error = ConfigError("objects cannot be locked where this vault lives")
        error.hint = "Use a bucket made with object lock, or a file system with extended attributes."
        raise error
    return found


class LockedWrites(PassingBackend):
    """Another backend where everything that a point needs is put locked."""

    def __init__(self, inner: Backend, retention: Retention) -> None:
        super().__init__(inner)
        self._retention = retention

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        if name.startswith(LOCKED_FOLDERS):
            self.put_locked(name, parts, self._retention)
        else:
            super().put(name, parts)


class Keeping:
    """Sees to it that all objects of one point are kept before its record is written.

    # INVARIANT: no lock depends on a future run (retention.py). New objects are put locked; of those that
    # the point uses again, the parent's carry what its record says, and all others are asked.
    """

    def __init__(self, backend: Backend, lock: PointLock, objects_used: ObjectsUsed) -> None:
        self.backend: Backend = LockedWrites(needs_locks(backend), lock.needed)
        self._locking = needs_locks(backend)
        self._lock = lock
        self._objects_used = objects_used
        self._used_again: set[str] = set()

    def note(self, index: Index, identity: bytes) -> None:
        """A chunk that the vault has already is used again."""
        for place in index.places(identity):
            self._used_again.add(place.object.name)
            return

    def secure(self, record: PointRecord) -> None:
        """Everything that the point uses is kept, and its record says how long. Call before it is sealed.

        Raises StoreError; then the point must not be written.
        """
        parent, needed = self._lock.parent, self._lock.needed
        names = {*self._used_again, *(info.name for info in self._locking.list(KEYS_FOLDER))}
        if parent is not None and not is_enough(from_facts(parent.facts), needed):
            names.update(self._objects_used(parent))
        retain_all(self._locking, names, needed)
        record.facts |= to_facts(needed)


def retain_all(backend: LockingBackend, names: Iterable[str], needed: Retention) -> int:
    """All these objects are kept at least so; returns for how many that was news. Raises ObjectMissing."""
    versions = {name: first_version(backend, name) for name in names}
    with ThreadPoolExecutor(THREADS, thread_name_prefix="lock") as threads:
        kept = dict(zip(versions, threads.map(backend.retention, versions.values()), strict=True))
        short = to_extend(needed, kept)
        list(threads.map(lambda name: backend.retain(versions[name], needed), short))
    return len(short)


def hold_all(backend: LockingBackend, names: Iterable[str], *, is_held: bool) -> None:
    """The store's legal hold is on these objects, or off. Who takes it off leaves out what others hold."""
    versions = [first_version(backend, name) for name in names]
    with ThreadPoolExecutor(THREADS, thread_name_prefix="hold") as threads:
        list(threads.map(partial(backend.hold, is_held=is_held), versions))


def first_version(backend: LockingBackend, name: str) -> Version:
    """What the name holds for us. Raises ObjectMissing."""
    if isinstance(backend, FirstWritten | TieredBackend):
        chosen = backend.chosen(name)
        if chosen is not None:
            return chosen
    versions = [version for version in backend.versions_of(name) if not version.is_marker]
    if not versions:
        raise ObjectMissing(f"{name} is not there")
    return versions[0]


@dataclass(slots=True)
class Raised:
    """raised: made final now; already: were; free: no lock was on them, or it is over."""

    raised: int = 0
    already: int = 0
    free: int = 0


def make_final(backend: Backend, *, progress: Progress, after: str = "") -> Raised:
    """Every locked object is kept in COMPLIANCE mode, up to the date that it had.

    May be cut off and called again with the name that `progress` told last as `after`. Writers that began
    while the lock was not final must have ended: they and this change the same objects.
    """
    locks, told = needs_locks(backend), Raised()
    names = [info.name for folder in LOCKED_FOLDERS for info in locks.list(folder)]
    names.sort()
    for done, name in enumerate(names, 1):
        if name > after:
            _make_final(locks, first_version(locks, name), told)
            progress(done, len(names), name)
    return told


def _make_final(locks: LockingBackend, version: Version, told: Raised) -> None:
    kept = locks.retention(version)
    if kept is None:
        told.free += 1
    elif kept.mode is LockMode.COMPLIANCE:
        told.already += 1
    else:
        final = Retention(LockMode.COMPLIANCE, kept.until)
        locks.retain(version, strongest(kept, final))
        told.raised += 1


@dataclass(slots=True)
class Repaired:
    """removed: versions and marks that were not ours; kept: those that the store does not let go yet."""

    removed: int = 0
    kept: int = 0


def intruders(backend: Backend) -> Iterator[Version]:
    """What others put over the vault's objects, and marks of deletion; none where names have one version."""
    if isinstance(backend, FirstWritten | TieredBackend):
        yield from backend.intruders()


def repair_versions(backend: Backend) -> Repaired:
    """Each name is what it was when it was first written, for those too who read it in the ordinary way.

    Removes nothing of ours, and nothing under a name that no version of ours is known of.
    """
    told = Repaired()
    for version in list(intruders(backend)):
        try:
            needs_locks(backend).delete_version(version)
            told.removed += 1
        except ObjectLocked:  # whoever put it there locked it: it goes when that is over
            told.kept += 1
    return told
