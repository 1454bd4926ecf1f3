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
from safehold.store.keys import KeyProvider
from safehold.store.vault_store import VaultStore


@dataclass(frozen=True, slots=True)
class VaultAccess:
    """Opens vaults' stores for runners and for `verify`. Threads may share it; each store is one job's."""

    catalog: Catalog
    provider: KeyProvider

    def for_writing(self, vault: Vault) -> VaultStore:
        """The vault's store; made first when it holds no point. Raises StoreUnavailable, KeyMismatch."""
        backend = self._place(vault, create=vault.point_count == 0)
        return VaultStore.for_writing(backend, self.provider, store_id(vault))

    def for_reading(self, vault: Vault) -> VaultStore:
        """Raises StoreUnavailable, ObjectMissing (nothing was ever stored in it), KeyMismatch."""
        return VaultStore.for_reading(self._place(vault, create=False), self.provider, store_id(vault))

    def _place(self, vault: Vault, *, create: bool) -> Backend:
        with self.catalog.read() as tx:
            url = sites.storage_url(tx, vault.site)
        if url is None:
            raise StoreUnavailable(f"site {vault.site} has no storage")
        return open_place(url, vault.id, create=create)


def store_id(vault: Vault) -> bytes:
    """The sixteen bytes by which the vault's store knows itself."""
    return uuid.UUID(vault.id).bytes
