from __future__ import annotations

from pathlib import Path

import pytest

from safehold.core.errors import RootKeyError
from safehold.core.secrets import RootKey
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.key_providers.urls import open_provider
from tests.store.key_providers.contract import HERE, ProviderContract

KEY, OTHER = b"r" * 32, b"s" * 32


class TestKeyFile(ProviderContract):
    can_be_unreachable = False

    def provider(self) -> KeyProvider:
        return KeyFile(RootKey(KEY))

    def other(self) -> KeyProvider:
        return KeyFile(RootKey(OTHER))

    def secrets(self) -> list[str]:
        return [KEY.hex()[:8], KEY.decode()]


@pytest.mark.parametrize("form", ["file:{}", "file://{}"])
def test_another_key_file_than_the_installations_can_be_named(tmp_path: Path, form: str) -> None:
    path = tmp_path / "vaults key"
    path.write_text(OTHER.hex() + "\n")
    wrapped = KeyFile(RootKey(OTHER)).wrap(b"secret", context=HERE)
    named = open_provider(form.format(path).replace(" ", "%20"), RootKey(KEY))
    assert named.unwrap(wrapped, context=HERE) == b"secret"


@pytest.mark.parametrize("keys_url", ["", "file:"])
def test_the_installations_root_key_is_the_default(keys_url: str) -> None:
    wrapped = KeyFile(RootKey(KEY)).wrap(b"secret", context=HERE)
    assert open_provider(keys_url, RootKey(KEY)).unwrap(wrapped, context=HERE) == b"secret"


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RootKeyError, match="gone"):
        open_provider(f"file:{tmp_path}/gone", RootKey(KEY))
