"""Makes the frozen sample of working objects: `python -m tests.formats.make_working_sample FOLDER`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from safehold.core.clock import FixedClock
from safehold.core.secrets import RootKey
from safehold.store.backends.local import LocalBackend
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.upkeep.scrub import scrub
from safehold.store.vault_store import VaultStore
from tests.formats.make_sample import SAMPLE_KEY
from tests.store.vaults import VAULT_ID, back_up

AT = datetime(2026, 1, 1, tzinfo=UTC)


def make_working_sample(folder: Path) -> None:
    store = VaultStore.for_writing(LocalBackend.create(folder), KeyFile(RootKey(SAMPLE_KEY)), VAULT_ID)
    for point in ("sound", "frame", "whole"):
        back_up(store, point, {b"file": point.encode() * 100})
    for name, position in (("frame", 60), ("whole", -1)):
        path = folder / "points" / name
        data = bytearray(path.read_bytes())
        data[position] ^= 1
        path.write_bytes(data)
    scrub(store, budget_bytes=1 << 20, clock=FixedClock(AT))


if __name__ == "__main__":
    make_working_sample(Path(sys.argv[1]))
