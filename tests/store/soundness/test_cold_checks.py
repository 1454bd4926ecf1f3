"""Cold objects that are dear to read are looked at all the same: what is gone, cut off or replaced shows."""

from __future__ import annotations

import pytest

from safehold.core.errors import StoreUnavailable
from safehold.store.backends.contract import Availability, Reading
from safehold.store.backends.tiers import label_of
from safehold.store.restoring.verdicts import Verdict
from safehold.store.soundness.cold_checks import check_unread, is_dear
from tests.store.archives import Archive
from tests.store.cold.test_cold import ColdWorld
from tests.store.vaults import folder_names


class Dear(Archive):
    """One that answers at once, for money."""

    reading = Reading.PAID

    def availability(self, name: str) -> Availability:
        return Availability.READABLE


class Free(Dear):
    reading = Reading.FREE


@pytest.fixture
def world() -> ColdWorld:
    world = ColdWorld(Archive()).fill()
    world.cool("old")
    return world


def cold_one(world: ColdWorld) -> tuple[str, int]:
    """A cold object and its size."""
    info = next(iter(world.cold.list("cold/")))
    return info.name, info.size_bytes


def test_what_costs_money_or_hours_is_dear_and_what_is_warm_or_free_is_not() -> None:
    for archive, is_it in ((Archive(), True), (Dear(), True), (Free(), False), (None, False)):
        world = ColdWorld(archive).fill()
        world.cool("old")
        store = world.store()
        assert is_dear(store, cold_one(world)[0]) is is_it
        assert not is_dear(store, folder_names(world.warm, "packs/")[0])


def test_one_that_is_as_its_label_says_is_sound_and_was_not_read(world: ColdWorld) -> None:
    check = check_unread(world.store(), *cold_one(world))
    assert (check.why, check.verdict, check.is_gone) == ("", Verdict.OK, False)
    assert check.chunks > 0
    assert isinstance(world.cold, Archive)
    assert world.cold.read == set()


def test_one_that_was_cut_off_is_damaged(world: ColdWorld) -> None:
    name, size_bytes = cold_one(world)
    check = check_unread(world.store(), name, size_bytes - 1)
    assert check.verdict is Verdict.DAMAGED
    assert f"has {size_bytes - 1} bytes, its label says {size_bytes}" in check.why


def test_one_that_was_replaced_by_as_many_other_bytes_is_damaged(world: ColdWorld) -> None:
    name, size_bytes = cold_one(world)
    world.cold.delete(name)
    world.cold.put(name, [bytes(size_bytes)])
    check = check_unread(world.store(), name, size_bytes)
    assert check.verdict is Verdict.DAMAGED
    assert "checksum is not the one" in check.why


def test_where_the_place_tells_no_checksum_the_size_alone_is_held_against_the_label() -> None:
    world = ColdWorld(silent := Archive()).fill()
    world.cool("old")
    silent._tells_digest = False
    assert check_unread(world.store(), *cold_one(world)).why == ""


def test_one_without_a_label_is_damaged_and_one_that_is_gone_as_well_is_gone(world: ColdWorld) -> None:
    name, size_bytes = cold_one(world)
    world.warm.delete(label_of(name))
    check = check_unread(world.store(), name, size_bytes)
    assert (check.verdict, check.is_gone) == (Verdict.DAMAGED, False)
    assert "has no label" in check.why
    world.cold.delete(name)
    check = check_unread(world.store(), name, size_bytes)
    assert (check.is_gone, check.why) == (True, f"{name} is gone")


def test_one_that_went_since_it_was_listed_is_gone(world: ColdWorld) -> None:
    name, size_bytes = cold_one(world)
    world.cold.delete(name)
    assert check_unread(world.store(), name, size_bytes).is_gone


def test_a_label_that_is_another_objects_or_no_label_does_not_speak_for_it(world: ColdWorld) -> None:
    name, size_bytes = cold_one(world)
    label = world.warm.get(label_of(name))
    world.warm.delete(label_of(name))
    world.warm.put(label_of(name), [label[:60], bytes([label[60] ^ 1]), label[61:]])
    assert check_unread(world.store(), name, size_bytes).verdict is Verdict.DAMAGED


def test_a_place_that_is_away_says_nothing_of_the_object(world: ColdWorld) -> None:
    def away(name: str) -> bytes | None:
        raise StoreUnavailable("no answer")

    world.cold.digest = away  # type: ignore[attr-defined]
    check = check_unread(world.store(), *cold_one(world))
    assert "no answer" in check.why
    assert check.verdict is Verdict.UNREADABLE
