"""What `keys list`, `rewrap` and `reepoch` do, vault by vault."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from safehold.cli.installation import Installation
from safehold.cli.working import vault_access
from safehold.core.errors import KeyMismatch, ObjectMissing, ResourceNotFound, StoreUnavailable
from safehold.domain.vaults import Vault
from safehold.jobs.vaults import VaultAccess, place_of, store_id
from safehold.records import settings, sites, vaults
from safehold.records.engine import Catalog
from safehold.store.backends.contract import Backend
from safehold.store.backends.places import check_storage
from safehold.store.custody.key_rotation import reepoch, renew, rewrap
from safehold.store.key_providers.contract import KeyProvider
from safehold.store.key_providers.urls import open_provider
from safehold.store.sealed.keys import find_keys

Row = dict[str, Any]


def list_keys(installation: Installation) -> tuple[str, list[Row]]:
    """The present provider, and a row for each vault. A vault that does not open says why."""
    access = vault_access(installation)
    with installation.catalog.read() as tx:
        known = vaults.every(tx)
        proved = {vault.id: settings.key_export_is_proved(tx, vault) for vault in known}
    rows = []
    for vault in known:
        row: Row = {"vault": vault.name, "site": vault.site, "is_export_proved": proved[vault.id]}
        rows.append(row | _keys_of(access, vault))
    return access.provider.describe(), rows


def _keys_of(access: VaultAccess, vault: Vault) -> Row:
    try:
        opened = find_keys(access.place(vault), access.provider, store_id(vault))
    except (ObjectMissing, StoreUnavailable) as error:
        state = str(error) if vault.point_count else "has no keys yet"
        return {"key_object": None, "epoch": None, "state": state}
    except KeyMismatch as error:
        return {"key_object": None, "epoch": None, "state": str(error)}
    state = "opens" if opened.number == opened.newest else f"keys/{opened.newest} does not open"
    return {"key_object": f"keys/{opened.number}", "epoch": opened.keys.newest_epoch, "state": state}


def rewrap_vaults(installation: Installation, keys_url: str | None) -> tuple[str, list[Row]]:
    """What that URL names wraps all vaults' keys, and it stands in safehold.toml; None: the present one."""
    old = vault_access(installation).provider
    new = old if keys_url is None else open_provider(keys_url, installation.root_key)
    rows = []
    for vault, backend in _stores(installation.catalog):
        number = _rewrapped(backend, store_id(vault), old, new, is_renewed=keys_url is None)
        rows.append(_row(vault, number, find_keys(backend, new, store_id(vault)).keys.newest_epoch))
    # ORDER: every vault was opened with the new provider before anybody is told to use it alone.
    if keys_url is not None and keys_url != installation.settings.keys_url:
        installation.folder.write_settings(replace(installation.settings, keys_url=keys_url))
    return new.describe(), rows


def _rewrapped(
    backend: Backend, vault_id: bytes, old: KeyProvider, new: KeyProvider, *, is_renewed: bool
) -> int | None:
    return renew(backend, vault_id, new) if is_renewed else rewrap(backend, vault_id, old=old, new=new)


def rewrap_all(catalog: Catalog, *, old: KeyProvider, new: KeyProvider) -> list[Row]:
    """Every vault's newest key object is one that `new` opens."""
    return [
        _row(vault, rewrap(backend, store_id(vault), old=old, new=new), None)
        for vault, backend in _stores(catalog)
    ]


def reepoch_vaults(installation: Installation, name: str | None) -> list[Row]:
    """The vault of that name, or each, has a new seal key. Raises ResourceNotFound."""
    provider = vault_access(installation).provider
    rows = []
    for vault, backend in _stores(installation.catalog):
        if name in (None, vault.name):
            # ORDER: whoever asks whether an export was proved hears no before the new key is there.
            with installation.catalog.begin() as tx:
                settings.put_key_export(tx, vault, is_proved=False, now=installation.clock.now())
            epoch = reepoch(backend, store_id(vault), provider)
            rows.append(_row(vault, find_keys(backend, provider, store_id(vault)).number, epoch))
    if name is not None and not rows:
        raise ResourceNotFound(f"There is no vault {name} with keys.")
    return rows


def _row(vault: Vault, number: int | None, epoch: int | None) -> Row:
    return {
        "vault": vault.name,
        "site": vault.site,
        "vault_id": vault.id,
        "key_object": None if number is None else f"keys/{number}",
        "epoch": epoch,
        "state": "as it was" if number is None else "new keys, opened again",
    }


def _stores(catalog: Catalog) -> Iterator[tuple[Vault, Backend]]:
    """Every vault that has keys, of all accounts and sites.

    Raises StoreUnavailable when a storage is away: what is not looked at must not be told as done.
    """
    with catalog.read() as tx:
        known = vaults.every(tx)
        storages = {sites.storage_url(tx, name) for name in sites.names(tx)}
    for url in storages:
        if url is not None:
            check_storage(url)
    for vault in known:
        try:
            backend = place_of(catalog, vault.site, vault.id)
        except StoreUnavailable:
            if vault.point_count:
                raise
            continue  # its place is made with its first backup
        if any(True for _ in backend.list("keys/")):
            yield vault, backend
        elif vault.point_count:
            raise _without_keys(vault)


def _without_keys(vault: Vault) -> ObjectMissing:
    error = ObjectMissing(f"vault {vault.name} holds recovery points, but its keys/ are gone")
    error.hint = "Put them back from a copy, or with a recovery kit: `safehold keys import KIT`."
    return error


def uuid_text(vault_id: bytes) -> str:
    return str(uuid.UUID(bytes=vault_id))
