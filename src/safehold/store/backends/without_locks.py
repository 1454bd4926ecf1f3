"""A place that can lock nothing, asked as one that might: it has no locks, and takes none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from safehold.core.errors import ConfigError
from safehold.store.backends.contract import Backend, ObjectInfo, Retention, Version
from safehold.store.backends.single_version import SingleVersion


class WithoutLocks(SingleVersion):
    """A place that keeps one version of each name and locks none, asked as one that does."""

    can_lock = keeps_versions = False

    def __init__(self, place: Backend) -> None:
        self._place = place

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        self._place.put(name, parts)

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        return self._place.get(name, offset=offset, length=length)

    def size(self, name: str) -> int:
        return self._place.size(name)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self._place.list(prefix)

    def delete(self, name: str) -> None:
        self._place.delete(name)

    def _refuse(self, name: str) -> ConfigError:
        error = ConfigError(f"{name} cannot be locked where cold objects lie")
        error.hint = "Cold storage of a locked vault needs a bucket made with object lock, or such a folder."
        return error

    def put_locked(
        self, name: str, parts: Sequence[bytes | bytearray | memoryview], retention: Retention
    ) -> None:
        del parts, retention
        raise self._refuse(name)

    def retain(self, version: Version, retention: Retention) -> None:
        del retention
        raise self._refuse(version.name)

    def hold(self, version: Version, *, is_held: bool) -> None:
        if is_held:
            raise self._refuse(version.name)

    def retention(self, version: Version) -> Retention | None:
        self.size(version.name)
        return None

    def is_held(self, version: Version) -> bool:
        self.size(version.name)
        return False
