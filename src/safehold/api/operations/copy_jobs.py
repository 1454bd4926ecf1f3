"""Operations on copy jobs. They write down what shall happen; workers make it happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from safehold.api import existing, lifecycles
from safehold.api.call import Call, operation
from safehold.api.job_lists import page_of_jobs
from safehold.api.once import once
from safehold.api.operations.backup_jobs import creator_members
from safehold.api.pass_role import check_passable
from safehold.core.errors import ResourceNotFound
from safehold.core.ids import new_upper_id
from safehold.domain.copy_requests import (
    CopyJobRequest,
    check_copyable,
    copy_job,
    destination_of,
    lifecycle_of_copy,
)
from safehold.domain.job_states import JobState
from safehold.domain.jobs import Job, JobKind
from safehold.domain.quotas import check_room
from safehold.domain.vaults import Vault, VaultType
from safehold.records import jobs, vaults
from safehold.records.jobs import JobFilter

Request = Mapping[str, Any]
Answer = dict[str, Any]


@operation("StartCopyJob")
def start_copy_job(call: Call, req: Request) -> Answer:
    """A job stands in the outbox; the same token again answers the first job and makes none.

    Source: model 2018-11-15 `StartCopyJob`; docs/parity/copy-jobs.md, "start".
    """
    return once(call, req, lambda: _start(call, req))


@operation("DescribeCopyJob")
def describe_copy_job(call: Call, req: Request) -> Answer:
    """One job, however old. Source: model 2018-11-15 `DescribeCopyJob`."""
    job = jobs.get(call.tx, req["CopyJobId"], kind=JobKind.COPY, account_id=call.account_id, site=call.site)
    return {"CopyJob": _shown(job, _vaults_of(call, [job]))}


@operation("ListCopyJobs")
def list_copy_jobs(call: Call, req: Request) -> Answer:
    """Jobs of the last thirty days that match all filters, newest first.

    Source: model 2018-11-15 `ListCopyJobs`; docs/parity/copy-jobs.md, "list".
    """
    category = req.get("ByMessageCategory")
    wanted = JobFilter(
        kind=JobKind.COPY,
        resource_arn=req.get("ByResourceArn"),
        state=req.get("ByState"),
        vault_arn=req.get("ByDestinationVaultArn"),
        recovery_point_arn=req.get("BySourceRecoveryPointArn"),
        message_category=None if category in ("*", "AGGREGATE_ALL") else category,
    )
    found, token = page_of_jobs(call, req, wanted)
    known = _vaults_of(call, found)
    return {"CopyJobs": [_shown(job, known) for job in found], "NextToken": token}


def _start(call: Call, req: Request) -> Answer:
    job = _wanted(call, req)
    jobs.insert_job(call.tx, job)
    return {"CopyJobId": job.id, "CreationDate": job.created_at, "IsParent": False}


def _wanted(call: Call, req: Request) -> Job:
    """The job row that is asked for. Raises what AWS answers to a request that cannot be met."""
    name = req["SourceBackupVaultName"]
    source = vaults.find(call.tx, account_id=call.account_id, site=call.site, name=name)
    if source is None:
        raise ResourceNotFound(f"Cannot find backup vault {name}.")
    point = existing.point(call, source, req)
    destination = destination_of(req["DestinationBackupVaultArn"])
    check_copyable(point, source, destination)
    target = vaults.find_by_arn(call.tx, destination.arn)  # whether it is there is seen when the job runs
    there_are = 0 if target is None else target.point_count
    check_room(call.config.quotas.points_per_vault, there_are, "recovery points in a backup vault")
    check_passable(call, req["IamRoleArn"])
    lifecycle = lifecycle_of_copy(point, lifecycles.read(req.get("Lifecycle")))
    return copy_job(
        new_upper_id(),
        point,
        source,
        destination,
        lifecycle=lifecycle if lifecycle is None else replace(lifecycle, delete_after_event=None),
        role_arn=req["IamRoleArn"],
        now=call.now,
        is_air_gapped=target is not None and target.vault_type is VaultType.AIR_GAPPED,
    )


def _vaults_of(call: Call, found: Sequence[Job]) -> Mapping[str, Vault]:
    """The destinations of these jobs that are there, by ARN."""
    wanted = {job.vault_arn for job in found if job.vault_arn is not None}
    known = {arn: vaults.find_by_arn(call.tx, arn) for arn in wanted}
    return {arn: vault for arn, vault in known.items() if vault is not None}


def _shown(job: Job, known: Mapping[str, Vault]) -> Answer:
    """A job's members, those without a value left out."""
    request = CopyJobRequest.from_json(job.request)
    vault = known.get(job.vault_arn or "")
    members = {
        "AccountId": job.account_id,
        "CopyJobId": job.id,
        "SourceBackupVaultArn": request.source_vault_arn,
        "SourceRecoveryPointArn": job.recovery_point_arn,
        "DestinationBackupVaultArn": job.vault_arn,
        "DestinationRecoveryPointArn": _copy_of(job, request),
        "DestinationRecoveryPointLifecycle": lifecycles.shown(request.lifecycle),
        "ResourceArn": job.resource_arn,
        "ResourceType": job.resource_type,
        "ResourceName": job.resource_name,
        "CreationDate": job.created_at,
        "CompletionDate": job.completed_at,
        "State": job.state,
        "StatusMessage": job.status_message,
        "MessageCategory": job.message_category,
        "BackupSizeInBytes": job.size_bytes,
        "IamRoleArn": job.role_arn,
        "CreatedBy": None if request.created_by is None else creator_members(request.created_by),
        "CreatedByBackupJobId": request.backup_job_id,
        "ParentJobId": job.parent_job_id,
        "IsParent": False,
    }
    if vault is not None and vault.account_id == job.account_id:
        members["DestinationVaultType"] = vault.vault_type
        members["DestinationVaultLockState"] = "LOCKED" if vault.is_locked else "UNLOCKED"
        members["DestinationEncryptionKeyArn"] = vault.key_arn
    return {name: value for name, value in members.items() if value is not None}


def _copy_of(job: Job, request: CopyJobRequest) -> str | None:
    """The copy's ARN, once there is a copy."""
    is_there = job.state in (JobState.COMPLETED, JobState.PARTIAL)
    return request.destination_point_arn if is_there else None
