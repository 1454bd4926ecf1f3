"""A backend that passes everything on to another: what wrappers are made from.

A wrapper changes what it is about and nothing else; locking passes through all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from safehold.core.errors import StoreUnavailable
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

T = TypeVar("T")


class PassingBackend:
    """Every operation goes through `_call`, which a wrapper may put something around."""

    def __init__(self, inner: Backend) -> None:
        self.inner = inner

    def _call(self, operation: str, name: str, work: Callable[[], T]) -> T:
        """Do it: `work` is one call of the inner backend, `name` the object or folder that it is about."""
        return work()

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        self._call("put", name, lambda: self.inner.put(name, parts))

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        return self._call("get", name, lambda: self.inner.get(name, offset=offset, length=length))

    def size(self, name: str) -> int:
        return self._call("size", name, lambda: self.inner.size(name))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        yield from self._call("list", prefix, lambda: [*self.inner.list(prefix)])

    def delete(self, name: str) -> None:
        self._call("delete", name, lambda: self.inner.delete(name))

    # -- renaming

    @property
    def can_rename(self) -> bool:
        return renaming(self.inner) is not None

    def renames(self, name: str) -> bool:
        return renaming(self.inner, name) is not None

    def rename(self, name: str, new_name: str) -> None:
        found = renaming(self.inner, name)
        if found is None:
            raise StoreUnavailable("this place cannot rename objects")
        self._call("rename", name, lambda: found.rename(name, new_name))

    # -- locking

    @property
    def can_lock(self) -> bool:
        return locking(self.inner) is not None

    @property
    def keeps_versions(self) -> bool:
        found = locking(self.inner)
        return found is not None and found.keeps_versions

    @property
    def _locking(self) -> LockingBackend:
        found = locking(self.inner)
        if found is None:
            raise StoreUnavailable("this place cannot lock objects")
        return found

    def put_locked(
        self, name: str, parts: Sequence[bytes | bytearray | memoryview], retention: Retention
    ) -> None:
        self._call("put", name, lambda: self._locking.put_locked(name, parts, retention))

    def retention(self, version: Version) -> Retention | None:
        return self._call("retention", version.name, lambda: self._locking.retention(version))

    def retain(self, version: Version, retention: Retention) -> None:
        self._call("retain", version.name, lambda: self._locking.retain(version, retention))

    def hold(self, version: Version, *, is_held: bool) -> None:
        self._call("hold", version.name, lambda: self._locking.hold(version, is_held=is_held))

    def is_held(self, version: Version) -> bool:
        return self._call("hold", version.name, lambda: self._locking.is_held(version))

    def versions(self, prefix: str) -> Iterator[Version]:
        yield from self._call("list", prefix, lambda: [*self._locking.versions(prefix)])

    def versions_of(self, name: str) -> Sequence[Version]:
        return self._call("list", name, lambda: self._locking.versions_of(name))

    def get_version(self, version: Version, *, offset: int = 0, length: int | None = None) -> bytes:
        def work() -> bytes:
            return self._locking.get_version(version, offset=offset, length=length)

        return self._call("get", version.name, work)

    def delete_version(self, version: Version) -> None:
        self._call("delete", version.name, lambda: self._locking.delete_version(version))

    # -- archives

    @property
    def reading(self) -> Reading:
        found = archiving(self.inner)
        return Reading.FREE if found is None else found.reading

    @property
    def _archiving(self) -> ArchivingBackend:
        found = archiving(self.inner)
        if found is None:
            raise StoreUnavailable("objects of this place need not be asked for")
        return found

    def availability(self, name: str) -> Availability:
        return self._call("size", name, lambda: self._archiving.availability(name))

    def retrieve(self, name: str) -> None:
        self._call("retrieve", name, lambda: self._archiving.retrieve(name))

    def digest(self, name: str) -> bytes | None:
        return self._call("size", name, lambda: self._archiving.digest(name))
