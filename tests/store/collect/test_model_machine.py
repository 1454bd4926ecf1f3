"""The same model, its schedules drawn by hypothesis: what it finds it makes short."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.store.collect.model import CHUNKS, GRACE, LAG, SILENCE, TRASH, Guard, Steps, View, World
from tests.store.machines import run_machine

numbers = some.integers(0, 7)


class Vault(RuleBasedStateMachine):
    without: Guard | None = None

    @initialize(lags=some.booleans(), seed=some.integers(0, 1000))
    def begin(self, lags: bool, seed: int) -> None:
        self.world = World(Random(seed), self.without, lags)
        self.awake: list[tuple[str, Steps]] = []
        self.asleep: list[tuple[str, Steps]] = []
        self.views: list[View] = []
        self.names = 0

    def start(self, name: str, steps: Steps) -> None:
        self.awake.append((name, steps))

    @rule(
        chunks=some.sets(some.sampled_from(CHUNKS), min_size=1),
        parent=some.one_of(some.none(), numbers),
        view=some.one_of(some.none(), numbers),
        gives_up=some.booleans(),
        is_another_attempt=some.booleans(),
    )
    def write(
        self, chunks: set[str], parent: int | None, view: int | None, gives_up: bool, is_another_attempt: bool
    ) -> None:
        self.names += not is_another_attempt
        name = f"p{self.names:03}"
        points = sorted(self.world.points)
        before = points[parent % len(points)] if parent is not None and points else None
        cached = self.views[view % len(self.views)] if view is not None and self.views else None
        self.start(name, self.world.writer(name, chunks, before, cached, gives_up))

    @rule()
    def collect(self) -> None:
        self.start("", self.world.collector())

    @rule()
    def open(self) -> None:
        self.views.append(self.world.view())

    @precondition(lambda self: self.world.points)
    @rule(number=numbers)
    def delete(self, number: int) -> None:
        points = sorted(self.world.points)
        self.start("", self.world.deleter(points[number % len(points)]))

    @precondition(lambda self: self.world.deleted)
    @rule(number=numbers)
    def undelete(self, number: int) -> None:
        deleted = sorted(self.world.deleted)
        self.start("", self.world.undeleter(deleted[number % len(deleted)]))

    @precondition(lambda self: self.awake)
    @rule(number=numbers, steps=some.integers(1, 12))
    def go(self, number: int, steps: int) -> None:
        actor = self.awake[number % len(self.awake)]
        for _ in range(steps):
            self.wait(1)
            if next(actor[1], self) is self:
                self.awake.remove(actor)
                return

    @precondition(lambda self: self.awake)
    @rule(number=numbers, is_for_ever=some.booleans())
    def stop(self, number: int, is_for_ever: bool) -> None:
        actor = self.awake.pop(number % len(self.awake))
        if not is_for_ever:
            self.asleep.append(actor)

    @precondition(lambda self: self.asleep)
    @rule(number=numbers)
    def wake(self, number: int) -> None:
        self.awake.append(self.asleep.pop(number % len(self.asleep)))

    @rule(ticks=some.sampled_from([1, LAG, GRACE, SILENCE, TRASH]))
    def wait(self, ticks: int) -> None:
        self.world.now += ticks
        for name, _ in self.awake:
            self.world.renew(name)

    @rule(error=some.sampled_from([-200, 0, 200]))
    def jump(self, error: int) -> None:
        if not self.world.lags:  # listings that lag are met with grace, which a wrong clock would end
            self.world.clock_error, self.world.clock_was_right = error, False

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "world"):
            assert self.world.harm() is None

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.clock_error = 0
        for _ in range(6):
            self.world.now += 500
            for _ in self.world.collector():
                pass
        self.world.is_strict = True
        assert self.world.harm() is None
        assert self.world.litter() == set()


@pytest.mark.parametrize(
    ("examples", "steps"), [(25, 40), pytest.param(400, 60, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_no_schedule_loses_a_point_or_keeps_what_nothing_needs(examples: int, steps: int) -> None:
    run_machine(Vault, examples=examples, steps=steps)
