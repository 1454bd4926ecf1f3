"""A lock's renewal did not count, and somebody's `unlock` removed it while its owner was at work.

Here a renewal is a new object, and only a writer that was seen unchanged for the whole silence is revoked.
"""

from __future__ import annotations

from datetime import timedelta

from tests.store.collect.worlds import VaultWorld
from tests.store.vaults import Tree, back_up

TREE: Tree = {b"a": b"alpha" * 1000}


def test_a_writer_that_renews_is_never_revoked_however_long_it_works() -> None:
    world = VaultWorld()
    back_up(world.store(), "p", TREE)
    store = world.store()
    with store.session(parents=["p"]):
        for _ in range(10):
            assert world.collect().revoked == []
            world.wait(timedelta(days=1))
            with store.intents._changed:
                for live in store.intents._live:
                    store.intents._renew(live)
    assert world.names("intents/") == []


def test_one_that_does_not_is_revoked_after_the_silence_and_not_before() -> None:
    world = VaultWorld()
    store = world.store()
    with store.session(parents=[]):
        world.collect()
        world.wait(timedelta(hours=23))
        assert world.collect().revoked == []
        world.wait(timedelta(hours=2))
        assert len(world.collect().revoked) == 1
