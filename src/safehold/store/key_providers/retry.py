"""A key service that is away for a moment is asked again, so that a job does not fail by it."""

from __future__ import annotations

import time
from collections.abc import Callable

from safehold.core.clock import Clock, SystemClock
from safehold.core.errors import KeysUnavailable
from safehold.store.backends.retry import Patience
from safehold.store.key_providers.contract import KeyProvider


class RetryProvider:
    """Another provider, asked again on KeysUnavailable. For jobs: a person at a terminal is told at once."""

    def __init__(
        self,
        inner: KeyProvider,
        *,
        patience: Patience | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = inner.name
        self._inner = inner
        self._patience = patience or Patience()
        self._clock = clock or SystemClock()
        self._sleep = sleep

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        return self._call(lambda: self._inner.wrap(secret, context=context))

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        return self._call(lambda: self._inner.unwrap(wrapped, context=context))

    def describe(self) -> str:
        return self._inner.describe()

    def _call(self, work: Callable[[], bytes]) -> bytes:
        begun, attempt = self._clock.monotonic(), 1
        while True:
            try:
                return work()
            except KeysUnavailable:
                wait = self._patience.wait(self.name, attempt)
                if self._clock.monotonic() - begun + wait > self._patience.all_seconds:
                    raise
            self._sleep(wait)
            attempt += 1
