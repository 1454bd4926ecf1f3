"""A recovery point: one resource as it was at one moment, kept in one vault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from safehold.core.errors import InvalidParameterValue, InvalidRequest, InvalidResourceState
from safehold.domain import locking
from safehold.domain.backup_requests import CreatedBy
from safehold.domain.lifecycle import Lifecycle, lifecycle_fault
from safehold.domain.vaults import Vault


class PointStatus(StrEnum):
    """Source: model 2018-11-15 `RecoveryPointStatus`."""

    CREATING = "CREATING"
    COMPLETED = "COMPLETED"
    AVAILABLE = "AVAILABLE"
    PARTIAL = "PARTIAL"
    STOPPED = "STOPPED"
    EXPIRED = "EXPIRED"
    DELETING = "DELETING"


class StorageClass(StrEnum):
    WARM = "WARM"
    COLD = "COLD"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """One row of the recovery-point table.

    created_at        the job's start: retention counts from here
    delete_at         what the lifecycle comes to; None: kept for ever. `new_lifecycle` keeps both in step
    restore_metadata  what GetRecoveryPointRestoreMetadata answers
    facts             what the connector needs to know of the resource at restore
    """

    id: str
    arn: str
    vault_id: str
    account_id: str
    site: str
    job_id: str
    resource_arn: str
    resource_type: str
    status: PointStatus
    created_at: datetime
    storage_class: StorageClass = StorageClass.WARM
    resource_name: str | None = None
    role_arn: str | None = None
    status_message: str | None = None
    completed_at: datetime | None = None
    size_bytes: int | None = None
    lifecycle: Lifecycle | None = None
    delete_at: datetime | None = None
    move_at: datetime | None = None
    created_by: CreatedBy | None = None
    plan_id: str | None = None
    parent_arn: str | None = None
    is_parent: bool = False
    key_arn: str | None = None
    restored_at: datetime | None = None
    restore_metadata: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


def with_lifecycle(point: RecoveryPoint, lifecycle: Lifecycle | None) -> RecoveryPoint:
    """The point with another lifecycle, and the dates that follow from it."""
    return replace(
        point,
        lifecycle=lifecycle,
        delete_at=None if lifecycle is None else lifecycle.delete_at(point.created_at),
        move_at=None if lifecycle is None else lifecycle.move_at(point.created_at),
    )


def check_new_lifecycle(point: RecoveryPoint, vault: Vault, wanted: Lifecycle, *, now: datetime) -> None:
    """Raise what UpdateRecoveryPointLifecycle answers when the point cannot have that lifecycle.

    Once cold, a point stays cold and its day of moving is history; before that, a new day must lie ahead.
    Source: AWS Backup Developer Guide, "Editing a backup".
    """
    # A legal hold keeps the point by itself, whatever its lifecycle says.
    _check_changeable(point, vault, is_held=False)
    fault = lifecycle_fault(wanted)
    if fault is not None:
        raise InvalidParameterValue(fault)
    old = None if point.lifecycle is None else point.lifecycle.move_to_cold_storage_after_days
    new = wanted.move_to_cold_storage_after_days
    if new == old:
        return
    if point.storage_class is StorageClass.COLD:
        raise InvalidParameterValue("Invalid lifecycle. The recovery point has moved to cold storage already")
    move_at = wanted.move_at(point.created_at)
    if move_at is not None and move_at < now + timedelta(days=1):
        raise InvalidParameterValue(
            "Invalid lifecycle. MoveToColdStorageAfterDays must be at least one day more than the point's age"
        )


def check_deletable(point: RecoveryPoint, vault: Vault, *, has_children: bool, is_held: bool) -> None:
    """Raise what DeleteRecoveryPoint answers when the point has to stay."""
    _check_changeable(point, vault, is_held=is_held)
    if has_children:
        raise InvalidRequest("RecoveryPoint cannot be deleted: nested recovery points must be deleted first")


def check_settled(point: RecoveryPoint) -> None:
    """Raise what is answered while something else is done to the point."""
    if point.status in (PointStatus.DELETING, PointStatus.CREATING):
        raise InvalidResourceState(f"Recovery point is in state {point.status}", context=point.arn)


def _check_changeable(point: RecoveryPoint, vault: Vault, *, is_held: bool) -> None:
    locking.check_point(vault, is_held=is_held)
    check_settled(point)
