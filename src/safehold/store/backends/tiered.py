"""Two places as one: objects of cold storage lie in the cold place, all others in the warm one.

Names alone say where (tiers.py). The cold place is opened when something is asked of it: while it is away,
whatever concerns warm points goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from heapq import merge

from safehold.core.errors import ConfigError, ObjectMissing, StoreUnavailable
from safehold.store.backends.contract import (
    ArchivingBackend,
    Availability,
    Backend,
    LockingBackend,
    ObjectInfo,
    Reading,
    Retention,
    Version,
    archiving,
    locking,
    renaming,
)
from safehold.store.backends.first_written import FirstWritten, IsOurs, first_written
from safehold.store.backends.tiers import LABELS, TRASH, is_cold
from safehold.store.backends.without_locks import WithoutLocks

OpenCold = Callable[[bool], Backend | None]


class TieredBackend:
    """Threads may share it."""

    def __init__(self, warm: Backend, open_cold: OpenCold, *, is_ours: IsOurs | None = None) -> None:
        """open_cold: gives the cold place, and makes it when told True; None when it is not there yet
        is_ours    of a warm place that keeps versions, see FirstWritten; of the cold one, too
        """
        self._is_ours = is_ours or (lambda backend, name: True)
        self._warm = warm
        self._open_cold = open_cold
        self._opened: Backend | None = None
        self._lock = threading.Lock()

    @property
    def warm(self) -> Backend:
        return self._warm

    def guarded(self, is_ours: IsOurs) -> TieredBackend:
        """The same, both places guarded against what others do to them, where they keep locked versions."""
        return TieredBackend(first_written(self._warm, is_ours), self._open_cold, is_ours=is_ours)

    @property
    def is_ours(self) -> IsOurs:
        return self._is_ours

    @is_ours.setter
    def is_ours(self, judge: IsOurs) -> None:
        self._is_ours = judge
        if isinstance(self._warm, FirstWritten):
            self._warm.is_ours = judge

    # -- where things lie

    def _cold(self, *, create: bool = False) -> Backend | None:
        """None while nothing was ever moved there. Raises StoreUnavailable when something was, and it is
        away."""
        with self._lock:
            if self._opened is None:
                found = self._open_cold(create)
                if found is not None:
                    self._opened = first_written(found, lambda backend, name: self._is_ours(backend, name))
            if self._opened is None and any(True for _ in self._warm.list(LABELS)):
                error = StoreUnavailable("the cold place of this vault is not there, and it holds objects")
                error.hint = "Bring it back, or correct `cold_storage_url` in safehold.toml."
                raise error
            return self._opened

    def place_of(self, name: str) -> Backend:
        """Where that object lies. Raises ObjectMissing, StoreUnavailable."""
        if not is_cold(name):
            return self._warm
        cold = self._cold()
        if cold is None:
            raise ObjectMissing(f"{name} is not there: nothing lies in cold storage")
        return cold

    # -- the five verbs

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        self._place_for_new(name).put(name, parts)

    def _place_for_new(self, name: str) -> Backend:
        if not is_cold(name):
            return self._warm
        cold = self._cold(create=True)
        if cold is None:
            error = ConfigError("this vault's site has no cold storage")
            error.hint = "Set `cold_storage_url` in safehold.toml to a folder or a bucket."
            raise error
        return cold

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        return self.place_of(name).get(name, offset=offset, length=length)

    def size(self, name: str) -> int:
        return self.place_of(name).size(name)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        if prefix and not prefix.startswith(TRASH):
            yield from (self._warm if not is_cold(prefix) else self._cold() or _Nothing()).list(prefix)
            return
        cold = self._cold()
        # What else lies in the cold place is none of the vault's.
        other = (info for info in cold.list(prefix) if is_cold(info.name)) if cold is not None else ()
        yield from merge(self._warm.list(prefix), other, key=lambda info: info.name)

    def delete(self, name: str) -> None:
        if not is_cold(name):
            self._warm.delete(name)
            return
        cold = self._cold()
        if cold is not None:
            cold.delete(name)

    # -- renaming

    can_rename = True

    def renames(self, name: str) -> bool:
        if not name:
            return True
        place = self._cold() if is_cold(name) else self._warm
        return place is not None and renaming(place, name) is not None

    def rename(self, name: str, new_name: str) -> None:
        place = renaming(self.place_of(name), name)
        if place is None or is_cold(name) != is_cold(new_name):
            raise StoreUnavailable(f"{name} cannot be renamed where it lies")
        place.rename(name, new_name)

    # -- locking

    @property
    def can_lock(self) -> bool:
        """Of the warm place; whether the cold one can, it says when it is asked to."""
        return locking(self._warm) is not None

    @property
    def keeps_versions(self) -> bool:
        found = locking(self._warm)
        return found is not None and found.keeps_versions

    def _locks_of(self, place: Backend) -> LockingBackend:
        return locking(place) or WithoutLocks(place)

    def put_locked(
        self, name: str, parts: Sequence[bytes | bytearray | memoryview], retention: Retention
    ) -> None:
        self._locks_of(self._place_for_new(name)).put_locked(name, parts, retention)

    def retention(self, version: Version) -> Retention | None:
        return self._locks_of(self.place_of(version.name)).retention(version)

    def retain(self, version: Version, retention: Retention) -> None:
        self._locks_of(self.place_of(version.name)).retain(version, retention)

    def hold(self, version: Version, *, is_held: bool) -> None:
        self._locks_of(self.place_of(version.name)).hold(version, is_held=is_held)

    def is_held(self, version: Version) -> bool:
        return self._locks_of(self.place_of(version.name)).is_held(version)

    def versions(self, prefix: str) -> Iterator[Version]:
        places = [self._warm] if prefix and not prefix.startswith(TRASH) and not is_cold(prefix) else []
        if not places:
            cold = self._cold()
            places = [*([] if is_cold(prefix) else [self._warm]), *([] if cold is None else [cold])]
        found = [self._locks_of(place).versions(prefix) for place in places]
        yield from merge(*found, key=lambda version: version.name)

    def versions_of(self, name: str) -> Sequence[Version]:
        try:
            return self._locks_of(self.place_of(name)).versions_of(name)
        except ObjectMissing:
            return []

    def get_version(self, version: Version, *, offset: int = 0, length: int | None = None) -> bytes:
        return self._locks_of(self.place_of(version.name)).get_version(version, offset=offset, length=length)

    def delete_version(self, version: Version) -> None:
        self._locks_of(self.place_of(version.name)).delete_version(version)

    def chosen(self, name: str) -> Version | None:
        """As FirstWritten.chosen, where the place of that object keeps versions; else None."""
        place = self.place_of(name)
        return place.chosen(name) if isinstance(place, FirstWritten) else None

    def intruders(self) -> Iterator[Version]:
        """As FirstWritten.intruders, of both places."""
        for place in (self._warm, self._cold()):
            if isinstance(place, FirstWritten):
                yield from place.intruders()

    # -- archives

    @property
    def reading(self) -> Reading:
        """Of what lies in cold storage."""
        cold = archiving(self._cold() or self._warm)
        return Reading.FREE if cold is None else cold.reading

    def _archive_of(self, name: str) -> ArchivingBackend | None:
        return archiving(self.place_of(name))

    def availability(self, name: str) -> Availability:
        archive = self._archive_of(name)
        return Availability.READABLE if archive is None else archive.availability(name)

    def retrieve(self, name: str) -> None:
        archive = self._archive_of(name)
        if archive is not None:
            archive.retrieve(name)

    def digest(self, name: str) -> bytes | None:
        archive = self._archive_of(name)
        return None if archive is None else archive.digest(name)


class _Nothing:
    """Where nothing lies."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        del prefix
        return iter(())
