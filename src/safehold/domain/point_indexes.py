"""The search index of a recovery point: its states, and the job that makes it. Pure.

(none) -> PENDING -> ACTIVE or FAILED; any of them -> DELETING -> (none). Only an ACTIVE one is searched.
Source: model 2018-11-15 `IndexStatus`; docs/parity/search-indexes.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from safehold.core.errors import InvalidParameterValue, InvalidRequest, InvalidResourceState
from safehold.domain.jobs import Job, JobKind
from safehold.domain.limits import AwsLimits
from safehold.domain.recovery_points import PointStatus, RecoveryPoint
from safehold.domain.vaults import Vault, VaultType

STRICT_INDEXED_TYPES = frozenset({"EBS", "S3"})  # Source: model 2018-11-15 `IndexAction`


class IndexStatus(StrEnum):
    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    FAILED = "FAILED"
    DELETING = "DELETING"


@dataclass(frozen=True, slots=True)
class PointIndex:
    """One row; see records/tables_search.py. status: None once it was deleted."""

    point_id: str
    account_id: str
    site: str
    vault_id: str
    resource_arn: str
    resource_type: str
    point_created_at: datetime
    created_at: datetime
    status: IndexStatus | None = IndexStatus.PENDING
    status_message: str | None = None
    role_arn: str | None = None
    job_id: str | None = None
    build: str | None = None
    item_count: int | None = None
    completed_at: datetime | None = None
    deleted_at: datetime | None = None


def new_index(point: RecoveryPoint, job_id: str, *, role_arn: str | None, now: datetime) -> PointIndex:
    """What an index is while the job of that id makes it."""
    return PointIndex(
        point_id=point.id,
        account_id=point.account_id,
        site=point.site,
        vault_id=point.vault_id,
        resource_arn=point.resource_arn,
        resource_type=point.resource_type,
        point_created_at=point.created_at,
        created_at=now,
        role_arn=role_arn,
        job_id=job_id,
    )


def index_job(index: PointIndex, point: RecoveryPoint, *, now: datetime) -> Job:
    """The job that makes that index."""
    assert index.job_id is not None
    return Job(
        id=index.job_id,
        kind=JobKind.INDEX,
        account_id=point.account_id,
        site=point.site,
        state="PENDING",
        resource_arn=point.resource_arn,
        resource_type=point.resource_type,
        resource_name=point.resource_name,
        recovery_point_arn=point.arn,
        role_arn=index.role_arn,
        created_at=now,
        request={"recovery_point_id": point.id},
    )


def check_indexable(point: RecoveryPoint, vault: Vault, limits: AwsLimits) -> None:
    """Raise what UpdateRecoveryPointIndexSettings answers when the point can have no index.

    Source: AWS Backup Developer Guide, "Backup search": none in logically air-gapped vaults.
    """
    if limits is AwsLimits.STRICT and point.resource_type not in STRICT_INDEXED_TYPES:
        raise InvalidParameterValue(f"Unsupported resource type: {point.resource_type}")
    if vault.vault_type != VaultType.STANDARD:
        raise InvalidRequest("Recovery points in logically air-gapped vaults cannot be indexed")
    if point.is_parent:
        raise InvalidRequest("A composite recovery point has no items of its own; index those nested in it")
    if point.status in (PointStatus.CREATING, PointStatus.DELETING, PointStatus.EXPIRED):
        raise InvalidResourceState(f"Recovery point is in state {point.status}", context=point.arn)
