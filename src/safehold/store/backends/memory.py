"""Objects in a dictionary: for tests, and the shortest reading of the contract."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from safehold.core.errors import ObjectExists, ObjectMissing
from safehold.store.backends.contract import ObjectInfo


class MemoryBackend:
    """Keeps nothing once the process ends."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        data = b"".join(parts)
        with self._lock:
            if name in self.objects:
                raise ObjectExists(f"{name} is there already")
            self.objects[name] = data

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        data = self._find(name)
        start = max(0, len(data) + offset) if offset < 0 else offset
        return data[start:] if length is None else data[start : start + length]

    def size(self, name: str) -> int:
        return len(self._find(name))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        with self._lock:
            found = [(name, len(data)) for name, data in self.objects.items() if name.startswith(prefix)]
        yield from (ObjectInfo(name, size) for name, size in sorted(found))

    def delete(self, name: str) -> None:
        with self._lock:
            self.objects.pop(name, None)

    can_rename = True

    def rename(self, name: str, new_name: str) -> None:
        with self._lock:
            if name not in self.objects:
                raise ObjectMissing(f"{name} is not there")
            if new_name in self.objects:
                raise ObjectExists(f"{new_name} is there already")
            self.objects[new_name] = self.objects.pop(name)

    def _find(self, name: str) -> bytes:
        try:
            return self.objects[name]
        except KeyError as error:
            raise ObjectMissing(f"{name} is not there") from error
