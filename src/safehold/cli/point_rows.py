"""Recovery points that a vault holds and the catalog does not know get their rows again.

The vault's record says all that a row says (docs/formats/points.md); its amendments say what came later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from safehold.cli.installation import Installation
from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.domain.backup_requests import CreatedBy
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.recovery_points import PointStatus, RecoveryPoint, StorageClass, with_lifecycle
from safehold.domain.vaults import Vault
from safehold.records import recovery_points, tags
from safehold.store.points.points import Amendment, PointRecord, is_cold, is_deleted
from safehold.store.vault_store import VaultStore

MICROSECONDS = 1_000_000


@dataclass(slots=True)
class AddedPoints:
    """added: ids of points that had no row; unread: points that cannot be read, and why."""

    added: list[str] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)


def add_missing_points(
    installation: Installation, vault: Vault, store: VaultStore, *, dry_run: bool
) -> AddedPoints:
    """Every whole point of the vault that was not deleted has a row. Rows that are there stay as they are."""
    found = AddedPoints()
    is_void = store.void_check()
    for point_id in store.points():
        with installation.catalog.read() as tx:
            if recovery_points.find_by_id(tx, point_id) is not None:
                continue
        try:
            record, amendments = store.point(point_id), store.amendments(point_id)
        except (Damaged, KeyMismatch, ObjectMissing) as error:
            found.unread[f"point {point_id}"] = str(error)
            continue
        if is_deleted(amendments) or is_void(record):
            continue
        found.added.append(point_id)
        if not dry_run:
            _add(installation, vault, record, amendments)
    return found


def _add(installation: Installation, vault: Vault, record: PointRecord, amendments: list[Amendment]) -> None:
    point, own_tags = row_of(vault, record, amendments)
    with installation.catalog.begin() as tx:
        if recovery_points.insert_if_new(tx, point, is_news=False):
            tags.put(tx, point.arn, own_tags)


def row_of(
    vault: Vault, record: PointRecord, amendments: list[Amendment]
) -> tuple[RecoveryPoint, dict[str, str]]:
    """The row as the job would have written it, with what was amended since; and the point's tags."""
    facts = _documents(record.facts)
    for amendment in amendments:
        facts |= _documents(amendment.facts)
    created_by = facts.get("created_by")
    point = RecoveryPoint(
        id=record.point_id,
        arn=record.point_arn,
        vault_id=vault.id,
        account_id=vault.account_id,
        site=vault.site,
        job_id=record.job_id,
        resource_arn=record.resource_arn,
        resource_type=record.resource_type,
        resource_name=record.resource_name or None,
        role_arn=facts.get("role_arn") or None,
        status=PointStatus.COMPLETED,
        created_at=_moment(record.created_at),
        completed_at=_moment(record.taken_at),
        size_bytes=record.stats.total_bytes,
        created_by=msgspec.convert(created_by, CreatedBy) if created_by else None,
        key_arn=vault.key_arn,
        restore_metadata=facts.get("restore_metadata") or {},
        facts=facts.get("resource_facts") or {},
    )
    point = replace(point, plan_id=point.created_by.plan_id if point.created_by else None)
    if is_cold(amendments):
        point = replace(point, storage_class=StorageClass.COLD)
    lifecycle = facts.get("lifecycle")
    own_tags = facts.get("tags") or {}
    return with_lifecycle(point, msgspec.convert(lifecycle, Lifecycle) if lifecycle else None), own_tags


def _documents(facts: Mapping[str, str]) -> dict[str, Any]:
    """Facts by name: JSON where they are documents."""
    return {name: _document(text) for name, text in facts.items()}


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / MICROSECONDS, UTC)
