"""As test_any_collection, while the clocks of writers, deleters, collectors and copiers jump by years, each
by itself: what is kept comes back whole, no lock ends early, and what is dropped is freed in the end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import strategies as some
from hypothesis.stateful import invariant, precondition, rule

from safehold.core.clock import FixedClock, to_micros
from safehold.core.errors import StoreError
from safehold.store.backends.contract import Backend, LockMode, Retention
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.collect.collection import Collection
from safehold.store.collect.settings import CollectionSettings
from safehold.store.points.locking import PointLock, first_version
from safehold.store.vault_store import VaultStore
from safehold.store.writers.intents import Intents
from tests.store.collect.test_any_collection import Vault, numbers
from tests.store.collect.worlds import DAY, SETTINGS, VaultWorld
from tests.store.machines import run_machine
from tests.store.vaults import VAULT_ID, open_store

YEARS = 5
LOCK = timedelta(days=400)
ROLES = ("writers", "deleters", "collectors", "copiers")


class WrongClock:
    """A machine's own, so far ahead of the true one."""

    def __init__(self, true: FixedClock) -> None:
        self._true = true
        self.ahead = timedelta()

    def now(self) -> datetime:
        return self._true.now() + self.ahead

    def monotonic(self) -> float:
        return self._true.monotonic()


class AskewWorld(VaultWorld):
    """Whoever works on the vault has a clock of his own; `clock` is the true one, the place's."""

    def __init__(self, make_place: Callable[[FixedClock], Backend]) -> None:
        super().__init__()
        self.backend = make_place(self.clock)
        self.writers, self.deleters, self.collectors = (WrongClock(self.clock) for _ in range(3))

    @property
    def now(self) -> int:
        return to_micros(self.deleters.now())

    def store(self, backend: Backend | None = None) -> VaultStore:
        return self._store(backend, self.writers)

    def collection(
        self, backend: Backend | None = None, settings: CollectionSettings = SETTINGS
    ) -> Collection:
        store = self._store(backend, self.collectors)
        return Collection(store, self.collectors, settings=settings, fence=self.fence, who="test")

    def _store(self, backend: Backend | None, clock: WrongClock) -> VaultStore:
        backend = backend if backend is not None else self.backend
        keys = open_store(backend).keys
        return VaultStore(
            backend, keys, VAULT_ID, intents=Intents(backend, keys, VAULT_ID, fence=self.fence, clock=clock)
        )


class Askew(Vault):
    world: AskewWorld
    copies: AskewWorld

    def make_world(self, backend: Backend) -> AskewWorld:
        return AskewWorld(lambda clock: backend)

    @rule(role=some.sampled_from(ROLES), years=some.sampled_from([-YEARS, -1, 0, 1, YEARS]))
    def jump(self, role: str, years: int) -> None:
        clock = self.copies.writers if role == "copiers" else getattr(self.world, role)
        clock.ahead = timedelta(days=365 * years)
        if role == "collectors":
            self.copies.collectors.ahead = clock.ahead

    @precondition(lambda self: self.kept)
    @rule(number=numbers, days=some.integers(4, 12))
    def drop_and_collect(self, number: int, days: int) -> None:
        self.drop(sorted(self.kept)[number % len(self.kept)])
        for _ in range(days):
            with suppress(StoreError):
                self.world.collect()
            self.world.wait(DAY)

    def teardown(self) -> None:
        """All clocks are right in the end, and what was said of times to come has come."""
        if hasattr(self, "kept"):
            for world in (self.world, self.copies):
                for clock in (world.writers, world.deleters, world.collectors):
                    clock.ahead = timedelta()
                world.wait(timedelta(days=366 * YEARS))
        super().teardown()


class Locked(Askew):
    """Every point of the vault is locked for a year and more."""

    def make_world(self, backend: Backend) -> AskewWorld:
        del backend
        self.folders = [*getattr(self, "folders", []), tempfile.TemporaryDirectory(prefix="safehold-clocks-")]
        self.seen: dict[str, Retention] = {}
        root = LockingLocalBackend.create(Path(self.folders[-1].name) / "vault").root
        return AskewWorld(lambda clock: LockingLocalBackend(root, clock=clock, may_be_immutable=False))

    def lock(self, parent: str | None) -> PointLock:
        until = self.world.clock.now() + LOCK
        record = self.world.store().point(parent) if parent else None
        return PointLock(Retention(LockMode.COMPLIANCE, until), record)

    @invariant()
    def no_lock_ends_early(self) -> None:
        if not hasattr(self, "kept"):
            return
        place = self.world.backend
        assert isinstance(place, LockingLocalBackend)
        for info in place.list(""):
            found = place.retention(first_version(place, info.name))
            if found is not None:
                before = self.seen.get(info.name)
                assert before is None or found.until >= before.until
                self.seen[info.name] = found
        there = {info.name for info in place.list("")}
        gone = {name for name in self.seen.keys() - there if self.seen[name].until > self.world.clock.now()}
        assert gone == set()

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            for folder in getattr(self, "folders", []):
                folder.cleanup()


@pytest.mark.parametrize("machine", [Askew, Locked])
@pytest.mark.parametrize(
    ("examples", "steps"),
    [pytest.param(3, 12, marks=pytest.mark.slow), pytest.param(12, 30, marks=pytest.mark.soak)],
    ids=["short", "long"],
)
def test_clocks_that_jump_by_years_lose_nothing_and_keep_nothing(
    machine: type[Askew], examples: int, steps: int
) -> None:
    run_machine(machine, examples=examples, steps=steps)
