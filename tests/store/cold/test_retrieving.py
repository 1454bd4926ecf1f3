"""A restore from an archive asks for just what it will read, at once, and reads when all of it is there."""

from __future__ import annotations

import pytest

from safehold.core.errors import NotRetrieved, StoreUnavailable
from safehold.domain.items import ItemKind
from safehold.store.backends.contract import Availability, Reading
from safehold.store.backends.tiers import is_cold
from safehold.store.cold.cold import cool
from safehold.store.cold.retrieving import Retrieval
from tests.store.archives import Archive
from tests.store.cold.test_cold import MIB, TREES, ColdWorld
from tests.store.troubled import noise
from tests.store.vaults import Other, Tree, back_up, flat, restore


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture
def world(archive: Archive) -> ColdWorld:
    world = ColdWorld(archive).fill()
    world.cool("old")
    world.cool("middle")
    world.collect_for(12)
    return world


def retrieval(world: ColdWorld, point: str, *paths: bytes) -> Retrieval:
    store = world.store()
    return Retrieval(store, store.point(point), paths)


def test_it_asks_for_what_it_needs_at_once_and_waits_until_all_of_it_is_there(
    world: ColdWorld, archive: Archive
) -> None:
    for point in TREES:
        world.cool(point)
    world.collect_for(12)
    asked = retrieval(world, "middle")
    assert asked.total == 2  # an object of its own, and one that it shares with another point
    assert (asked.look().total, asked.look().readable) == (2, 0)
    assert set(archive.asked.values()) == {1}
    archive.now += archive.hours / 2
    assert not asked.look().is_over
    with pytest.raises(NotRetrieved):
        restore(world.store(), "middle")
    archive.now += archive.hours / 2
    assert asked.look().is_over
    assert restore(world.store(), "middle") == flat(TREES["middle"])
    assert archive.read <= set(archive.asked)


def test_nothing_is_read_that_was_not_asked_for_whatever_part_is_restored(
    world: ColdWorld, archive: Archive
) -> None:
    for path, count in ((b"d/shared", 0), (b"large", 1)):  # another point keeps the first of them warm
        asked = retrieval(world, "middle", path)
        assert asked.total == count
        asked.look()
        archive.now += archive.hours
        assert asked.look().is_over
        assert restore(world.store(), "middle", path)[path] == flat(TREES["middle"])[path]
    assert sum(archive.asked.values()) == 1


def test_what_is_warm_is_asked_of_nobody(world: ColdWorld, archive: Archive) -> None:
    assert retrieval(world, "new").look().is_over
    world.store().amend("middle", "note", {}, written_at=1)
    young = ColdWorld(archive2 := Archive()).fill()
    young.cool("old")  # nothing was collected: all of it is warm still
    assert retrieval(young, "old").total == 0
    assert restore(young.store(), "old") == flat(TREES["old"])
    assert archive.asked == archive2.asked == {}


def test_what_is_warm_and_about_to_go_is_asked_for(archive: Archive) -> None:
    world = ColdWorld(archive)
    back_up(world.store(), "old", TREES["old"])
    world.cool("old")
    assert retrieval(world, "old").total == 0
    world.collect()  # announced
    assert retrieval(world, "old").total == 1


def test_an_attempt_after_a_crash_asks_for_nothing_again(world: ColdWorld, archive: Archive) -> None:
    retrieval(world, "middle").look()
    archive.now += 1
    again = retrieval(world, "middle")
    again.look()
    assert set(archive.asked.values()) == {1}
    archive.now += archive.hours - 1
    assert again.look().is_over


def test_a_copy_that_was_given_back_is_gone_again_after_its_days_and_then_asked_for_anew(
    world: ColdWorld, archive: Archive
) -> None:
    first = retrieval(world, "middle")
    first.look()
    archive.now += archive.hours + 24 * archive.days
    assert not retrieval(world, "middle").look().is_over
    assert set(archive.asked.values()) == {2}


def test_a_store_that_is_away_makes_it_late_and_is_asked_again(world: ColdWorld, archive: Archive) -> None:
    asked = retrieval(world, "middle")
    really = archive.retrieve

    def away(name: str) -> None:
        raise StoreUnavailable("no answer")

    archive.retrieve = away  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        asked.look()
    archive.retrieve = really  # type: ignore[method-assign]
    asked.look()
    archive.now += archive.hours
    assert asked.look().is_over


def test_an_object_that_is_gone_is_not_waited_for(world: ColdWorld, archive: Archive) -> None:
    asked = retrieval(world, "middle")
    for info in list(archive.list("cold/")):
        archive.delete(info.name)
    assert asked.look().is_over


def test_a_class_that_is_read_at_once_is_read_at_once() -> None:
    class Dear(Archive):
        reading = Reading.PAID

        def availability(self, name: str) -> Availability:
            return Availability.READABLE

    archive = Dear()
    world = ColdWorld(archive).fill()
    world.cool("old")
    world.collect_for(12)
    assert retrieval(world, "old").total == 0
    assert restore(world.store(), "old") == flat(TREES["old"])


def test_the_file_behind_a_hard_link_is_asked_for_when_the_link_alone_is_restored(archive: Archive) -> None:
    tree: Tree = {
        b"a": {b"first": noise(MIB + 9000, 8)},
        b"b": {b"link": Other(ItemKind.HARDLINK, (("link_to", b"a/first"),))},
    }
    world = ColdWorld(archive)
    back_up(world.store(), "p", tree)
    world.cool("p")
    world.collect_for(12)
    asked = retrieval(world, "p", b"b")
    assert asked.total == 1
    asked.look()
    archive.now += archive.hours
    assert restore(world.store(), "p", b"b")[b"b/link"] == flat(tree)[b"a/first"]


def test_an_archive_that_tells_no_checksum_takes_nothing() -> None:
    world = ColdWorld(Archive(tells_digest=False)).fill()
    with pytest.raises(StoreUnavailable, match="has no checksum there"):
        cool(world.store(), "old", now=world.now)
    assert not world.store().is_cold("old")
    assert world.names("cold/", "labels/") == []


def test_the_archive_is_not_read_while_points_are_moved_to_it(world: ColdWorld, archive: Archive) -> None:
    world.cool("new")
    assert archive.read == set()
    assert all(is_cold(info.name) for info in archive.list(""))
