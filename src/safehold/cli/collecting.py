"""What `safehold store` does: opens vaults and collects, undeletes, reads the journal."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from safehold.cli.installation import Installation
from safehold.cli.working import collection_settings, vault_access
from safehold.core.clock import EPOCH, to_micros
from safehold.core.errors import CollectionRefused, ObjectMissing, ResourceNotFound, StoreError
from safehold.domain.vaults import Vault
from safehold.records import vaults
from safehold.store.collect.collection import CollectionReport
from safehold.store.collect.journal import Journal, Run
from safehold.store.collect.undeleting import undelete


def collect_vaults(
    installation: Installation, name: str | None, *, dry_run: bool, is_confirmed: bool
) -> list[dict[str, Any]]:
    """A report for the vault of that name, or for each that was ever used. Raises ResourceNotFound."""
    chosen = [vault for vault in _own(installation) if name in (None, vault.name)]
    if not chosen:
        raise ResourceNotFound(f"Cannot find backup vault {name}.")
    return [_collect(installation, vault, dry_run, is_confirmed) for vault in chosen]


def _collect(installation: Installation, vault: Vault, dry_run: bool, is_confirmed: bool) -> dict[str, Any]:
    access = vault_access(installation)
    settings = collection_settings(installation.settings)
    who = f"{socket.gethostname()} {os.getpid()}"
    report, refused = CollectionReport(), None
    try:
        if vault.point_count or _has_keys(installation, vault):
            collection = access.for_collecting(vault, settings, who=who)
            report = collection.run(dry_run=dry_run, is_confirmed=is_confirmed)
    except (CollectionRefused, ObjectMissing) as error:
        refused = f"{error} {error.hint}".strip()
    return {"vault": vault.name, "site": vault.site, "refused": refused, **asdict(report)}


def _has_keys(installation: Installation, vault: Vault) -> bool:
    try:
        return any(True for _ in vault_access(installation).place(vault).list("keys/"))
    except StoreError:
        return False


def undelete_in(installation: Installation, name: str, points: Sequence[str]) -> dict[str, Any]:
    """Raises ResourceNotFound, ObjectMissing and Damaged for a point that is gone for good."""
    vault = _named(installation, name)
    store = vault_access(installation).for_writing(vault)
    report = undelete(store, points=points, now=to_micros(installation.clock.now()))
    return {"vault": vault.name, **asdict(report)}


def journal_of(
    installation: Installation, vault_name: str, *, runs: int, part: str | None
) -> list[dict[str, Any]]:
    """The newest runs first. Raises ResourceNotFound, ObjectMissing for a vault without any object."""
    vault = _named(installation, vault_name)
    store = vault_access(installation).for_reading(vault)
    found = Journal(store.backend, store.keys, store.vault_id).runs(newest=runs)
    return [_told(run, part) for run in found]


def _told(run: Run, part: str | None) -> dict[str, Any]:
    entries = [
        {"action": entry.action, "name": entry.name, "why": entry.why, "tombstone": each.tombstone}
        for each in run.parts
        for entry in each.entries
        if part is None or part in entry.name
    ]
    return {
        "run": run.number,
        "who": run.seen.who,
        "written_at": EPOCH + timedelta(microseconds=run.seen.written_at),
        "points": len(run.seen.points),
        "roots": run.seen.roots,
        "live_bytes": run.seen.live_bytes,
        "total_bytes": run.seen.total_bytes,
        "entries": entries,
    }


def _own(installation: Installation) -> list[Vault]:
    with installation.catalog.read() as tx:
        return [vault for vault in vaults.every(tx) if vault.account_id == installation.account_id]


def _named(installation: Installation, name: str) -> Vault:
    for vault in _own(installation):
        if vault.name == name:
            return vault
    raise ResourceNotFound(f"Cannot find backup vault {name}.")
