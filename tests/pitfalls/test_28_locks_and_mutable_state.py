"""A store's object lock and a product's own mutable files fought each other: maintenance failed, or locks ran
out under it.

Here what is locked is written once and never touched again, and what has to go is never locked.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from safehold.store.backends.contract import LockMode, Retention
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.points.locking import LOCKED_FOLDERS, PointLock, first_version
from tests.store.collect.worlds import VaultWorld
from tests.store.points.test_locking import backend, test_a_chain_of_points_is_kept_through_and_through
from tests.store.vaults import Tree, back_up, flat, restore

TREE: Tree = {b"a": b"alpha" * 1000, b"large": bytes(range(256)) * 8000}

__all__ = ["backend", "test_a_chain_of_points_is_kept_through_and_through"]


def test_collection_works_beside_locks_and_nothing_that_must_go_has_one(tmp_path: Path) -> None:
    world = VaultWorld(LockingLocalBackend.create(tmp_path / "vault"))
    place = LockingLocalBackend(tmp_path / "vault", may_be_immutable=False)
    world.backend = place
    until = datetime.now(UTC) + timedelta(days=3650)
    lock = PointLock(Retention(LockMode.COMPLIANCE, until), None)
    back_up(world.store(), "locked", TREE, lock=lock)
    back_up(world.store(), "free", {b"other": bytes(1000) + b"x"})
    world.delete("free")
    world.collect_for(12)
    assert restore(world.store(), "locked") == flat(TREE)
    assert list(world.store().points()) == ["locked"]
    rest = [info.name for info in place.list("") if not info.name.startswith(LOCKED_FOLDERS)]
    assert {name.partition("/")[0] for name in rest} >= {"journal", "tombstones"}
    assert [name for name in rest if place.retention(first_version(place, name))] == []
