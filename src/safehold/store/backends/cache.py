"""A backend that reads small objects once, whole, and answers from memory after that.

Opening a small object takes three reads of parts of it: where a request costs more than bytes, one is
better, and a whole object comes with its checksum. Objects never change, so what was read stays true.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator

from safehold.store.backends.contract import Backend, ObjectInfo, Version
from safehold.store.backends.passing import PassingBackend

FOLDERS = ("trees/", "index/", "points/", "amendments/")
SMALL_BYTES = 256 << 10
ALL_BYTES = 16 << 20
KNOWN_SIZES = 100_000  # objects, of those listed last; about 20 MB


class CacheBackend(PassingBackend):
    """Another backend, and the small objects last read from it. Threads may share it.

    For one job or one check: it does not see that an object decays in its place.
    """

    def __init__(self, inner: Backend, *, small_bytes: int = SMALL_BYTES, all_bytes: int = ALL_BYTES) -> None:
        super().__init__(inner)
        self._small_bytes = small_bytes
        self._all_bytes = all_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._small: OrderedDict[str, None] = OrderedDict()  # objects known to be small, from listings
        self._lock = threading.Lock()

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        data = self._find(name)
        if data is None:
            if name not in self._small:
                return super().get(name, offset=offset, length=length)
            data = super().get(name)
            self._keep(name, data)
        return _part(data, offset, length)

    def get_version(self, version: Version, *, offset: int = 0, length: int | None = None) -> bytes:
        key = f"{version.name} {version.id}"
        data = self._find(key)
        if data is None:
            if version.size_bytes > self._small_bytes or not version.name.startswith(FOLDERS):
                return super().get_version(version, offset=offset, length=length)
            data = super().get_version(version)
            self._keep(key, data)
        return _part(data, offset, length)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for info in super().list(prefix):
            if info.size_bytes <= self._small_bytes and info.name.startswith(FOLDERS):
                self._know(info.name)
            yield info

    def delete(self, name: str) -> None:
        self.forget(name)
        super().delete(name)

    def delete_version(self, version: Version) -> None:
        self.forget(version.name)
        super().delete_version(version)

    def forget(self, name: str) -> None:
        """The next read of that object goes to where it lies."""
        with self._lock:
            self._small.pop(name, None)
            for key in [key for key in self._kept if key.partition(" ")[0] == name]:
                self._kept_bytes -= len(self._kept.pop(key))

    def _find(self, name: str) -> bytes | None:
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
            return self._kept.get(name)

    def _know(self, name: str) -> None:
        with self._lock:
            self._small[name] = None
            if len(self._small) > KNOWN_SIZES:
                self._small.popitem(last=False)

    def _keep(self, name: str, data: bytes) -> None:
        with self._lock:
            self._kept_bytes += len(data) - len(self._kept.pop(name, b""))
            self._kept[name] = data
            while self._kept_bytes > self._all_bytes:
                _, dropped = self._kept.popitem(last=False)
                self._kept_bytes -= len(dropped)


def _part(data: bytes, offset: int, length: int | None) -> bytes:
    start = max(0, len(data) + offset) if offset < 0 else offset
    return data[start:] if length is None else data[start : start + length]
