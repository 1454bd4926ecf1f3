"""An archive at our own seam, that behaves as Amazon S3's archive classes do, on a clock that tests move."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

from safehold.core.errors import NotRetrieved
from safehold.store.backends.contract import Availability, Backend, Reading
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.backends.tiered import TieredBackend


class Archive(PassingBackend):
    """What is put here can be listed, and not read until it was asked for and `hours` of its clock are over;
    a copy can be read for `days`, then it is gone again.

    Source: Amazon S3 User Guide, "Working with archived objects"; API Reference, RestoreObject.
    """

    reading = Reading.ASKED

    def __init__(
        self, inner: Backend | None = None, *, hours: float = 5, days: float = 7, tells_digest: bool = True
    ) -> None:
        super().__init__(inner if inner is not None else MemoryBackend())
        self.hours, self.days = hours, days
        self.now = 0.0  # in hours
        self.asked: Counter[str] = Counter()
        self.looked: Counter[str] = Counter()
        self.read: set[str] = set()
        self._tells_digest = tells_digest
        self._digests: dict[str, bytes] = {}
        self._until: dict[str, tuple[float, float]] = {}  # readable from, and until
        self._lock = threading.Lock()

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        super().put(name, parts)
        self._digests[name] = sha256(b"".join(parts)).digest()

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        if self.availability(name) is not Availability.READABLE:
            raise NotRetrieved(f"{name}: InvalidObjectState")
        self.read.add(name)
        return super().get(name, offset=offset, length=length)

    def availability(self, name: str) -> Availability:
        self.inner.size(name)
        with self._lock:
            self.looked[name] += 1
            begin, end = self._until.get(name, (0.0, -1.0))
            if self.now < begin:
                return Availability.COMING
            return Availability.READABLE if begin <= self.now < end else Availability.ARCHIVED

    def retrieve(self, name: str) -> None:
        if self.availability(name) is Availability.ARCHIVED:
            with self._lock:
                self.asked[name] += 1
                self._until[name] = (self.now + self.hours, self.now + self.hours + 24 * self.days)

    def digest(self, name: str) -> bytes | None:
        self.inner.size(name)
        return self._digests.get(name) if self._tells_digest else None


def two_places(warm: Backend, cold: Backend) -> TieredBackend:
    """Both as one; the cold one is there."""
    return TieredBackend(warm, lambda create: cold)
