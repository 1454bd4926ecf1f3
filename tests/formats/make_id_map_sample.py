"""Makes the frozen sample of an id map: `python -m tests.formats.make_id_map_sample FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from safehold.core.secrets import RootKey
from safehold.store.backends.local import LocalBackend
from safehold.store.copies.id_map import MapFolder
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.sealed.keys import open_or_create_keys
from tests.formats.make_sample import SAMPLE_KEY
from tests.store.vaults import VAULT_ID

SOURCE = "5a" * 16
ROWS = [bytes([n // 8, n % 8]) * 16 + bytes([n % 8, n // 8]) * 16 for n in range(1100)]


def make_id_map_sample(folder: Path) -> None:
    """Two tables, one of them of more than one part and one of rows that begin alike."""
    backend = LocalBackend.create(folder)
    keys = open_or_create_keys(backend, KeyFile(RootKey(SAMPLE_KEY)), VAULT_ID)
    maps = MapFolder(backend, keys, VAULT_ID)
    maps.write(SOURCE, "", ROWS)
    maps.write(SOURCE, "ff", [b"\xff" * 32 + b"t" * 32])


if __name__ == "__main__":
    make_id_map_sample(Path(sys.argv[1]))
