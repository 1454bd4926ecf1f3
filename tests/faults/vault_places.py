"""Where the kill trial goes on: a vault with its cold place, and the catalog that fences it.

A day is half a second here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safehold.core.clock import SystemClock
from safehold.jobs.fencing import CatalogFence
from safehold.records import tables
from safehold.records.engine import Catalog
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.tiered import TieredBackend
from safehold.store.collect.collection import Collection, CollectionReport
from safehold.store.collect.settings import CollectionSettings
from safehold.store.vault_store import VaultStore
from safehold.store.writers.intents import Intents
from tests.store.vaults import open_store

CHECKOUT = Path(__file__).parents[2]
DAY_SECONDS = 0.5
SETTINGS = CollectionSettings(
    grace_seconds=DAY_SECONDS,
    trash_seconds=2 * DAY_SECONDS,
    silence_seconds=6 * DAY_SECONDS,
    most_dead_percent=100.0,
)
COUNTED = ("announced", "purged", "repacked", "revoked")


@dataclass(frozen=True, slots=True)
class Place:
    """A vault and the catalog that fences it, shared by processes."""

    folder: Path
    name: str = "vault"

    @property
    def vault(self) -> Path:
        return self.folder / self.name

    @property
    def vault_id(self) -> bytes:
        return self.name.encode().ljust(16)

    @property
    def both(self) -> TieredBackend:
        """The vault with its cold place."""
        return TieredBackend(LocalBackend(self.vault), self._cold)

    def _cold(self, create: bool) -> LocalBackend | None:
        folder = self.folder / f"{self.name}-cold"
        if create:
            return LocalBackend.create(folder)
        return LocalBackend(folder) if folder.is_dir() else None

    def fence(self) -> CatalogFence:
        return CatalogFence(Catalog(f"sqlite:///{self.folder}/catalog.db"), self.name, SystemClock())

    def make(self) -> None:
        tables.metadata.create_all(self.fence().catalog.engine)
        open_store(LocalBackend.create(self.vault), vault_id=self.vault_id)

    def store(self, fence: CatalogFence) -> VaultStore:
        store = open_store(self.both, vault_id=self.vault_id)
        store.intents = Intents(
            store.backend, store.keys, store.vault_id, fence=fence, writer="trial", renew_seconds=DAY_SECONDS
        )
        return store

    def collect(self, fence: CatalogFence) -> CollectionReport:
        collection = Collection(self.store(fence), SystemClock(), settings=SETTINGS, fence=fence, who="trial")
        return collection.run()


def counts_of(report: CollectionReport) -> dict[str, int]:
    return {what: len(getattr(report, what)) for what in COUNTED}
