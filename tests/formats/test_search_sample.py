"""Search tables that were written once are read by every later version."""

from __future__ import annotations

from pathlib import Path

from safehold.core.secrets import RootKey
from safehold.store.backends.local import LocalBackend
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.trees.search_tables import open_blocks
from safehold.store.vault_store import VaultStore
from tests.formats.make_sample import SAMPLE_KEY
from tests.formats.make_search_sample import ROWS
from tests.store.vaults import VAULT_ID

SAMPLE = Path(__file__).parent / "search/v1"


def test_the_frozen_search_tables_are_read() -> None:
    store = VaultStore.for_reading(LocalBackend(SAMPLE), KeyFile(RootKey(SAMPLE_KEY)), VAULT_ID)
    (info,) = store.backend.list("search/point/")
    build = info.name.rpartition("/")[2].partition("-")[0]
    (block,) = open_blocks(store, "point", build)
    assert list(block.read().rows()) == ROWS
