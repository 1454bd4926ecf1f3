"""Scan jobs: what of a recovery point is looked through for malware, and how that is told. Pure.

Source: model 2018-11-15 `StartScanJob`, `ScanState`, `ScanResultStatus`; docs/parity/scans.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from safehold.core.errors import InvalidParameterValue, InvalidRequest, InvalidResourceState
from safehold.domain.backup_requests import CreatedBy, PlannedScan
from safehold.domain.job_states import JobState
from safehold.domain.jobs import Job, JobKind
from safehold.domain.limits import AwsLimits
from safehold.domain.plans import PlanDocument, Rule
from safehold.domain.recovery_points import PointStatus, RecoveryPoint, StorageClass
from safehold.domain.vaults import Vault

SCANNER = "GUARDDUTY"  # the one name that AWS has for a scanner; here it is YARA rules
STRICT_SCANNED_TYPES = frozenset({"EBS", "EC2", "S3"})  # Source: model 2018-11-15 `ScanResourceType`
ALL_TYPES = "ALL"


class ScanMode(StrEnum):
    FULL = "FULL_SCAN"
    INCREMENTAL = "INCREMENTAL_SCAN"


class ScanResult(StrEnum):
    CLEAN = "NO_THREATS_FOUND"
    THREATS = "THREATS_FOUND"
    UNKNOWN = "UNKNOWN"


# How a job's state is told of a scan. Source: model 2018-11-15 `ScanState`.
SHOWN_STATES: Mapping[str, str] = {
    JobState.CREATED: "CREATED",
    JobState.PENDING: "CREATED",
    JobState.RUNNING: "RUNNING",
    JobState.ABORTING: "RUNNING",
    JobState.COMPLETED: "COMPLETED",
    JobState.PARTIAL: "COMPLETED_WITH_ISSUES",
    JobState.FAILED: "FAILED",
    JobState.EXPIRED: "FAILED",
    JobState.ABORTED: "CANCELED",
}


class ScanRequest(msgspec.Struct, frozen=True, kw_only=True):
    """base_point_id  what an incremental scan goes on from; None: the resource's last scanned point"""

    point_id: str
    mode: ScanMode
    scanner_role_arn: str | None = None
    base_point_id: str | None = None
    base_point_arn: str | None = None
    created_by: CreatedBy | None = None

    def to_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @staticmethod
    def from_json(request: Mapping[str, Any]) -> ScanRequest:
        return msgspec.convert(dict(request), ScanRequest)


def check_scannable(point: RecoveryPoint, limits: AwsLimits) -> None:
    """Raise what StartScanJob answers when the point cannot be scanned."""
    if limits is AwsLimits.STRICT and point.resource_type not in STRICT_SCANNED_TYPES:
        raise InvalidParameterValue(f"Unsupported resource type: {point.resource_type}")
    if point.is_parent:
        raise InvalidRequest("A composite recovery point has no items of its own; scan those nested in it")
    if point.storage_class is not StorageClass.WARM:
        raise InvalidRequest("A recovery point in cold storage cannot be scanned")
    if point.status in (PointStatus.CREATING, PointStatus.DELETING, PointStatus.EXPIRED):
        raise InvalidResourceState(f"Recovery point is in state {point.status}", context=point.arn)


def check_base(point: RecoveryPoint, base: RecoveryPoint) -> None:
    """Raise InvalidParameterValue unless what changed since `base` can be told of `point`."""
    if (base.vault_id, base.resource_arn) != (point.vault_id, point.resource_arn) or base.id == point.id:
        raise InvalidParameterValue(
            "ScanBaseRecoveryPointArn must name another recovery point of the same resource and vault"
        )


def shown_state(state: str) -> str:
    """A scan job's state as the API tells it."""
    return SHOWN_STATES[state]


def states_of(shown: str) -> tuple[str, ...]:
    """All job states that are told as this one."""
    return tuple(state for state, told in SHOWN_STATES.items() if told == shown)


def planned(document: PlanDocument, rule: Rule, resource_type: str) -> tuple[PlannedScan, ...]:
    """Scans that the rule wants of resources of that type: those whose scanner the plan sets for it.

    Source: model 2018-11-15 `ScanAction`, `ScanSetting`.
    """
    settings = {
        setting.malware_scanner: setting
        for setting in document.scan_settings or ()
        if {resource_type, ALL_TYPES} & set(setting.resource_types)
    }
    return tuple(
        PlannedScan(action.scan_mode or ScanMode.FULL, settings[action.malware_scanner].scanner_role_arn)
        for action in rule.scan_actions or ()
        if action.malware_scanner in settings
    )


def scan_job(
    job_id: str,
    point: RecoveryPoint,
    vault: Vault,
    request: ScanRequest,
    *,
    role_arn: str | None,
    now: datetime,
) -> Job:
    return Job(
        id=job_id,
        kind=JobKind.SCAN,
        account_id=point.account_id,
        site=point.site,
        state="CREATED",
        resource_arn=point.resource_arn,
        resource_type=point.resource_type,
        resource_name=point.resource_name,
        vault_name=vault.name,
        vault_arn=vault.arn,
        role_arn=role_arn,
        recovery_point_arn=point.arn,
        created_at=now,
        request=request.to_json(),
    )
