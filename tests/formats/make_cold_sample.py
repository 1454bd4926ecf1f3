"""Makes the frozen sample of cold storage: `python -m tests.formats.make_cold_sample FOLDER`.

Two points; the older one lies in cold storage, and the warm place was freed of what it alone needs.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from safehold.core.clock import FixedClock, to_micros
from safehold.core.secrets import RootKey
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.tiered import TieredBackend
from safehold.store.cold.cold import cool
from safehold.store.collect.collection import Collection
from safehold.store.collect.settings import CollectionSettings
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.vault_store import VaultStore
from tests.formats.make_sample import SAMPLE_KEY, repeating
from tests.store.vaults import VAULT_ID, Tree, back_up

AT = datetime(2026, 1, 1, tzinfo=UTC)
RUNS = 8


def cold_trees() -> dict[str, Tree]:
    shared: Tree = {b"both": b"the same in both points " * 400, b"folder": {b"deep": b"deeper " * 3000}}
    # Long enough that what is stored is no combined object.
    return {
        "old": {**shared, b"own": repeating(3_000_000, 1)},
        "new": {**shared, b"own": repeating(3_000_000, 2)},
    }


def opened(folder: Path) -> VaultStore:
    both = TieredBackend(LocalBackend(folder / "vault"), lambda create: LocalBackend(folder / "cold"))
    return VaultStore.for_writing(both, KeyFile(RootKey(SAMPLE_KEY)), VAULT_ID)


def make_cold_sample(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "root.key").write_text(SAMPLE_KEY.hex() + "\n")
    for place in ("vault", "cold"):
        LocalBackend.create(folder / place)
    back_up(opened(folder), "old", cold_trees()["old"])
    back_up(opened(folder), "new", cold_trees()["new"], previous="old")
    cool(opened(folder), "old", now=to_micros(AT))
    clock = FixedClock(AT)
    settings = CollectionSettings(grace_seconds=0, trash_seconds=0, most_dead_percent=100.0)
    for _ in range(RUNS):
        Collection(opened(folder), clock, settings=settings, who="sample").run()
        clock.at += timedelta(seconds=1)
    for place in ("vault", "cold"):
        for empty in sorted((folder / place).rglob("*"), reverse=True):
            if empty.is_dir() and not any(empty.iterdir()):
                empty.rmdir()


if __name__ == "__main__":
    make_cold_sample(Path(sys.argv[1]))
