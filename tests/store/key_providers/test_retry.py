from __future__ import annotations

import pytest

from safehold.core.errors import KeysUnavailable
from safehold.core.secrets import RootKey
from safehold.store.backends.retry import Patience
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.key_providers.retry import RetryProvider
from tests.store.key_providers.contract import HERE, SECRET, ProviderContract

KEY = b"r" * 32
SHORT = Patience(first_seconds=0.01, longest_seconds=0.02, all_seconds=0.05)


class Away(KeyFile):
    """Does not answer the first times."""

    def __init__(self, times: int) -> None:
        super().__init__(RootKey(KEY))
        self.times = times

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        self._answer()
        return super().wrap(secret, context=context)

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        self._answer()
        return super().unwrap(wrapped, context=context)

    def _answer(self) -> None:
        self.times -= 1
        if self.times >= 0:
            raise KeysUnavailable("one that is away does not answer")


class TestRetryProvider(ProviderContract):
    def provider(self) -> KeyProvider:
        return RetryProvider(KeyFile(RootKey(KEY)))

    def other(self) -> KeyProvider:
        return RetryProvider(KeyFile(RootKey(b"s" * 32)))

    def unreachable(self) -> KeyProvider:
        return RetryProvider(Away(1 << 30), patience=SHORT)

    def secrets(self) -> list[str]:
        return [KEY.hex()[:8], KEY.decode()]


def test_a_service_that_comes_back_is_not_noticed() -> None:
    waited: list[float] = []
    provider = RetryProvider(Away(3), sleep=waited.append)
    assert provider.unwrap(provider.wrap(SECRET, context=HERE), context=HERE) == SECRET
    assert len(waited) == 3
    assert waited == sorted(waited)


def test_a_service_that_stays_away_is_told_in_the_end() -> None:
    with pytest.raises(KeysUnavailable):
        RetryProvider(Away(1 << 30), patience=SHORT).wrap(SECRET, context=HERE)
