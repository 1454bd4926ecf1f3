"""Makes the frozen sample of search tables: `python -m tests.formats.make_search_sample FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from safehold.core.secrets import RootKey
from safehold.domain.items import ItemRow
from safehold.store.backends.local import LocalBackend
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.trees.search_tables import write_tables
from safehold.store.vault_store import VaultStore
from tests.formats.make_sample import SAMPLE_KEY
from tests.store.vaults import VAULT_ID

ROWS = [
    ItemRow(b"/folder/one", 7, modified_us=1_700_000_000_000_000),
    ItemRow(b"/folder/\xff", 0, modified_us=-1, created_us=3),
    ItemRow(b"an/object", 1 << 40, etag=b"e", version_id=b"v"),
]


def make_search_sample(folder: Path) -> None:
    store = VaultStore.for_writing(LocalBackend.create(folder), KeyFile(RootKey(SAMPLE_KEY)), VAULT_ID)
    write_tables(store, "point", ROWS)


if __name__ == "__main__":
    make_search_sample(Path(sys.argv[1]))
