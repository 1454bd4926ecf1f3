"""A live intent keeps what is there of the points that it pins, and stops no collection by what is gone."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from safehold.core.errors import CollectionRefused
from safehold.core.secrets import RootKey
from safehold.store.backends.memory import MemoryBackend
from safehold.store.collect.roots import RootReader
from safehold.store.copies.copying import CopyOrder, copy_point
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.vault_store import VaultStore
from tests.store.collect.worlds import DAY, SETTINGS, VaultWorld
from tests.store.vaults import Tree, back_up, flat, restore

PATIENT = replace(SETTINGS, silence_seconds=1e9)
LARGE = 2 << 20  # bytes that no combined object takes in


class Killed(BaseException):
    """The process is gone: nothing of it ends its intents."""


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


FIRST: Tree = {b"old": {b"large": noise(LARGE, 1)}, b"small": b"0"}
SECOND: Tree = {**FIRST, b"small": noise(3000, 2)}
THIRD: Tree = {b"old": {b"large": noise(LARGE, 3)}, b"small": noise(3000, 2)}


@pytest.fixture
def world() -> VaultWorld:
    """Points in a row. The record of the second holds a chunk that the third needs, too."""
    world = VaultWorld()
    back_up(world.store(), "first", FIRST)
    back_up(world.store(), "second", SECOND, previous="first")
    back_up(world.store(), "third", THIRD, previous="second")
    return world


def forget_all_but_the_third(world: VaultWorld) -> None:
    """Of the second point the record alone stays: its tree is gone."""
    for point in ("first", "second"):
        world.delete(point)
    world.wait(2 * DAY)
    world.collect_for(14)
    assert world.names("points/") == ["points/second", "points/third"]


def collect_beside_writers(world: VaultWorld, *, days: int) -> list[str]:
    """Nobody is taken for silent. Returns what was announced."""
    announced = []
    for _ in range(days):
        announced += world.collection(settings=PATIENT).run().announced
        world.wait(DAY)
    return announced


def pinned(world: VaultWorld, point: str) -> None:
    """By a process that was killed."""
    world.store().intents.begin([point])


def test_a_copy_that_was_killed_beside_a_deleted_point_stops_no_collection(world: VaultWorld) -> None:
    target = VaultStore.for_writing(MemoryBackend(), KeyFile(RootKey(b"o" * 32)), b"o" * 16)
    copy_point(
        world.store(), target, CopyOrder("second", "copy", "arn", "job"), advance=lambda items, size: None
    )
    forget_all_but_the_third(world)
    left = VaultWorld()
    left.fence, left.clock = world.fence, world.clock

    def killed(items: int, size: int) -> None:
        assert isinstance(world.backend, MemoryBackend)
        assert isinstance(left.backend, MemoryBackend)
        left.backend.objects = dict(world.backend.objects)
        raise Killed

    order = CopyOrder("third", "next", "arn", "job")
    with pytest.raises(Killed):
        copy_point(world.store(), target, order, earlier=["copy"], advance=killed)
    assert left.names("intents/")
    left.collect_for(3)
    assert left.names("intents/") == []
    assert restore(left.store(), "third") == flat(THIRD)


def test_what_others_need_is_found_beside_a_pinned_point_whose_tree_is_gone(world: VaultWorld) -> None:
    forget_all_but_the_third(world)
    pinned(world, "second")
    collect_beside_writers(world, days=14)
    assert world.names("points/") == ["points/second", "points/third"]
    assert restore(world.store(), "third") == flat(THIRD)


def test_a_page_that_is_lost_to_a_kept_point_stops_it_although_a_pinned_one_lacks_it_too() -> None:
    world = VaultWorld()
    back_up(world.store(), "first", FIRST)
    back_up(world.store(), "second", SECOND, previous="first")
    back_up(world.store(), "third", {**SECOND, b"more": b"1"}, previous="second")
    pinned(world, "second")
    for point in ("first", "second"):
        world.delete(point)
    world.wait(2 * DAY)
    # What both have of the first one; their own pages are in their records.
    for name in world.names("trees/"):
        world.backend.delete(name)
    with pytest.raises(CollectionRefused, match="is in no object"):
        collect_beside_writers(world, days=1)


def test_a_point_that_was_deleted_after_it_was_pinned_stays_whole(world: VaultWorld) -> None:
    pinned(world, "second")
    for point in ("first", "second"):
        world.delete(point)
    world.wait(2 * DAY)
    announced = collect_beside_writers(world, days=14)
    assert not [name for name in announced if name.startswith(("packs/", "trees/"))]
    assert restore(world.store(), "second") == flat(SECOND)


def test_a_deleted_point_whose_record_cannot_be_read_may_be_pinned(world: VaultWorld) -> None:
    pinned(world, "second")
    world.delete("second")
    world.wait(2 * DAY)
    data = world.backend.get("points/second")
    world.backend.delete("points/second")
    world.backend.put("points/second", [data[:-1], bytes([data[-1] ^ 1])])
    found = RootReader(world.store()).read(deleted_before=world.now)
    assert (found.kept, found.pinned) == ({"first", "third"}, set())
