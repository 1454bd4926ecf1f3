"""What cold points need stays in cold storage with its labels, whoever pins them and comes late."""

from __future__ import annotations

import pytest

from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.tiers import is_cold, label_of
from safehold.store.collect.undeleting import undelete
from safehold.store.points.points import HOLD
from tests.store.cold.test_cold import ColdWorld
from tests.store.collect.worlds import DAY


@pytest.fixture
def world() -> ColdWorld:
    """The first point lies in cold storage, and nothing that it alone needs is warm any more."""
    world = ColdWorld().fill()
    world.cool("old")
    world.collect_for(12)
    return world


def test_what_a_cold_point_needs_stays_there_while_one_writer_after_another_pins_it(world: ColdWorld) -> None:
    announced = []
    for _ in range(14):
        pinned = world.store().intents.begin(["old"])
        announced += world.collect().announced
        pinned.end()
        world.wait(DAY)
    assert announced == []
    world.check("old", "middle", "new")


def into_the_trash(world: ColdWorld) -> None:
    """The cold point is deleted, and all that it alone needs lies in the trash."""
    world.delete("old")
    world.wait(2 * DAY)
    while not list(world.cold.list("trash/")):
        world.collect()
        world.wait(DAY)


@pytest.mark.parametrize("days", [0, 14], ids=["before the purge", "when its purge is due"])
def test_what_comes_back_for_a_point_that_was_held_late_has_its_labels(world: ColdWorld, days: int) -> None:
    into_the_trash(world)
    world.store().amend("old", HOLD, {"state": "held"}, written_at=world.now)
    world.wait(days * DAY)
    world.collect()
    world.check("old", "middle", "new")


class Noting(MemoryBackend):
    """Remembers in which order things were renamed, and to what."""

    def __init__(self, told: list[str]) -> None:
        super().__init__()
        self._told = told

    def rename(self, name: str, new_name: str) -> None:
        super().rename(name, new_name)
        self._told.append(new_name)


@pytest.mark.parametrize("by", ["an undeletion", "a hold", "a hold at the purge"])
def test_whoever_is_killed_a_cold_object_that_is_there_has_its_label(by: str) -> None:
    told: list[str] = []
    world = ColdWorld(Noting(told), Noting(told)).fill()
    world.cool("old")
    world.collect_for(12)
    into_the_trash(world)
    gone = [name.partition("/")[2].partition("/")[2] for name in told if name.startswith("trash/")]
    del told[:]
    if by == "an undeletion":
        undelete(world.store(), points=["old"], now=world.now)
    else:
        world.store().amend("old", HOLD, {"state": "held"}, written_at=world.now)
        world.wait(14 * DAY if by == "a hold at the purge" else 0 * DAY)
        world.collect()
    cold = [name for name in told if is_cold(name)]
    assert cold
    for name in cold:
        assert gone.index(name) < gone.index(label_of(name))
        assert told.index(name) > told.index(label_of(name))
