"""A backend that takes no more than its share: so many bytes and so many requests a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from safehold.core.clock import Clock, SystemClock
from safehold.store.backends.contract import Backend, Retention, Version
from safehold.store.backends.passing import PassingBackend

T = TypeVar("T")

BURST_SECONDS = 1.0  # what was not used for so long may be used at once


class Meter:
    """Lets so many units a second pass; the rest waits. Threads share it."""

    def __init__(self, per_second: float, clock: Clock, sleep: Callable[[float], None]) -> None:
        self._per_second = per_second
        self._clock = clock
        self._sleep = sleep
        self._paid_until = clock.monotonic() - BURST_SECONDS
        self._lock = threading.Lock()

    def take(self, units: int) -> None:
        """Wait until the units before these have passed; these are then on their way."""
        with self._lock:
            now = self._clock.monotonic()
            begin = max(self._paid_until, now - BURST_SECONDS)
            self._paid_until = begin + units / self._per_second
        if begin > now:
            self._sleep(begin - now)


class LimitBackend(PassingBackend):
    """Another backend, used at a bounded rate; None: without bound. Threads share the bound."""

    def __init__(
        self,
        inner: Backend,
        *,
        bytes_per_second: float | None = None,
        requests_per_second: float | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(inner)
        clock = clock or SystemClock()
        self._bytes = Meter(bytes_per_second, clock, sleep) if bytes_per_second else None
        self._requests = Meter(requests_per_second, clock, sleep) if requests_per_second else None

    def _call(self, operation: str, name: str, work: Callable[[], T]) -> T:
        if self._requests is not None:
            self._requests.take(1)
        return work()

    def _take_bytes(self, count: int) -> None:
        if self._bytes is not None:
            self._bytes.take(count)

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        self._take_bytes(sum(len(part) for part in parts))
        super().put(name, parts)

    def put_locked(
        self, name: str, parts: Sequence[bytes | bytearray | memoryview], retention: Retention
    ) -> None:
        self._take_bytes(sum(len(part) for part in parts))
        super().put_locked(name, parts, retention)

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        data = super().get(name, offset=offset, length=length)
        self._take_bytes(len(data))  # how much it is shows afterwards: the next one waits for it
        return data

    def get_version(self, version: Version, *, offset: int = 0, length: int | None = None) -> bytes:
        data = super().get_version(version, offset=offset, length=length)
        self._take_bytes(len(data))
        return data
