"""A deleted point is kept again whole or not at all, and one that comes back too late stops no collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from safehold.core.errors import Damaged, StoreUnavailable
from safehold.store.backends.contract import Backend
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.collect.undeleting import undelete
from safehold.store.points.points import ASKED, HOLD, STATE, is_asked_back
from tests.store.collect.test_pins import FIRST, SECOND, THIRD
from tests.store.collect.worlds import DAY, VaultWorld
from tests.store.vaults import back_up, flat, restore


class InPlace(MemoryBackend):
    can_rename = False


@pytest.fixture(params=[MemoryBackend, InPlace])
def world(request: pytest.FixtureRequest) -> VaultWorld:
    return a_ripe_world(request.param())


def a_ripe_world(place: MemoryBackend) -> VaultWorld:
    """Two deleted points, the tree of the second in the trash, its record needed by the third; ripe to be
    purged."""
    world = VaultWorld(place)
    back_up(world.store(), "first", FIRST)
    back_up(world.store(), "second", SECOND, previous="first")
    back_up(world.store(), "third", THIRD, previous="second")
    for point in ("first", "second"):
        world.delete(point)
    world.wait(2 * DAY)
    world.collect_for(2)
    world.wait(8 * DAY)
    return world


def purge(world: VaultWorld) -> None:
    world.collect_for(6)
    assert world.names("points/") == ["points/second", "points/third"]


class Between(PassingBackend):
    """Something happens once, before or after an object of that folder is put."""

    def __init__(self, inner: Backend, folder: str, event: Callable[[], object], *, is_before: bool) -> None:
        super().__init__(inner)
        self._folder, self._event, self._is_before = folder, event, is_before

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        is_now = name.startswith(self._folder)
        if is_now and self._is_before:
            self._happen()
        super().put(name, parts)
        if is_now and not self._is_before:
            self._happen()

    def _happen(self) -> None:
        self._folder = "happened/"
        self._event()


def is_asked(world: VaultWorld, point: str = "second") -> bool:
    return is_asked_back(world.store().amendments(point))


def assert_all_goes_in_the_end(world: VaultWorld) -> None:
    assert restore(world.store(), "third") == flat(THIRD)
    world.delete("third")
    world.wait(2 * DAY)
    world.collect_for(36)
    assert world.chunk_objects() == set()


def test_undeleting_a_point_whose_tree_is_gone_is_refused_and_changes_nothing(world: VaultWorld) -> None:
    purge(world)
    before = world.names("")
    with pytest.raises(Damaged, match="point second cannot be kept again") as refused:
        undelete(world.store(), points=["second"], now=world.now)
    assert "another vault" in refused.value.hint
    assert world.names("") == before
    assert_all_goes_in_the_end(world)


def test_a_point_whose_tree_is_in_the_trash_comes_back(world: VaultWorld) -> None:
    report = undelete(world.store(), points=["second"], now=world.now)
    assert (report.points, report.broken) == (["second"], {})
    assert not world.store().is_deleted("second")
    world.collect_for(12)
    assert restore(world.store(), "second") == flat(SECOND)


def test_a_point_whose_tree_is_purged_while_it_is_undeleted_stays_deleted(world: VaultWorld) -> None:
    backend = Between(world.backend, "amendments/second/", lambda: purge(world), is_before=True)
    report = undelete(world.store(backend), points=["second"], now=world.now)
    assert report.points == []
    assert "it stays deleted" in report.broken["second"]
    assert world.store().is_deleted("second")
    assert not is_asked(world)
    assert_all_goes_in_the_end(world)


def test_an_undeletion_that_was_killed_after_it_came_too_late_stops_no_collection(world: VaultWorld) -> None:
    def die() -> None:
        raise StoreUnavailable("killed")

    dying = Between(world.backend, "amendments/second/", die, is_before=False)
    late = Between(dying, "amendments/second/", lambda: purge(world), is_before=True)
    with pytest.raises(StoreUnavailable, match="killed"):
        undelete(world.store(late), points=["second"], now=world.now)
    assert is_asked(world)
    assert world.store().is_deleted("second")
    assert [report.asked_back for report in world.collect_for(3)] == [["second"]] * 3
    with pytest.raises(Damaged, match="cannot be kept again"):
        undelete(world.store(), points=["second"], now=world.now)
    assert world.collect().asked_back == []
    assert_all_goes_in_the_end(world)


def test_an_undeletion_that_was_killed_keeps_what_it_had_asked_for(world: VaultWorld) -> None:
    def die() -> None:
        raise StoreUnavailable("killed")

    dying = Between(world.backend, "amendments/second/", die, is_before=False)
    with pytest.raises(StoreUnavailable, match="killed"):
        undelete(world.store(dying), points=["second"], now=world.now)
    world.collect_for(12)
    assert undelete(world.store(), points=["second"], now=world.now).broken == {}
    assert restore(world.store(), "second") == flat(SECOND)


def test_a_point_that_is_being_purged_is_not_said_to_be_kept_before_that_is_over(world: VaultWorld) -> None:
    with pytest.raises(StoreUnavailable):
        world.collection(FaultyBackend(world.backend, [Fault("delete", Trouble.FAIL)])).run()
    report = undelete(world.store(), points=["second"], now=world.now)
    assert (report.points, len(report.too_late)) == ([], 1)
    assert "when the next run is over" in report.broken["second"]
    world.collect()
    report = undelete(world.store(), points=["second"], now=world.now)
    assert (report.points, report.broken, report.too_late) == (["second"], {}, [])
    world.collect_for(12)
    assert restore(world.store(), "second") == flat(SECOND)


def test_to_delete_a_point_once_more_gives_up_what_was_asked_for(world: VaultWorld) -> None:
    for kind, facts in ((HOLD, {STATE: ASKED}), ("undeletion", {STATE: ASKED})):
        world.store().amend("second", kind, facts, written_at=world.now)
    assert is_asked(world)
    world.store().amend("second", HOLD, {STATE: "released"}, written_at=world.now)
    assert is_asked(world)
    world.delete("second")
    assert not is_asked(world)
    assert world.store().is_deleted("second")


def test_of_a_point_whose_data_was_purged_already_the_rest_is_kept_and_what_is_missing_is_told() -> None:
    world = a_ripe_world(MemoryBackend())
    cut = Fault("delete", Trouble.FAIL, folder="trash/00000001/points/")
    with pytest.raises(StoreUnavailable):
        world.collection(FaultyBackend(world.backend, [cut])).run()
    assert undelete(world.store(), points=["first"], now=world.now).too_late == [1]
    assert "points/first" in world.names("points/")
    world.collect()
    report = undelete(world.store(), points=["first"], now=world.now)
    assert report.points == ["first"]
    assert "missing" in report.broken["first"]
    world.collect_for(3)
    assert "points/first" in world.names("points/")
