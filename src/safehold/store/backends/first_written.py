"""What was written first, whatever others did to it since.

In a bucket with versions somebody who has its keys may mark objects as deleted and put others over them.
Locked versions stay. So of each name the oldest version that authenticates is read, and marks are not heeded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from safehold.core.errors import ObjectMissing
from safehold.store.backends.contract import Backend, ObjectInfo, Version, locking
from safehold.store.backends.passing import PassingBackend

IsOurs = Callable[[Backend, str], bool]  # does the object of that name, read there, authenticate?


class FirstWritten(PassingBackend):
    """Another backend that keeps versions, read as it was before others changed it. Threads may share it.

    is_ours  judges versions where a name has several; set by whoever has the vault's keys
    """

    def __init__(self, inner: Backend, is_ours: IsOurs) -> None:
        super().__init__(inner)
        self.is_ours = is_ours
        self._chosen: dict[str, Version] = {}

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        return self.get_version(self.chosen(name), offset=offset, length=length)

    def size(self, name: str) -> int:
        return self.chosen(name).size_bytes

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for name, entries in groupby(self.versions(prefix), key=lambda version: version.name):
            chosen = self._first_of_ours(list(entries))
            if chosen is not None:
                self._chosen[name] = chosen
                yield ObjectInfo(name, chosen.size_bytes)

    def delete(self, name: str) -> None:
        self._chosen.pop(name, None)
        super().delete(name)

    def intruders(self, prefix: str = "") -> Iterator[Version]:
        """Everything there that is not what was written first, where it is known what that was."""
        for _, entries in groupby(self.versions(prefix), key=lambda version: version.name):
            found = list(entries)
            ours = self._first_of_ours(found)
            if len(found) > 1 and ours is not None and self._is_ours(ours):
                yield from (version for version in found if version != ours)

    def chosen(self, name: str) -> Version:
        """The version that is read under that name. Raises ObjectMissing."""
        chosen = self._chosen.get(name) or self._first_of_ours(self.versions_of(name))
        if chosen is None:
            raise ObjectMissing(f"{name} is not there")
        self._chosen[name] = chosen
        return chosen

    def _first_of_ours(self, found: Sequence[Version]) -> Version | None:
        """The oldest that authenticates; the oldest, if none does; None when there are but marks."""
        versions = [version for version in found if not version.is_marker]
        if len(versions) < 2:
            return versions[0] if versions else None
        return next((version for version in versions if self._is_ours(version)), versions[0])

    def _is_ours(self, version: Version) -> bool:
        return self.is_ours(_OneVersion(self.inner, version), version.name)


class _OneVersion(PassingBackend):
    """A name as it is in one of its versions."""

    def __init__(self, inner: Backend, version: Version) -> None:
        super().__init__(inner)
        self._version = version

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        assert name == self._version.name
        return self.get_version(self._version, offset=offset, length=length)

    def size(self, name: str) -> int:
        return self._version.size_bytes


def first_written(backend: Backend, is_ours: IsOurs) -> Backend:
    """The backend, guarded against what others do to it, where it keeps locked versions."""
    guarded = getattr(backend, "guarded", None)
    if guarded is not None:  # several places as one: each by itself
        return guarded(is_ours)  # type: ignore[no-any-return]
    found = locking(backend)
    return FirstWritten(backend, is_ours) if found is not None and found.keeps_versions else backend
