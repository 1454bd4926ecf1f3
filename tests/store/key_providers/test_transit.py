from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from safehold.core.errors import ConfigError, KeyMismatch, KeysUnavailable
from safehold.core.secrets import RootKey
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.key_providers.urls import open_provider
from tests.fixtures.key_services import Server, bao, free_port
from tests.store.key_providers.contract import HERE, SECRET, ProviderContract

pytestmark = pytest.mark.real
ROOT = RootKey(b"r" * 32)
NUMBERS = itertools.count()


class TestTransit(ProviderContract):
    @pytest.fixture(autouse=True)
    def _with_keys(self, openbao: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SAFEHOLD_TRANSIT_TOKEN", "root")
        self.server = openbao
        self.key, self.another = (f"key-{os.getpid()}-{next(NUMBERS)}" for _ in range(2))
        for key in (self.key, self.another):
            bao(openbao, "POST", f"transit/keys/{key}", {})

    def of(self, key: str, options: str = "", port: int | None = None) -> KeyProvider:
        address = f"http://127.0.0.1:{port or self.server.port}"
        return open_provider(f"transit:{address}/transit/{key}{options}", ROOT)

    def provider(self) -> KeyProvider:
        return self.of(self.key)

    def other(self) -> KeyProvider:
        return self.of(self.another)

    def unreachable(self) -> KeyProvider:
        return self.of(self.key, port=free_port())

    def misspelt(self) -> KeyProvider:
        return self.of("no-such-key")

    def secrets(self) -> list[str]:
        return ["root"]

    def test_a_key_that_was_rotated_opens_what_its_older_version_wrapped(self) -> None:
        provider = self.provider()
        wrapped = provider.wrap(SECRET, context=HERE)
        bao(self.server, "POST", f"transit/keys/{self.key}/rotate", {})
        assert provider.unwrap(wrapped, context=HERE) == SECRET
        assert provider.wrap(SECRET, context=HERE).startswith(b"vault:v2:")

    def test_a_key_that_was_destroyed_opens_nothing(self) -> None:
        provider = self.provider()
        wrapped = provider.wrap(SECRET, context=HERE)
        bao(self.server, "POST", f"transit/keys/{self.key}/config", {"deletion_allowed": True})
        bao(self.server, "DELETE", f"transit/keys/{self.key}")
        with pytest.raises(KeyMismatch, match="key not found"):
            provider.unwrap(wrapped, context=HERE)

    @pytest.mark.parametrize("options", [{"type": "rsa-2048"}, {"derived": True}], ids=["rsa", "derived"])
    def test_a_key_that_would_not_bind_the_vault_is_refused(self, options: dict[str, object]) -> None:
        key = f"{self.key}-unfit"
        bao(self.server, "POST", f"transit/keys/{key}", options)
        with pytest.raises(ConfigError, match="needed is one of aes128-gcm96"):
            self.of(key).wrap(SECRET, context=HERE)

    def test_a_token_that_is_not_let_in_may_be_tried_again_once_it_is(self, tmp_path: Path) -> None:
        token = tmp_path / "token"
        token.write_text("expired")
        provider = self.of(self.key, f"?token_file={token}")
        with pytest.raises(KeysUnavailable, match=r"refuses \(403\): .*") as refused:
            provider.wrap(SECRET, context=HERE)
        assert "expired" not in str(refused.value)
        token.write_text("root\n")
        assert provider.unwrap(provider.wrap(SECRET, context=HERE), context=HERE) == SECRET
