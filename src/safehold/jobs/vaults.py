"""From a vault's row to its opened store: where it lives, and the keys that open it."""

from __future__ import annotations

import os
import socket
import threading
import uuid
from dataclasses import dataclass, field

from safehold.core.clock import Clock, SystemClock
from safehold.core.errors import StoreUnavailable
from safehold.domain.vaults import Vault
from safehold.jobs.fencing import CatalogFence
from safehold.records import sites
from safehold.records.engine import Catalog
from safehold.store.backends.contract import Backend
from safehold.store.backends.places import lock_trouble, open_places
from safehold.store.collect.collection import Collection
from safehold.store.collect.settings import CollectionSettings
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.sealed.keys import shut_out_old_writers
from safehold.store.vault_store import VaultStore
from safehold.store.writers.intents import Intents, announce_old_writers

LINGER_SECONDS = 300.0  # a thousand small jobs in a row then write one intent, not a thousand


@dataclass(frozen=True, slots=True)
class VaultAccess:
    """Opens vaults' stores for runners and for `verify`. Threads may share it; each store is one job's."""

    catalog: Catalog
    provider: KeyProvider
    clock: Clock = field(default_factory=SystemClock)
    _intents: dict[str, Intents] = field(default_factory=dict)  # of this process, by vault
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def for_writing(self, vault: Vault) -> VaultStore:
        """The vault's store; made first when it holds no point. Raises StoreUnavailable, KeyMismatch."""
        backend = place_of(self.catalog, vault.site, vault.id, create=vault.point_count == 0)
        store = VaultStore.for_writing(backend, self.provider, store_id(vault))
        store.intents = self._intents_of(vault.id, store)
        return store

    def fence(self, vault_id: str) -> CatalogFence:
        """Decides between writers of that vault and its collection."""
        return CatalogFence(self.catalog, vault_id, self.clock)

    def _intents_of(self, vault_id: str, store: VaultStore) -> Intents:
        with self._lock:
            known = self._intents.get(vault_id)
            if known is None or known.keys != store.keys:
                known = self._intents[vault_id] = Intents(
                    store.backend,
                    store.keys,
                    store.vault_id,
                    fence=self.fence(vault_id),
                    clock=self.clock,
                    writer=f"{socket.gethostname()} {os.getpid()}",
                    linger_seconds=LINGER_SECONDS,
                )
            return known

    def close(self) -> None:
        """End the intents that no session uses, so that collection need not wait for them."""
        with self._lock:
            for intents in self._intents.values():
                intents.close()

    def for_collecting(self, vault: Vault, settings: CollectionSettings, *, who: str) -> Collection:
        """Raises as `for_reading`. A vault that older programs may have open is shut to them first."""
        backend = self.place(vault)
        if shut_out_old_writers(backend, self.provider, store_id(vault)):
            announce_old_writers(VaultStore.for_reading(backend, self.provider, store_id(vault)), self.clock)
        store = VaultStore.for_reading(backend, self.provider, store_id(vault))
        return Collection(store, self.clock, settings=settings, fence=self.fence(vault.id), who=who)

    def for_reading(self, vault: Vault) -> VaultStore:
        """Raises StoreUnavailable, ObjectMissing (nothing was ever stored in it), KeyMismatch."""
        return self.of_deleted(vault.site, vault.id)

    def of_deleted(self, site: str, vault_id: str) -> VaultStore:
        """The store of a vault that may have no row any more; raises as `for_reading`."""
        place = place_of(self.catalog, site, vault_id)
        return VaultStore.for_reading(place, self.provider, uuid.UUID(vault_id).bytes)

    def place(self, vault: Vault) -> Backend:
        """Where its objects lie, not yet opened. Raises StoreUnavailable."""
        return place_of(self.catalog, vault.site, vault.id)

    def lock_trouble(self, vault: Vault) -> str | None:
        """Why the vault's place does not keep objects as locks ask; None: it does. May raise as `place`."""
        return lock_trouble(_storage_url(self.catalog, vault.site), vault.id)


def place_of(catalog: Catalog, site: str, vault_id: str, *, create: bool = False) -> Backend:
    """Where a vault's objects lie, those in cold storage included; see open_place. Raises StoreUnavailable,
    ConfigError.
    """
    with catalog.read() as tx:
        cold_url = sites.cold_storage_url(tx, site)
    return open_places(_storage_url(catalog, site), cold_url, vault_id, create=create)


def _storage_url(catalog: Catalog, site: str) -> str:
    with catalog.read() as tx:
        url = sites.storage_url(tx, site)
    if url is None:
        raise StoreUnavailable(f"site {site} has no storage")
    return url


def store_id(vault: Vault) -> bytes:
    """The sixteen bytes by which the vault's store knows itself."""
    return uuid.UUID(vault.id).bytes
