"""A record whose writer was revoked before it was admitted is no point, whoever asks."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from safehold.core.errors import WriterRevoked
from safehold.domain.items import PreviousTree
from safehold.store.collect.roots import RootReader
from safehold.store.soundness.verify import verify
from safehold.store.writers.fences import MemoryFence
from tests.store.collect.worlds import VaultWorld
from tests.store.vaults import Tree, TreeSource, back_up, flat, new_record, restore

LARGE = random.Random(1).randbytes(3 << 20)


@pytest.fixture
def world() -> VaultWorld:
    """A vault with the point `kept`, and the void record `late` whose packs are gone."""
    world = VaultWorld()
    back_up(world.store(), "kept", {b"a": b"kept"})
    tree: Tree = {b"a": b"kept", b"large": LARGE}
    with world.store().session(parents=[]) as session:
        nothing = PreviousTree()
        root = world.store().take_in(session, TreeSource(tree, nothing), nothing, advance=lambda i, b: None)
        for _ in range(4):
            world.collect()
            world.wait(timedelta(hours=30))
        with pytest.raises(WriterRevoked):
            session.finish(new_record("late", root, session.stats))
    for name in world.names("packs/"):
        world.backend.delete(name)
    assert set(world.names("points/")) == {"points/kept", "points/late"}
    return world


def test_a_void_record_is_told_from_points(world: VaultWorld) -> None:
    store = world.store()
    is_void = store.void_check()
    assert {point_id: is_void(store.point(point_id)) for point_id in store.points()} == {
        "kept": False,
        "late": True,
    }


def test_what_a_void_record_needed_is_not_missed(world: VaultWorld) -> None:
    assert verify(world.store(), read_data=True).problems == []
    assert restore(world.store(), "kept") == flat({b"a": b"kept"})


def test_a_catalog_from_before_a_revocation_admits_nothing_that_is_void() -> None:
    """The catalog was restored from a backup of an earlier day: its fence knows nothing of the revocation."""
    world = VaultWorld()
    back_up(world.store(), "kept", {b"a": b"kept"})
    store = world.store()
    with store.session(parents=[]) as session:
        tree, nothing = TreeSource({b"a": b"late"}, PreviousTree()), PreviousTree()
        root = world.store().take_in(session, tree, nothing, advance=lambda i, b: None)
        for _ in range(4):
            world.collect()
            world.wait(timedelta(hours=30))
        store.intents.fence = MemoryFence()
        with pytest.raises(WriterRevoked):
            session.finish(new_record("late", root, session.stats))
    world.fence = MemoryFence()
    with pytest.raises(WriterRevoked):
        world.store().adopt_point("late")
    assert world.store().adopt_point("kept") is not None


def test_a_void_record_is_no_root(world: VaultWorld) -> None:
    found = RootReader(world.store()).read(deleted_before=world.now)
    assert (found.void, found.kept) == ({"late"}, {"kept"})
