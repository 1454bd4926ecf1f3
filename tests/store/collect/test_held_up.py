"""A collector that is held up for days in the middle of a step does no harm when it goes on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

import pytest

from safehold.core.errors import CollectionRefused
from safehold.store.backends.contract import Backend, ObjectInfo
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.collect.undeleting import undelete
from safehold.store.collect.watch import Watch
from safehold.store.points.points import HELD, HOLD, RELEASED, STATE
from safehold.store.soundness.verify import verify
from safehold.store.writers.tombstones import Announced, Spent, Tombstones
from tests.store.collect.worlds import DAY, VaultWorld
from tests.store.vaults import Tree, back_up, flat, restore


class InPlace(MemoryBackend):
    can_rename = False


LARGE: Tree = {b"large": random.Random(1).randbytes(2 << 20)}
SMALL: Tree = {b"a": b"alpha"}
RECORD = "trash/00000001/points/p"


class HeldUp(PassingBackend):
    """Before the first call of an operation on that name, something else happens."""

    def __init__(self, inner: Backend, operation: str, name: str, event: Callable[[], object]) -> None:
        super().__init__(inner)
        self._at: tuple[str, str] | None = (operation, name)
        self._event = event

    def _arrive(self, operation: str, name: str) -> None:
        if self._at == (operation, name):
            self._at = None
            self._event()

    def list(self, folder: str) -> Iterator[ObjectInfo]:
        self._arrive("list", folder)
        return super().list(folder)

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        self._arrive("put", name)
        super().put(name, parts)

    def rename(self, name: str, new_name: str) -> None:
        self._arrive("rename", name)
        super().rename(name, new_name)

    def delete(self, name: str) -> None:
        self._arrive("delete", name)
        super().delete(name)


def a_world(place: MemoryBackend | None = None) -> VaultWorld:
    """`p` was deleted long ago, and nothing was collected yet."""
    world = VaultWorld(place or MemoryBackend())
    back_up(world.store(), "p", LARGE)
    back_up(world.store(), "q", SMALL)
    world.delete("p")
    world.wait(2 * DAY)
    return world


def purge_while_a_record_comes_back(world: VaultWorld) -> None:
    """Another run purges; the one that was held up puts the record back just before it is erased."""
    assert isinstance(world.backend, MemoryBackend)
    place = world.backend
    world.wait(30 * DAY)
    backend = HeldUp(place, "delete", RECORD, lambda: place.rename(RECORD, "points/p"))
    assert "points/p" in world.collection(backend).run().trashed + world.names("points/")


def assert_is_kept(world: VaultWorld, point_id: str) -> None:
    """Now, and after 24 days of collections."""
    assert restore(world.store(), point_id) == flat(LARGE)
    world.collect_for(24)
    assert restore(world.store(), point_id) == flat(LARGE)


def assert_all_is_well(world: VaultWorld) -> None:
    assert "points/p" not in world.names("points/") or world.store().is_deleted("p")
    world.collect_for(24)
    assert world.chunk_objects() == {"points/q"}
    assert world.names("amendments/", "trash/") == []
    assert restore(world.store(), "q") == flat(SMALL)
    assert verify(world.store(), read_data=True).problems == []


def test_what_was_trashed_since_a_run_looked_at_the_tombstones_stays_in_the_trash() -> None:
    world = a_world()
    backend = HeldUp(world.backend, "list", "trash/", lambda: world.collect_for(3))
    world.collection(backend).run()
    assert RECORD in world.names("trash/")
    assert "points/p" not in world.names("points/")
    assert_all_is_well(world)


def test_a_record_that_comes_back_while_it_is_purged_keeps_its_deletion() -> None:
    world = a_world()
    world.collect_for(3)
    world.store().amend("p", HOLD, {STATE: HELD}, written_at=world.now)

    def released() -> None:
        world.store().amend("p", HOLD, {STATE: RELEASED}, written_at=world.now)
        purge_while_a_record_comes_back(world)

    backend = HeldUp(world.backend, "rename", RECORD, released)
    world.collection(backend).run()
    assert_all_is_well(world)


@pytest.mark.parametrize("place", [MemoryBackend, InPlace])
def test_a_purge_that_was_decided_when_all_had_been_brought_back_and_was_used_again_takes_nothing(
    place: type[MemoryBackend],
) -> None:
    world = a_world(place())
    world.collect_for(3)
    world.wait(8 * DAY)

    def used_again() -> None:
        assert undelete(world.store(), now=world.now).too_late == []
        back_up(world.store(), "r", LARGE)
        world.collect()

    backend = HeldUp(world.backend, "put", "tombstones/00000001.decided", used_again)
    with suppress(CollectionRefused):
        world.collection(backend).run()
    assert_is_kept(world, "r")


def test_a_purge_that_goes_on_when_another_run_has_ended_it_takes_nothing_that_came_back() -> None:
    world = a_world(InPlace())
    world.collect_for(3)
    world.wait(8 * DAY)

    def kept_again() -> None:
        assert undelete(world.store(), points=["p"], now=world.now).too_late == [1]
        world.collect()
        assert undelete(world.store(), points=["p"], now=world.now).points == ["p"]

    backend = HeldUp(world.backend, "put", "journal/00000004.0001", kept_again)
    with pytest.raises(CollectionRefused, match="held up"):
        world.collection(backend).run()
    assert_is_kept(world, "p")


def test_what_is_used_again_is_not_taken_to_the_trash_by_a_run_that_was_held_up() -> None:
    world = a_world()
    world.collect()
    world.wait(2 * DAY)

    def used_again() -> None:
        assert undelete(world.store(), now=world.now).too_late == []
        back_up(world.store(), "r", LARGE)
        world.collect()

    backend = HeldUp(world.backend, "put", "tombstones/00000001.trashed", used_again)
    with pytest.raises(CollectionRefused, match="held up"):
        world.collection(backend).run()
    assert restore(world.store(), "r") == flat(LARGE)


def test_a_long_purge_asks_again_and_again_whether_it_may_go_on() -> None:
    world = a_world()
    store = world.store()
    stones = Tombstones(store.backend, store.keys, store.vault_id)
    stones.put(1, Announced(version=1, names=["a", "b", "c"], roots=[], written_at=world.now))
    each = Watch(stones, world.clock).each(1, ["a", "b", "c"])
    assert next(each) == "a"
    stones.put(1, Spent(written_at=world.now))
    assert next(each) == "b"
    world.wait(timedelta(seconds=6))
    with pytest.raises(CollectionRefused, match="held up"):
        next(each)
