"""From a vault's row to its opened store: where it lives, and the keys that open it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from safehold.core.errors import StoreUnavailable
from safehold.domain.vaults import Vault
from safehold.records import sites
from safehold.records.engine import Catalog
from safehold.store.backends.contract import Backend
from safehold.store.backends.places import open_place
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.vault_store import VaultStore


@dataclass(frozen=True, slots=True)
class VaultAccess:
    """Opens vaults' stores for runners and for `verify`. Threads may share it; each store is one job's."""

    catalog: Catalog
    provider: KeyProvider

    def for_writing(self, vault: Vault) -> VaultStore:
        """The vault's store; made first when it holds no point. Raises StoreUnavailable, KeyMismatch."""
        backend = place_of(self.catalog, vault.site, vault.id, create=vault.point_count == 0)
        return VaultStore.for_writing(backend, self.provider, store_id(vault))

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


def place_of(catalog: Catalog, site: str, vault_id: str, *, create: bool = False) -> Backend:
    """Where a vault's objects lie; see open_place. Raises StoreUnavailable, ConfigError."""
    with catalog.read() as tx:
        url = sites.storage_url(tx, site)
    if url is None:
        raise StoreUnavailable(f"site {site} has no storage")
    return open_place(url, vault_id, create=create)


def store_id(vault: Vault) -> bytes:
    """The sixteen bytes by which the vault's store knows itself."""
    return uuid.UUID(vault.id).bytes
