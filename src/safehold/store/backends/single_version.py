"""Versions, as the contract asks for them, of a place that keeps one of each name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from safehold.core.errors import ObjectMissing
from safehold.store.backends.contract import Backend, Version


class SingleVersion(Backend, Protocol):
    """A backend is one of these by naming it as a base, behind none that has versions of its own."""

    def versions(self, prefix: str) -> Iterator[Version]:
        for info in self.list(prefix):
            yield Version(info.name, "", info.size_bytes, is_marker=False)

    def versions_of(self, name: str) -> Sequence[Version]:
        try:
            return [Version(name, "", self.size(name), is_marker=False)]
        except ObjectMissing:
            return []

    def get_version(self, version: Version, *, offset: int = 0, length: int | None = None) -> bytes:
        return self.get(version.name, offset=offset, length=length)

    def delete_version(self, version: Version) -> None:
        self.delete(version.name)
