"""A backend that tries again while the store is away for a moment.

Nothing is done twice by that: puts are conditional, and one whose answer got lost is looked for before it
counts as another's. Everything else may be repeated.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from safehold.core.clock import Clock, SystemClock
from safehold.core.errors import NotRetrieved, ObjectExists, StoreDenied, StoreUnavailable
from safehold.store.backends.contract import Backend, Retention
from safehold.store.backends.passing import PassingBackend
from safehold.store.backends.unsure import is_stored

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """Waits double from the first to the longest, each shortened by up to half, until `all_seconds`."""

    first_seconds: float = 0.2
    longest_seconds: float = 15.0
    all_seconds: float = 90.0

    def wait(self, name: str, attempt: int) -> float:
        """Seconds before attempt number `attempt`, from 1. Those that failed together come back apart: how
        much a wait is shortened follows from the name."""
        whole = min(self.first_seconds * 2.0 ** (attempt - 1), self.longest_seconds)
        return whole * (1 - zlib.crc32(f"{name} {attempt}".encode()) / 2**33)


class RetryBackend(PassingBackend):
    """Another backend, asked again on StoreUnavailable. Threads may share it."""

    def __init__(
        self,
        inner: Backend,
        *,
        patience: Patience | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(inner)
        self._patience = patience or Patience()
        self._clock = clock or SystemClock()
        self._sleep = sleep

    def _call(self, operation: str, name: str, work: Callable[[], T]) -> T:
        begun = self._clock.monotonic()
        for wait in self._waits(name, begun):
            try:
                return work()
            except (StoreDenied, NotRetrieved):
                raise  # the same keys will not do better; an archive takes hours
            except StoreUnavailable:
                if wait is None:
                    raise
                self._sleep(wait)
        raise AssertionError("the last attempt either returns or raises")

    def _waits(self, name: str, begun: float) -> Iterator[float | None]:
        """How long to wait after each attempt; None for the last one."""
        attempt = 1
        while True:
            wait = self._patience.wait(name, attempt)
            is_last = self._clock.monotonic() - begun + wait > self._patience.all_seconds
            yield None if is_last else wait
            attempt += 1

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        self._put(name, parts, lambda: self.inner.put(name, parts))

    def put_locked(
        self, name: str, parts: Sequence[bytes | bytearray | memoryview], retention: Retention
    ) -> None:
        self._put(name, parts, lambda: self._locking.put_locked(name, parts, retention))

    def _put(
        self, name: str, parts: Sequence[bytes | bytearray | memoryview], work: Callable[[], None]
    ) -> None:
        unanswered = 0

        def once() -> None:
            nonlocal unanswered
            try:
                work()
            except StoreUnavailable:
                unanswered += 1
                raise
            except ObjectExists:
                # An attempt before this one may have arrived after all.
                if not unanswered or not is_stored(self.inner, name, parts):
                    raise

        self._call("put", name, once)
