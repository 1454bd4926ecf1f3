"""Which points are roots: what was decided last of a point counts, however its amendments are listed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from safehold.core.errors import CollectionRefused
from safehold.store.collect.roots import RootReader, Roots
from safehold.store.points.points import HOLD
from tests.store.collect.worlds import VaultWorld
from tests.store.vaults import Tree, back_up

TREE: Tree = {b"a": b"alpha", b"d": {b"b": b"beta"}}
HOUR = timedelta(hours=1)


@pytest.fixture
def world() -> VaultWorld:
    world = VaultWorld()
    for point in ("first", "second"):
        back_up(world.store(), point, TREE)
    return world


def roots(world: VaultWorld) -> Roots:
    return RootReader(world.store()).read(deleted_before=world.now)


def tell(world: VaultWorld, point: str, kind: str, **facts: str) -> None:
    world.wait(HOUR)
    world.store().amend(point, kind, facts, written_at=world.now)
    world.wait(HOUR)


def test_what_was_written_last_counts_whatever_its_number(world: VaultWorld) -> None:
    late = world.now + 10
    world.store().amend("first", "undeletion", {}, written_at=late)
    world.store().amend("first", "deletion", {}, written_at=late - 5)  # the later number, the earlier time
    world.store().amend("second", "deletion", {}, written_at=late)
    world.store().amend("second", "undeletion", {}, written_at=late - 5)
    world.wait(HOUR)
    found = roots(world)
    assert (found.kept, found.deleted) == ({"first"}, {"second"})


def test_a_deletion_counts_when_it_was_decided_before_and_not_in_that_moment(world: VaultWorld) -> None:
    world.store().amend("first", "deletion", {}, written_at=world.now)
    assert roots(world).kept == {"first", "second"}
    world.clock.at += timedelta(microseconds=1)
    assert roots(world).kept == {"second"}


def test_a_hold_keeps_a_deleted_point_until_it_is_released(world: VaultWorld) -> None:
    tell(world, "first", "deletion")
    tell(world, "first", HOLD, state="held")
    assert roots(world).kept == {"first", "second"}
    tell(world, "first", HOLD, state="released")
    assert roots(world).deleted == {"first"}


def test_a_deleted_point_that_a_writer_builds_upon_stays_a_root_as_long_as_it_is_at_work(
    world: VaultWorld,
) -> None:
    with world.store().session(parents=["first"]):
        tell(world, "first", "deletion")
        assert roots(world).kept == {"first", "second"}
    assert roots(world).kept == {"second"}


def test_a_record_that_cannot_be_read_stops_it_unless_its_point_was_deleted(world: VaultWorld) -> None:
    data = world.backend.get("points/first")
    world.backend.delete("points/first")
    world.backend.put("points/first", [data[:-1], bytes([data[-1] ^ 1])])
    with pytest.raises(CollectionRefused, match="point first cannot be read: points/first") as why:
        roots(world)
    assert "safehold store heal" in why.value.hint
    tell(world, "first", "deletion")
    found = roots(world)
    assert (found.kept, found.points.keys()) == ({"second"}, {"second"})


def test_an_amendment_that_cannot_be_read_stops_it(world: VaultWorld) -> None:
    tell(world, "first", "deletion")
    (name,) = world.names("amendments/")
    data = world.backend.get(name)
    world.backend.delete(name)
    world.backend.put(name, [data[:-1], bytes([data[-1] ^ 1])])
    with pytest.raises(CollectionRefused, match="what is kept cannot be told"):
        roots(world)
