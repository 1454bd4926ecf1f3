"""A vault, a clock that moves when told, and collectors of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from safehold.core.clock import FixedClock, to_micros
from safehold.store.backends.contract import Backend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.collect.collection import Collection, CollectionReport
from safehold.store.collect.settings import CollectionSettings
from safehold.store.vault_store import VaultStore
from safehold.store.writers.fences import MemoryFence
from safehold.store.writers.intents import Intents
from tests.store.vaults import VAULT_ID, open_store

DAY = timedelta(days=1)
START = datetime(2030, 1, 1, tzinfo=UTC)
SETTINGS = CollectionSettings(most_dead_percent=100.0)


class VaultWorld:
    """One vault with a fence and a clock; `backend` may be wrapped by tests.

    noted  the checkpoint that the next attempt of a backup goes on with
    """

    def __init__(self, backend: Backend | None = None) -> None:
        self.backend = backend if backend is not None else MemoryBackend()
        self.fence = MemoryFence()
        self.clock = FixedClock(START)
        self.noted: str | None = None

    @property
    def now(self) -> int:
        return to_micros(self.clock.at)

    def wait(self, time: timedelta) -> None:
        self.clock.at += time

    def store(self, backend: Backend | None = None) -> VaultStore:
        """Opened now."""
        backend = backend if backend is not None else self.backend
        keys = open_store(backend).keys
        intents = Intents(backend, keys, VAULT_ID, fence=self.fence, clock=self.clock)
        return VaultStore(backend, keys, VAULT_ID, intents=intents)

    def delete(self, point: str) -> None:
        self.store().amend(point, "deletion", {}, written_at=self.now)

    def collection(
        self, backend: Backend | None = None, settings: CollectionSettings = SETTINGS
    ) -> Collection:
        return Collection(self.store(backend), self.clock, settings=settings, fence=self.fence, who="test")

    def collect(self, *, is_confirmed: bool = False) -> CollectionReport:
        return self.collection().run(is_confirmed=is_confirmed)

    def collect_for(self, days: int) -> list[CollectionReport]:
        reports = []
        for _ in range(days):
            reports.append(self.collect())
            self.wait(DAY)
        return reports

    def names(self, *folders: str) -> list[str]:
        return [info.name for folder in folders for info in self.backend.list(folder)]

    def chunk_objects(self) -> set[str]:
        return set(self.names("packs/", "trees/", "points/"))
