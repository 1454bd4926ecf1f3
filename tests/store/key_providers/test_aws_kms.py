from __future__ import annotations

from typing import Any

import boto3
import pytest

from safehold.core.errors import KeysUnavailable
from safehold.core.secrets import RootKey
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.key_providers.urls import open_provider
from tests.fixtures.key_services import Server, free_port
from tests.store.key_providers.contract import HERE, SECRET, ProviderContract

pytestmark = pytest.mark.real
ROOT = RootKey(b"r" * 32)


class TestAwsKms(ProviderContract):
    kms: Any

    @pytest.fixture(autouse=True)
    def _with_keys(self, ministack: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "access-7113")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-7113")
        self.endpoint = ministack.address
        self.kms = boto3.client("kms", endpoint_url=self.endpoint, region_name="us-east-1")
        self.key, self.another = (self.kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))

    def of(self, key: str, endpoint: str) -> KeyProvider:
        return open_provider(f"aws-kms:{key}?region=us-east-1&endpoint={endpoint}", ROOT)

    def provider(self) -> KeyProvider:
        return self.of(self.key, self.endpoint)

    def other(self) -> KeyProvider:
        return self.of(self.another, self.endpoint)

    def unreachable(self) -> KeyProvider:
        return self.of(self.key, f"http://127.0.0.1:{free_port()}")

    def misspelt(self) -> KeyProvider:
        return self.of("alias/sahefold", self.endpoint)

    def secrets(self) -> list[str]:
        return ["secret-7113"]

    def test_a_key_that_was_disabled_opens_nothing_until_it_is_enabled_again(self) -> None:
        provider = self.provider()
        wrapped = provider.wrap(SECRET, context=HERE)
        self.kms.disable_key(KeyId=self.key)
        with pytest.raises(KeysUnavailable):
            provider.unwrap(wrapped, context=HERE)
        self.kms.enable_key(KeyId=self.key)
        assert provider.unwrap(wrapped, context=HERE) == SECRET

    def test_an_alias_names_a_key(self) -> None:
        self.kms.create_alias(AliasName="alias/safehold", TargetKeyId=self.key)
        wrapped = self.of("alias/safehold", self.endpoint).wrap(SECRET, context=HERE)
        assert self.provider().unwrap(wrapped, context=HERE) == SECRET
        self.kms.delete_alias(AliasName="alias/safehold")

    def test_without_credentials_it_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, "/nowhere")
        with pytest.raises(KeysUnavailable, match="credentials"):
            self.provider().wrap(SECRET, context=HERE)
