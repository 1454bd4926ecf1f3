"""What `status` says."""

from __future__ import annotations

from collections import Counter
from typing import Any

from safehold.cli.declaring import all_sources
from safehold.cli.installation import Installation
from safehold.cli.listing import job_rows, paged
from safehold.domain.event_delivery import DeliveryState
from safehold.jobs import lock_keeping
from safehold.jobs.scrubbing import alarms
from safehold.records import events, nodes, scrubs, vaults
from safehold.store.upkeep.scrub import is_overdue

JOBS_SEEN = 1000
TROUBLES_TOLD = 5


def summary(installation: Installation) -> dict[str, Any]:
    """Everything at a glance, as plain values."""
    client = installation.client
    sources = all_sources(installation)
    listed = list(paged(client, "ListBackupVaults", "BackupVaultList"))
    jobs = job_rows(client, limit=JOBS_SEEN)
    scrubbed, locks = _scrubs(installation), _locks(installation)
    is_running = installation.folder.is_locked()
    return {
        "is_running": is_running,
        "endpoint": _endpoint(installation) if is_running else None,
        "data": str(installation.folder.path),
        "account_id": installation.account_id,
        "region": installation.site,
        "worker_count": live_workers(installation),
        "source_count": len(sources),
        "resource_count": sum(source["resource_count"] for source in sources),
        "vault_count": len(listed),
        "point_count": sum(vault.get("NumberOfRecoveryPoints", 0) for vault in listed),
        "protected_count": len(list(paged(client, "ListProtectedResources", "Results"))),
        "jobs": dict(Counter(job["state"] for job in jobs)),
        "scrubs": scrubbed,
        "locks": locks,
        "troubles": [alarm for each in scrubbed + locks for alarm in each["alarms"]]
        + _dead_events(installation)
        + _troubles(sources, jobs),
    }


def _dead_events(installation: Installation) -> list[str]:
    with installation.catalog.read() as tx:
        counts = events.counts(tx)
    dead = {target: count for (target, state), count in counts.items() if state is DeliveryState.DEAD}
    return [
        f"{count} events could not be delivered to {target}: events --dead" for target, count in dead.items()
    ]


def _scrubs(installation: Installation) -> list[dict[str, Any]]:
    """How long parts of each vault that holds something were not read back, and what is damaged."""
    now = installation.clock.now()
    with installation.catalog.read() as tx:
        mine = [v for v in vaults.every(tx) if v.account_id == installation.account_id and v.point_count]
        states = [(vault, scrubs.of(tx, vault)) for vault in mine]
    return [
        {
            "vault": vault.name,
            "scrubbed_at": state.ended_at,
            "oldest_at": state.oldest_at,
            "oldest_days": None if state.oldest_at is None else (now - state.oldest_at).days,
            "is_overdue": is_overdue(state.oldest_at or vault.created_at, now),
            "condemned_count": state.condemned_count,
            "alarms": alarms(vault, state, now),
        }
        for vault, state in states
    ]


def _locks(installation: Installation) -> list[dict[str, Any]]:
    """How firmly each locked vault is locked, and whether its store keeps that."""
    catalog, now = installation.catalog, installation.clock.now()
    with catalog.read() as tx:
        known = [v for v in vaults.every(tx) if v.account_id == installation.account_id and v.is_locked]
    return [
        {
            "vault": vault.name,
            "state": lock_keeping.state_of(catalog, vault, now),
            "points_to_lock": lock_keeping.points_to_lock(catalog, vault, now),
            "alarms": lock_keeping.alarms(catalog, vault, now),
        }
        for vault in known
    ]


def live_workers(installation: Installation) -> int:
    """Workers that gave a sign of life within their lease."""
    now = installation.clock.now()
    with installation.catalog.read() as tx:
        known = nodes.list_nodes(tx)
    lease = installation.settings.lease_seconds
    return sum(
        node.role == "worker" and node.reaped_at is None and (now - node.seen_at).total_seconds() < lease
        for node in known
    )


def _endpoint(installation: Installation) -> str | None:
    try:
        return installation.folder.endpoint_file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None  # it is about to be ready


def _troubles(sources: list[dict[str, Any]], jobs: list[dict[str, Any]]) -> list[str]:
    of_sources = [f"source {each['name']}: {each['error']}" for each in sources if each["error"]]
    of_jobs = [
        f"{job['kind']} of {job['resource']} {job['state']}: {job['message']}"
        for job in jobs
        if job["message"] and job["state"] not in ("CREATED", "PENDING", "RUNNING")
    ]
    return of_sources + of_jobs[:TROUBLES_TOLD]
