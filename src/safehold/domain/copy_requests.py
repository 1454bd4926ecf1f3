"""What was asked of a copy job, frozen when the job is made: by StartCopyJob or by a plan's rule.

`Job.request` holds it as JSON. The job's row names the destination vault (`vault_arn`) and the point that is
copied (`recovery_point_arn`); the copy's own ARN and id follow from the job's id.
Source: AWS Backup Developer Guide, "Creating backup copies"; docs/parity/copy-jobs.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from safehold.core.errors import InvalidParameterValue, InvalidRequest
from safehold.domain import arns
from safehold.domain.backup_requests import CreatedBy
from safehold.domain.jobs import Job, JobKind
from safehold.domain.lifecycle import ALWAYS, Lifecycle, lifecycle_fault
from safehold.domain.recovery_points import PointStatus, RecoveryPoint, StorageClass
from safehold.domain.vaults import Vault, VaultType

COPYABLE = frozenset({PointStatus.COMPLETED, PointStatus.AVAILABLE, PointStatus.PARTIAL})
SAME_ORGANIZATION = (
    "Copy job failed. This release of Safehold does not copy between accounts: the access policies of "
    "vaults, which have to allow it, are not evaluated yet."
)
OTHER_ACCOUNT = (
    "Copy job failed. Both source and destination account must be a member of the same organization."
)


@dataclass(frozen=True, slots=True)
class CopyJobRequest:
    """lifecycle                 of the copy; None: kept for ever
    source_point_id, source_vault_arn, source_vault_id   what is copied
    destination_point_arn     of the copy, fixed before it is made
    created_by                None for a job on demand
    backup_job_id             the backup that this copy follows; None for a job on demand
    """

    source_point_id: str
    source_vault_arn: str
    source_vault_id: str
    destination_point_arn: str
    lifecycle: Lifecycle | None = None
    created_by: CreatedBy | None = None
    backup_job_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The form in which `Job.request` keeps it."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain

    @staticmethod
    def from_json(request: Mapping[str, Any]) -> CopyJobRequest:
        """The request of a job row; members that this version does not know are left out."""
        return msgspec.convert(dict(request), CopyJobRequest)


@dataclass(frozen=True, slots=True)
class Destination:
    """The vault that an ARN names; whether there is such a vault is seen when the job runs."""

    arn: str
    site: str
    account_id: str
    name: str


def destination_of(arn: str) -> Destination:
    """Raises InvalidParameterValue for what is no vault's ARN."""
    parsed = arns.parse(arn)
    kind, _, name = parsed.resource.partition(":")
    if (parsed.service, kind) != ("backup", "backup-vault") or not name:
        raise InvalidParameterValue(f"{arn[:200]} is not the ARN of a backup vault")
    return Destination(arn, parsed.region, parsed.account_id, name)


def check_copyable(point: RecoveryPoint, source: Vault, destination: Destination) -> None:
    """Raise what StartCopyJob answers when that point cannot be copied there."""
    if source.vault_type is VaultType.RESTORE_ACCESS:
        raise InvalidRequest("Recovery points in a restore access backup vault can be restored, not copied")
    if source.arn == destination.arn:
        raise InvalidRequest("The source and the destination backup vault must not be the same")
    if point.status not in COPYABLE:
        raise InvalidRequest(f"Recovery point {point.arn} cannot be copied: its status is {point.status}")
    if point.storage_class is StorageClass.COLD:
        raise InvalidRequest(f"Recovery point {point.arn} cannot be copied: it is in cold storage")


def lifecycle_of_copy(point: RecoveryPoint, wanted: Lifecycle | None) -> Lifecycle | None:
    """What the copy's lifecycle is: days that are not given, or -1, are those of the original.

    Days count from the original's creation, so that the same days are the same end.
    Raises InvalidParameterValue.
    """
    original = point.lifecycle
    if wanted is None:
        wanted = Lifecycle()
    fault = lifecycle_fault(wanted, may_be_always=True)
    if fault is not None:
        raise InvalidParameterValue(fault)
    if wanted.delete_after_days in (None, ALWAYS):
        wanted = replace(wanted, delete_after_days=None if original is None else original.delete_after_days)
    if wanted.move_to_cold_storage_after_days == ALWAYS:
        wanted = replace(wanted, move_to_cold_storage_after_days=None)
    fault = lifecycle_fault(wanted)  # once more: the original's days may not go with those that were given
    if fault is not None:
        raise InvalidParameterValue(fault)
    return None if wanted == Lifecycle() else wanted


def copy_job(
    job_id: str,
    point: RecoveryPoint,
    source: Vault,
    destination: Destination,
    *,
    lifecycle: Lifecycle | None,
    role_arn: str,
    now: datetime,
    is_air_gapped: bool = False,
    created_by: CreatedBy | None = None,
    backup_job_id: str | None = None,
) -> Job:
    """The job row, state CREATED. `is_air_gapped`: the destination is a logically air-gapped vault."""
    request = CopyJobRequest(
        source_point_id=point.id,
        source_vault_arn=source.arn,
        source_vault_id=source.id,
        destination_point_arn=_name(job_id, point, destination, is_air_gapped=is_air_gapped),
        lifecycle=lifecycle,
        created_by=created_by,
        backup_job_id=backup_job_id,
    )
    return Job(
        id=job_id,
        kind=JobKind.COPY,
        account_id=point.account_id,
        site=point.site,
        state="CREATED",
        resource_arn=point.resource_arn,
        resource_type=point.resource_type,
        resource_name=point.resource_name,
        created_at=now,
        request=request.to_json(),
        vault_name=destination.name,
        vault_arn=destination.arn,
        role_arn=role_arn,
        recovery_point_arn=point.arn,
        size_bytes=point.size_bytes,
    )


def _name(job_id: str, point: RecoveryPoint, destination: Destination, *, is_air_gapped: bool) -> str:
    """The copy's ARN, by the job alone, before it is made: a step that runs twice names the same point."""
    if is_air_gapped:
        return arns.own_point_arn(destination.site, destination.account_id, job_id)
    return arns.recovery_point_arn(
        point.resource_type,
        point.resource_arn,
        site=destination.site,
        account_id=destination.account_id,
        point_id=job_id,
        created_at=point.created_at,
    )
