"""When collection refuses to run: what the last run saw and is not listed any more, clocks, the share."""

from __future__ import annotations

from datetime import timedelta

import pytest

from safehold.core.errors import CollectionRefused, StoreUnavailable
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.collect.settings import CollectionSettings
from safehold.store.collect.undeleting import undelete
from tests.store.collect.worlds import DAY, VaultWorld
from tests.store.vaults import Tree, back_up

P: Tree = {b"a": b"alpha", b"d": {b"b": b"beta"}}
Q: Tree = {b"c": b"gamma"}
AGAIN = "not listed any more that were: p"


class InPlace(MemoryBackend):
    """As an object store: nothing is renamed, a record stays where it is until it is purged."""

    can_rename = False


def two_points(world: VaultWorld) -> VaultWorld:
    back_up(world.store(), "p", P)
    back_up(world.store(), "q", Q)
    world.delete("p")
    return world


def test_a_point_that_was_taken_came_back_and_is_missing_again_stops_it() -> None:
    world = two_points(VaultWorld())
    world.collect_for(4)
    assert "points/p" not in world.names("points/")
    undelete(world.store(), points=["p"], now=world.now)
    world.collect()
    world.backend.delete("points/p")
    with pytest.raises(CollectionRefused, match=AGAIN):
        world.collect()


def test_a_point_that_came_back_and_was_deleted_again_goes_like_any_other() -> None:
    for world in (two_points(VaultWorld()), two_points(VaultWorld(InPlace()))):
        world.collect_for(4)
        undelete(world.store(), points=["p"], now=world.now)
        world.wait(DAY)
        world.delete("p")
        for _ in range(5):
            world.collect()
            world.wait(8 * DAY)
        assert world.names("points/", "amendments/", "trash/") == ["points/q"]


def test_a_purge_that_was_cut_off_between_a_points_amendments_is_ended_by_the_next_run() -> None:
    world = two_points(VaultWorld(InPlace()))
    world.store().amend("p", "tags", {"a": "b"}, written_at=world.now)
    dying = FaultyBackend(world.backend, [Fault("delete", Trouble.FAIL, first=2, folder="amendments/")])
    for _ in range(2):
        world.wait(8 * DAY)
        world.collect()
    world.wait(8 * DAY)
    with pytest.raises(StoreUnavailable):
        world.collection(dying).run()
    assert world.names("points/", "amendments/") == ["points/q", "amendments/p/00000002"]
    world.collect()
    assert world.names("points/", "amendments/") == ["points/q"]


def test_what_was_written_at_the_very_edge_of_what_clocks_may_differ_is_borne() -> None:
    world = two_points(VaultWorld())
    world.collect()
    skew = timedelta(seconds=CollectionSettings().skew_seconds)
    world.wait(-skew)
    world.collect()
    world.wait(-skew - timedelta(microseconds=1))
    with pytest.raises(CollectionRefused, match="the last run wrote"):
        world.collect()
