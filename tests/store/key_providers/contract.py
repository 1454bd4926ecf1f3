"""What every key provider promises, as tests. A provider's own file inherits them."""

from __future__ import annotations

import re
import threading
from abc import ABC, abstractmethod
from contextlib import suppress

import pytest

from safehold.core.errors import ConfigError, Damaged, KeyMismatch, KeysUnavailable, Retry
from safehold.store.backends.memory import MemoryBackend
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.sealed.keys import open_or_create_keys, read_keys, wrapping_context

SECRET = bytes(range(200))
HERE, ELSEWHERE = wrapping_context(b"h" * 16), wrapping_context(b"e" * 16)


class ProviderContract(ABC):
    can_be_unreachable = True  # a key file that was read is in memory

    @abstractmethod
    def provider(self) -> KeyProvider:
        """A provider that works."""

    @abstractmethod
    def other(self) -> KeyProvider:
        """One of the same kind with another key."""

    @abstractmethod
    def secrets(self) -> list[str]:
        """What must never be told: the key, a token, a PIN."""

    def unreachable(self) -> KeyProvider:
        """One whose service is not there."""
        raise NotImplementedError

    def misspelt(self) -> KeyProvider | None:
        """One whose key does not exist; None where that shows when it is made."""
        return None

    def test_what_was_wrapped_unwraps(self) -> None:
        wrapped = self.provider().wrap(SECRET, context=HERE)
        assert SECRET not in wrapped
        assert self.provider().unwrap(wrapped, context=HERE) == SECRET

    def test_a_secret_of_a_hundred_epochs_is_wrapped_too(self) -> None:
        secret = bytes(3600)
        assert self.provider().unwrap(self.provider().wrap(secret, context=HERE), context=HERE) == secret

    def test_the_same_secret_never_looks_the_same_wrapped(self) -> None:
        provider = self.provider()
        assert provider.wrap(SECRET, context=HERE) != provider.wrap(SECRET, context=HERE)

    def test_what_was_wrapped_for_one_vault_does_not_open_for_another(self) -> None:
        wrapped = self.provider().wrap(SECRET, context=HERE)
        with pytest.raises(KeyMismatch):
            self.provider().unwrap(wrapped, context=ELSEWHERE)

    def test_another_key_does_not_open_it(self) -> None:
        wrapped = self.provider().wrap(SECRET, context=HERE)
        with pytest.raises(KeyMismatch) as refused:
            self.other().unwrap(wrapped, context=HERE)
        assert refused.value.hint

    @pytest.mark.parametrize("place", [0, 7, 20, -1])
    def test_a_flipped_bit_never_gives_another_secret(self, place: int) -> None:
        provider = self.provider()
        wrapped = bytearray(provider.wrap(SECRET, context=HERE))
        wrapped[place] ^= 0x01
        with suppress(KeyMismatch, Damaged, ConfigError):
            assert provider.unwrap(bytes(wrapped), context=HERE) == SECRET

    @pytest.mark.parametrize("length", [0, 1, 27, 60])
    def test_what_was_cut_off_does_not_open(self, length: int) -> None:
        provider = self.provider()
        wrapped = provider.wrap(SECRET, context=HERE)
        with pytest.raises((KeyMismatch, Damaged)):
            provider.unwrap(wrapped[:length], context=HERE)

    def test_it_says_which_key_it_has_and_nothing_that_gives_access_to_it(self) -> None:
        provider = self.provider()
        said = f"{provider.describe()} {provider!r}"
        assert len(provider.describe()) > 10
        assert [secret for secret in self.secrets() if secret in said] == []

    def test_one_that_cannot_be_reached_says_so_and_may_be_tried_again(self) -> None:
        if not self.can_be_unreachable:
            return
        provider = self.unreachable()
        for attempt in (
            lambda: provider.wrap(SECRET, context=HERE),
            lambda: provider.unwrap(self.provider().wrap(SECRET, context=HERE), context=HERE),
        ):
            with pytest.raises(KeysUnavailable) as refused:
                attempt()
            assert refused.value.retry is Retry.LATER
            assert re.search(r"keys_url.*try again", refused.value.hint)
            assert [secret for secret in self.secrets() if secret in str(refused.value)] == []

    def test_a_key_that_is_not_there_is_not_made(self) -> None:
        provider = self.misspelt()
        if provider is not None:
            for _ in range(2):
                with pytest.raises((ConfigError, KeyMismatch)):
                    provider.wrap(SECRET, context=HERE)

    def test_threads_may_share_it(self) -> None:
        provider = self.provider()
        wrapped = provider.wrap(SECRET, context=HERE)
        opened: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: opened.append(provider.unwrap(wrapped, context=HERE)))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert opened == [SECRET] * 6

    def test_a_vault_gets_its_keys_from_it(self) -> None:
        backend = MemoryBackend()
        made = open_or_create_keys(backend, self.provider(), b"h" * 16)
        assert read_keys(backend, self.provider(), b"h" * 16) == made
