"""Data was missing after maintenance, and for years nobody could say what had deleted it.

Here a journal says of each object when it went and why, before it goes, and it comes back from the trash.
"""

from __future__ import annotations

import pytest

from safehold.core.errors import StoreUnavailable
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.collect.journal import Journal
from safehold.store.collect.undeleting import undelete
from tests.store.collect.worlds import DAY, VaultWorld
from tests.store.vaults import VAULT_ID, Tree, back_up, flat, restore

TREE: Tree = {b"a": b"alpha" * 1000}


def test_nothing_goes_that_the_journal_does_not_name() -> None:
    world = VaultWorld()
    back_up(world.store(), "p", TREE)
    world.delete("p")
    before = world.chunk_objects()
    faulty = FaultyBackend(world.backend, [Fault("put", Trouble.FAIL, folder="journal/")])
    for _ in range(14):
        with pytest.raises(StoreUnavailable, match="journal"):
            world.collection(faulty).run()
        world.wait(DAY)
    assert world.chunk_objects() == before
    world.collect_for(14)
    store = world.store()
    told = {
        (entry.action, entry.name)
        for run in Journal(world.backend, store.keys, VAULT_ID).runs()
        for part in run.parts
        for entry in part.entries
    }
    assert {(action, "points/p") for action in ("announced", "trashed", "purged")} <= told


def test_what_went_by_mistake_comes_back() -> None:
    world = VaultWorld()
    back_up(world.store(), "p", TREE)
    world.delete("p")
    world.collect_for(6)
    assert undelete(world.store(), points=["p"], now=world.now).broken == {}
    assert restore(world.store(), "p") == flat(TREE)
