from __future__ import annotations

import os

import pytest

from safehold.core.errors import ConfigError
from safehold.core.secrets import RootKey
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.key_providers.pkcs11_token import Pkcs11Token
from safehold.store.key_providers.urls import open_provider
from tests.fixtures.key_services import PIN, SoftHsm
from tests.store.key_providers.contract import HERE, SECRET, ProviderContract

ROOT = RootKey(b"r" * 32)


class TestPkcs11Token(ProviderContract):
    @pytest.fixture(autouse=True)
    def _with_token(self, softhsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> None:
        self.softhsm = softhsm
        monkeypatch.setenv("SAFEHOLD_PKCS11_PIN", PIN)

    def provider(self) -> KeyProvider:
        return open_provider(self.softhsm.url(), ROOT)

    def other(self) -> KeyProvider:
        return open_provider(self.softhsm.url("other"), ROOT)

    def unreachable(self) -> KeyProvider:
        return open_provider(self.softhsm.url(token="unplugged"), ROOT)

    def misspelt(self) -> KeyProvider:
        return open_provider(self.softhsm.url("warpping"), ROOT)

    def secrets(self) -> list[str]:
        return [PIN]

    def test_a_wrong_pin_is_tried_once_so_that_the_token_does_not_lock_itself(self) -> None:
        pins: list[str] = []

        def pin() -> str:
            pins.append("0000")
            return "0000"

        provider = Pkcs11Token(str(self.softhsm.module), token="tests", key="wrapping", pin=pin)
        for _ in range(3):
            with pytest.raises(ConfigError, match="PIN"):
                provider.wrap(SECRET, context=HERE)
        assert len(pins) == 1

    def test_a_library_that_is_not_there_is_named(self) -> None:
        provider = Pkcs11Token("/nowhere.so", token="tests", key="wrapping", pin=lambda: PIN)
        with pytest.raises(ConfigError, match=r"/nowhere\.so"):
            provider.wrap(SECRET, context=HERE)

    def test_a_child_of_fork_opens_what_its_parent_wrapped(self) -> None:
        provider = self.provider()
        wrapped = provider.wrap(SECRET, context=HERE)
        child = os.fork()
        if child == 0:
            os._exit(0 if provider.unwrap(wrapped, context=HERE) == SECRET else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert provider.unwrap(wrapped, context=HERE) == SECRET
