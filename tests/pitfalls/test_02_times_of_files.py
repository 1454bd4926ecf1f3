"""Collection trusted the access times of files, which the file system did not keep.

Here no time of an object is asked for: what goes is named in a tombstone.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from safehold.store.backends.local import LocalBackend
from tests.store.collect.worlds import VaultWorld
from tests.store.vaults import Tree, back_up, flat, restore

TREE: Tree = {b"a": b"alpha" * 1000}


def test_objects_that_look_ancient_or_of_the_future_are_collected_by_what_needs_them(tmp_path: Path) -> None:
    world = VaultWorld(LocalBackend.create(tmp_path / "vault"))
    back_up(world.store(), "kept", TREE)
    back_up(world.store(), "gone", {b"z": b"other" * 1000})
    world.delete("gone")
    for day in range(14):
        for path in (tmp_path / "vault").rglob("*"):
            os.utime(path, (0, 0) if day % 2 else (4e9, 4e9))
        world.collect()
        world.wait(timedelta(days=1))
    assert world.chunk_objects() == {"points/kept"}
    assert restore(world.store(), "kept") == flat(TREE)
