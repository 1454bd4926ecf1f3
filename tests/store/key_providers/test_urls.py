from __future__ import annotations

import pytest

from safehold.core.errors import ConfigError
from safehold.core.secrets import RootKey
from safehold.store.key_providers.urls import open_provider

ROOT = RootKey(b"r" * 32)


@pytest.mark.parametrize(
    ("keys_url", "why"),
    [
        ("https://key.example", "begins with one of file:, aws-kms:, pkcs11:, transit:"),
        ("aws-kms:", "needs the form"),
        ("aws-kms:alias/x?regoin=eu-west-1", "unknown options regoin; known are region"),
        ("pkcs11:token=t", "needs the form"),
        ("pkcs11:token=t;object=k", "needs the form"),
        ("pkcs11:token=t;object=k;serial=1?module-path=/m", "needs the form"),
        ("pkcs11:token=t;object=k?module-path=/m&pin-value=7113", "unknown options pin-value"),
        ("transit:https://bao.example:8200/key", "needs the form"),
        ("transit:https://bao.example:8200/transit/", "needs the form"),
        ("transit:bao.example/transit/key", "needs the form"),
        ("transit:https://user:7113@bao.example/transit/key", "no user or password"),
        ("transit:http://bao.example:8200/transit/key", "in the clear; use https"),
        ("transit:https://bao.example:8200/transit/key?token=7113", "unknown options token"),
        ("transit:https://bao.example:8200/transit/key?ca_file=/nowhere", "cannot use the certificates"),
    ],
)
def test_what_cannot_name_a_provider_is_refused_with_the_form_that_can(keys_url: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        open_provider(keys_url, ROOT)
    assert "7113" not in str(refused.value)


@pytest.mark.parametrize(
    ("keys_url", "described"),
    [
        (
            "aws-kms:arn:aws:kms:eu-west-1:123456789012:key/0a1b?endpoint=http://127.0.0.1:1",
            "AWS KMS key arn:aws:kms:eu-west-1:123456789012:key/0a1b (http://127.0.0.1:1)",
        ),
        ("aws-kms:alias/safehold?region=eu-west-1", "AWS KMS key alias/safehold (eu-west-1)"),
        ("pkcs11:token=my%20token;object=k?module-path=/m", "PKCS#11 key k on token my token"),
        (
            "transit:https://bao.example:8200/secret/transit/k?namespace=team",
            "transit key k of https://bao.example:8200/secret/transit, namespace team",
        ),
    ],
)
def test_a_url_names_a_provider_without_asking_it(keys_url: str, described: str) -> None:
    assert open_provider(keys_url, ROOT).describe() == described


@pytest.mark.parametrize(
    ("keys_url", "hint"),
    [
        ("pkcs11:token=t;object=k?module-path=/m", "set SAFEHOLD_PKCS11_PIN, or name a file with pin-source"),
        (
            "transit:https://127.0.0.1:1/transit/k",
            "set SAFEHOLD_TRANSIT_TOKEN, or .* token_file",
        ),
        ("transit:https://127.0.0.1:1/transit/k?token_file=/nowhere", "cannot read the token .* /nowhere"),
    ],
)
def test_a_secret_that_nobody_told_is_asked_for(
    keys_url: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SAFEHOLD_PKCS11_PIN", "SAFEHOLD_TRANSIT_TOKEN", "BAO_TOKEN", "VAULT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=hint):
        open_provider(keys_url, ROOT).wrap(b"secret", context=b"safehold/vault-keys/" + bytes(16))
