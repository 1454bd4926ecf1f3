"""What `store scrub`, `heal` and `rebuild` do: a vault's store is opened, worked on, and told of."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from safehold.cli.installation import Installation
from safehold.cli.listing import job_rows
from safehold.cli.looking import shown
from safehold.cli.point_rows import add_missing_points
from safehold.cli.working import vault_access
from safehold.core.errors import Conflict, InvalidRequest, ObjectMissing, ResourceNotFound, StoreUnavailable
from safehold.domain.vaults import Vault
from safehold.jobs import lock_facts
from safehold.jobs.scrubbing import alarms, note_scrub
from safehold.records import scrubs, vaults
from safehold.store.upkeep.heal import heal_from
from safehold.store.upkeep.index_rebuild import rebuild_index
from safehold.store.upkeep.scrub import scrub


def scrub_vaults(installation: Installation, name: str | None, *, budget_bytes: int) -> list[dict[str, Any]]:
    """A report for the vault of that name, or for each that holds something. Raises StoreError."""
    return [_scrub(installation, vault, budget_bytes) for vault in used_vaults(installation, name)]


def _scrub(installation: Installation, vault: Vault, budget_bytes: int) -> dict[str, Any]:
    clock = installation.clock
    store = vault_access(installation).for_reading(vault)
    report = scrub(store, budget_bytes=budget_bytes, clock=clock)
    now = clock.now()
    note_scrub(installation.catalog, vault, report, now=now)
    with installation.catalog.read() as tx:
        told = alarms(vault, scrubs.of(tx, vault), now)
    found = asdict(report)
    return {
        "vault": vault.name,
        "is_well": not (told or report.unreadable_count or report.misindexed_count),
        **found,
        "oldest_days": None if report.oldest_at is None else (now - report.oldest_at).days,
        "is_overdue": report.is_overdue(now),
        "alarms": told,
    }


def heal_vault(installation: Installation, name: str, other: str, *, dry_run: bool) -> dict[str, Any]:
    """Raises ResourceNotFound, InvalidRequest for a vault that is to heal itself, StoreError."""
    if name == other:
        raise InvalidRequest("A vault cannot heal itself: name another one.")
    access = vault_access(installation)
    (vault,), (source,) = used_vaults(installation, name), used_vaults(installation, other)
    report = asdict(heal_from(access.for_reading(vault), access.for_reading(source), dry_run=dry_run))
    report["unhealed"] = [
        {"point_id": point_id, "path": shown(path), "why": why} for point_id, path, why in report["unhealed"]
    ]
    return {"vault": name, "from": other, "is_dry_run": dry_run, **report}


def rebuild_vaults(
    installation: Installation, name: str | None, *, dry_run: bool, is_confirmed: bool = False
) -> list[dict[str, Any]]:
    """A report for each vault. Raises Conflict while a job runs, WritersAtWork, StoreError.

    What a session has stored and nothing names yet, it may take back: no index may name it before.
    """
    if job_rows(installation.client, state="RUNNING", limit=1):
        raise Conflict("Jobs are running; the index is made again only while nothing is written.")
    return [
        _rebuild(installation, vault, dry_run=dry_run, is_confirmed=is_confirmed)
        for vault in used_vaults(installation, name, are_empty_too=True)
    ]


def _rebuild(
    installation: Installation, vault: Vault, *, dry_run: bool, is_confirmed: bool
) -> dict[str, Any]:
    access = vault_access(installation)
    store = access.for_reading(vault)
    report = rebuild_index(store, dry_run=dry_run, is_confirmed=is_confirmed)
    if not dry_run:
        lock_facts.believe(installation.catalog, vault, lock_facts.told(store))
    points = add_missing_points(installation, vault, access.for_reading(vault), dry_run=dry_run)
    return {
        "vault": vault.name,
        "is_dry_run": dry_run,
        "is_needed": report.is_needed or bool(points.added),
        **asdict(report),
        "points_added": len(points.added),
        "points_unread": points.unread,
    }


def used_vaults(installation: Installation, name: str | None, *, are_empty_too: bool = False) -> list[Vault]:
    """The vault of that name, or all that hold points; with `are_empty_too` whatever has a store.

    Raises ResourceNotFound.
    """
    with installation.catalog.read() as tx:
        known = vaults.every(tx)
    mine = [vault for vault in known if vault.account_id == installation.account_id]
    chosen = [vault for vault in mine if name in (None, vault.name)]
    if name is not None and not chosen:
        raise ResourceNotFound(f"Cannot find backup vault {name}.")
    if name is not None:
        return chosen
    return [v for v in chosen if v.point_count or (are_empty_too and _has_store(installation, v))]


def _has_store(installation: Installation, vault: Vault) -> bool:
    try:
        vault_access(installation).for_reading(vault)
    except (ObjectMissing, StoreUnavailable):
        return False  # its place is made with its first backup
    return True
