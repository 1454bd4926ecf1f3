"""A stale time of change made a healthy store look as if clocks disagreed.

Here the times that are compared stand in sealed records, and storage cannot change them.
"""

from __future__ import annotations

import os
from pathlib import Path

from safehold.store.backends.local import LocalBackend
from tests.store.collect.worlds import VaultWorld
from tests.store.vaults import Tree, back_up

TREE: Tree = {b"a": b"alpha" * 1000}


def test_a_copied_vault_whose_files_all_have_other_times_is_collected_as_ever(tmp_path: Path) -> None:
    world = VaultWorld(LocalBackend.create(tmp_path / "vault"))
    back_up(world.store(), "p", TREE)
    world.collect()
    for path in (tmp_path / "vault").rglob("*"):
        os.utime(path, (4e9, 4e9))
    assert world.collect().points == 1
