"""With a clock that was wrong, fresh data looked old and was deleted.

Here numbers decide, not clocks; and when clocks disagree, collection does not run.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from safehold.core.errors import CollectionRefused
from safehold.domain.items import PreviousTree
from tests.store.collect.worlds import VaultWorld
from tests.store.vaults import Tree, TreeSource, back_up, flat, new_record, restore

TREE: Tree = {b"a": b"alpha" * 1000}


def test_a_clock_that_runs_a_year_ahead_takes_nothing_from_a_writer_at_work() -> None:
    world = VaultWorld()
    back_up(world.store(), "gone", TREE)
    store = world.store()
    with store.session(parents=[]) as session:
        root = store.take_in(
            session, TreeSource(TREE, PreviousTree()), PreviousTree(), advance=lambda i, b: None
        )
        world.delete("gone")
        world.wait(timedelta(days=365))
        assert world.collect().purged == []
        session.finish(new_record("p", root, session.stats))
    world.wait(timedelta(days=365))
    world.collect_for(12)
    assert restore(world.store(), "p") == flat(TREE)


def test_a_clock_that_is_behind_is_noticed() -> None:
    world = VaultWorld()
    back_up(world.store(), "p", TREE)
    world.collect()
    world.wait(timedelta(hours=-1))
    with pytest.raises(CollectionRefused, match="clocks") as refusal:
        world.collect()
    assert "NTP" in refusal.value.hint
