"""Collection listed roots once; a point that was written meanwhile, on top of one that went, lost its data.

Here roots are listed until two listings agree, after the writers older than the tombstone have ended.
"""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from safehold.store.collect.collection import Collection
from safehold.store.soundness.verify import verify
from tests.store.collect.worlds import DAY, VaultWorld
from tests.store.vaults import Tree, TreeSource, back_up, flat, new_record, restore

TREE: Tree = {b"%d" % number: random.Random(number).randbytes(700_000) for number in range(3)}


def a_point_that_is_written_while_its_parent_is_collected() -> VaultWorld:
    world = VaultWorld()
    back_up(world.store(), "parent", TREE)
    store = world.store()
    with store.session(parents=["parent"]) as session:
        before = store.previous_tree(store.point("parent"))
        root = store.take_in(session, TreeSource(TREE, before), before, advance=lambda i, b: None)
        world.delete("parent")
        world.wait(2 * DAY)
        for _ in range(3):
            world.collect()
            world.wait(timedelta(hours=23))
            with store.intents._changed:
                for live in store.intents._live:
                    store.intents._renew(live)
        session.finish(new_record("child", root, session.stats))
    world.collect_for(12)
    return world


def test_a_point_written_on_top_of_one_that_goes_keeps_what_it_needs() -> None:
    world = a_point_that_is_written_while_its_parent_is_collected()
    assert restore(world.store(), "child") == flat(TREE)
    assert verify(world.store(), read_data=True).problems == []


def test_without_waiting_for_the_writer_and_looking_again_it_would_be_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def everything_at_once(self: Collection, reader: object, now: int) -> object:
        roots, _ = waiting(self, reader, now)  # type: ignore[arg-type]
        return roots, self._stones.listed().open

    waiting = Collection._roots_after_waiting
    monkeypatch.setattr(Collection, "_roots_after_waiting", everything_at_once)
    monkeypatch.setattr("safehold.store.collect.survey.Survey.is_needed", lambda self, name: False)
    with pytest.raises(Exception):  # noqa: B017, PT011  # whatever is missed first
        a_point_that_is_written_while_its_parent_is_collected()
