"""A listing that failed was read as "nothing there", and everything was pruned.

Here it ends the run; and so does one that succeeds and shows less than the last run saw.
"""

from __future__ import annotations

import pytest

from safehold.core.errors import CollectionRefused, StoreUnavailable
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.collect import collection
from tests.store.collect.worlds import VaultWorld
from tests.store.vaults import Tree, back_up

TREE: Tree = {b"a": b"alpha" * 1000}


def test_a_listing_that_fails_ends_the_run() -> None:
    world = VaultWorld()
    back_up(world.store(), "p", TREE)
    faulty = FaultyBackend(world.backend, [Fault("list", Trouble.FAIL, folder="points/")])
    with pytest.raises(StoreUnavailable):
        world.collection(faulty).run()
    assert world.names("tombstones/", "trash/") == []


def test_a_listing_that_shows_less_ends_it_too_and_without_the_check_it_would_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = VaultWorld()
    back_up(world.store(), "p", TREE)
    back_up(world.store(), "q", {b"b": b"beta" * 1000})
    world.collect()
    world.backend.delete("points/p")
    with pytest.raises(CollectionRefused, match="p"):
        world.collect()
    monkeypatch.setattr(collection, "check_points", lambda *_: None)
    world.collect()
