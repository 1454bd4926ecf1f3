"""Operations on backup jobs. They write down what shall happen; workers make it happen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api import lifecycles
from safehold.api.call import Call, operation
from safehold.api.job_lists import page_of_jobs, percent
from safehold.api.once import once
from safehold.api.pass_role import check_passable
from safehold.core.errors import InvalidParameterValue, InvalidRequest, ResourceNotFound
from safehold.core.ids import new_id
from safehold.domain import arns
from safehold.domain import tags as tag_rules
from safehold.domain.air_gap import check_takes_points
from safehold.domain.backup_requests import BackupRequest, CreatedBy, Target, new_job
from safehold.domain.job_states import JobEvent, follow
from safehold.domain.jobs import Job, JobKind
from safehold.domain.lifecycle import lifecycle_fault
from safehold.domain.limits import AwsLimits
from safehold.domain.quotas import check_room
from safehold.domain.resource_types import is_supported
from safehold.domain.resources import Resource
from safehold.domain.vaults import Vault
from safehold.domain.windows import (
    DEFAULT_COMPLETION_WINDOW_MINUTES,
    DEFAULT_START_WINDOW_MINUTES,
    window_fault,
)
from safehold.records import claims, jobs, resources, settings, vaults
from safehold.records.jobs import JobFilter

# Source: model 2018-11-15 `StopBackupJob`; docs/parity/jobs.md, "stop".
NEVER_STOPPED = frozenset({"Aurora", "DocumentDB", "FSx", "Neptune", "RDS", "SAP HANA on Amazon EC2"})
# Types whose recovery point has a name before it exists. Source: model 2018-11-15 `StartBackupJobOutput`.
NAMED_AT_START = frozenset({"EFS"})
MAX_VAULTS = 1000
WITHOUT_POINT = frozenset({"FAILED", "ABORTED", "EXPIRED"})


@operation("StartBackupJob")
def start_backup_job(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """A job stands in the outbox; the same token again answers the first job and makes none.

    Source: model 2018-11-15 `StartBackupJob`; docs/parity/jobs.md, "start".
    """
    answer = once(call, req, lambda: {"BackupJobId": _start(call, req)})
    return _started(_get(call, answer["BackupJobId"]))


@operation("DescribeBackupJob")
def describe_backup_job(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """One job, however old. Source: model 2018-11-15 `DescribeBackupJob`."""
    job = _get(call, req["BackupJobId"])
    return _shown(job, _vaults_of(call))


@operation("ListBackupJobs")
def list_backup_jobs(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Jobs of the last thirty days that match all filters, newest first.

    Source: model 2018-11-15 `ListBackupJobs`; docs/parity/jobs.md, "list".
    """
    found, token = page_of_jobs(call, req, _filter(req))
    known = _vaults_of(call)
    return {"BackupJobs": [_shown(job, known) for job in found], "NextToken": token}


@operation("StopBackupJob")
def stop_backup_job(call: Call, req: Mapping[str, Any]) -> None:
    """The job is told to stop: ABORTING now, ABORTED once whoever runs it has let go.

    Source: model 2018-11-15 `StopBackupJob`; docs/parity/jobs.md, "stop".
    """
    # RACE: it may begin or end meanwhile; whoever changes it waits, so that its state here is the true one.
    job = claims.find_locked(call.tx, _get(call, req["BackupJobId"]).id)
    if job is None:
        raise ResourceNotFound(f"Cannot find job {req['BackupJobId']}.")
    if call.config.aws_limits == AwsLimits.STRICT and job.resource_type in NEVER_STOPPED:
        raise InvalidRequest(f"Jobs of resource type {job.resource_type} cannot be stopped")
    state = follow(job.kind, job.state, JobEvent.REQUEST_ABORT)
    told = state is not None and jobs.update_in_state(
        call.tx, job.id, [job.state], state=state, abort_requested_at=job.abort_requested_at or call.now
    )
    if not told:
        raise InvalidRequest(f"Backup job {job.id} cannot be stopped: its state is {job.state}")


def _get(call: Call, job_id: str) -> Job:
    return jobs.get(call.tx, job_id, kind=JobKind.BACKUP, account_id=call.account_id, site=call.site)


def _start(call: Call, req: Mapping[str, Any]) -> str:
    """A new job in the outbox; returns its id."""
    job = _wanted(call, req)
    jobs.insert_job(call.tx, job)
    return job.id


def _wanted(call: Call, req: Mapping[str, Any]) -> Job:
    """The job row that is asked for. Raises what AWS answers to a request that cannot be met."""
    request = _request(call, req)
    resource = _resource(call, req["ResourceArn"])
    vault = vaults.find(call.tx, account_id=call.account_id, site=call.site, name=req["BackupVaultName"])
    if vault is None:
        raise ResourceNotFound(f"Cannot find backup vault {req['BackupVaultName']}.")
    check_takes_points(vault)
    check_room(call.config.quotas.points_per_vault, vault.point_count, "recovery points in a backup vault")
    check_passable(call, req["IamRoleArn"])
    target = Target(
        account_id=call.account_id,
        site=call.site,
        resource_arn=resource.arn,
        resource_type=resource.resource_type,
        resource_name=resource.name,
        vault_name=vault.name,
        vault_arn=vault.arn,
        role_arn=req["IamRoleArn"],
    )
    return new_job(new_id(), target, request, now=call.now)


def _resource(call: Call, arn: str) -> Resource:
    if not is_supported(arns.resource_type_of(arn) or ""):
        raise InvalidParameterValue(f"Unsupported resource type: {arn}")
    resource = resources.get(call.tx, arn, account_id=call.account_id, site=call.site)
    if resource.resource_type in settings.opted_out(call.tx, call.account_id, call.site):
        raise InvalidRequest(f"Resource type {resource.resource_type} is not opted in to in {call.site}")
    if resource.lost_at is not None:
        raise ResourceNotFound(f"Resource {arn} is gone: its source no longer holds it.")
    return resource


def _request(call: Call, req: Mapping[str, Any]) -> BackupRequest:
    start, complete = req.get("StartWindowMinutes"), req.get("CompleteWindowMinutes")
    fault = window_fault(start, complete, AwsLimits(call.config.aws_limits))
    lifecycle = lifecycles.read(req.get("Lifecycle"))
    fault = fault or (None if lifecycle is None else lifecycle_fault(lifecycle))
    if fault is not None:
        raise InvalidParameterValue(fault)
    tags = req.get("RecoveryPointTags") or {}
    tag_rules.added({}, tags)
    return BackupRequest(
        lifecycle=lifecycle,
        recovery_point_tags=dict(tags),
        backup_options=dict(req.get("BackupOptions") or {}),
        start_window_minutes=DEFAULT_START_WINDOW_MINUTES if start is None else start,
        completion_window_minutes=DEFAULT_COMPLETION_WINDOW_MINUTES if complete is None else complete,
        idempotency_token=req.get("IdempotencyToken"),
        index=req.get("Index") == "ENABLED",
    )


def _filter(req: Mapping[str, Any]) -> JobFilter:
    category = req.get("ByMessageCategory")
    return JobFilter(
        kind=JobKind.BACKUP,
        resource_arn=req.get("ByResourceArn"),
        state=req.get("ByState"),
        vault_name=req.get("ByBackupVaultName"),
        message_category=None if category in ("*", "AGGREGATE_ALL") else category,
    )


def _vaults_of(call: Call) -> Mapping[str, Vault]:
    found = vaults.page(call.tx, account_id=call.account_id, site=call.site, limit=MAX_VAULTS)
    return {vault.arn: vault for vault in found}


def _started(job: Job) -> Mapping[str, Any]:
    is_named = job.resource_type in NAMED_AT_START
    return {
        "BackupJobId": job.id,
        "RecoveryPointArn": job.recovery_point_arn if is_named else None,
        "CreationDate": job.created_at,
        "IsParent": False,
    }


def _shown(job: Job, known: Mapping[str, Vault]) -> dict[str, Any]:
    """A job's members, those without a value left out."""
    request = BackupRequest.from_json(job.request)
    members = {
        "AccountId": job.account_id,
        "BackupJobId": job.id,
        "BackupVaultName": job.vault_name,
        "BackupVaultArn": job.vault_arn,
        "RecoveryPointArn": None if job.state in WITHOUT_POINT else job.recovery_point_arn,
        "RecoveryPointLifecycle": lifecycles.shown(request.lifecycle),
        "ResourceArn": job.resource_arn,
        "ResourceType": job.resource_type,
        "ResourceName": job.resource_name,
        "IamRoleArn": job.role_arn,
        "CreatedBy": None if request.created_by is None else creator_members(request.created_by),
        "BackupOptions": request.backup_options or None,
        "IsParent": False,
        "ParentJobId": job.parent_job_id,
        **_vault_members(known.get(job.vault_arn or "")),
        **_progress_members(job),
    }
    return {name: value for name, value in members.items() if value is not None}


def _vault_members(vault: Vault | None) -> dict[str, Any]:
    if vault is None:  # deleted since
        return {}
    return {
        "VaultType": vault.vault_type,
        "VaultLockState": "LOCKED" if vault.is_locked else "UNLOCKED",
        "EncryptionKeyArn": vault.key_arn,
        "IsEncrypted": True,
    }


def _progress_members(job: Job) -> dict[str, Any]:
    return {
        "CreationDate": job.created_at,
        "StartBy": job.start_by,
        "InitiationDate": job.started_at,
        "ExpectedCompletionDate": job.expected_completion_at,
        "CompletionDate": job.completed_at,
        "State": job.state,
        "StatusMessage": job.status_message,
        "MessageCategory": job.message_category,
        "PercentDone": percent(job),
        "BackupSizeInBytes": job.size_bytes,
        "BytesTransferred": job.bytes_done,
    }


def creator_members(created_by: CreatedBy) -> dict[str, Any]:
    """The members of `RecoveryPointCreator`."""
    return {
        "BackupPlanId": created_by.plan_id,
        "BackupPlanArn": created_by.plan_arn,
        "BackupPlanName": created_by.plan_name,
        "BackupPlanVersion": created_by.plan_version,
        "BackupRuleId": created_by.rule_id,
        "BackupRuleName": created_by.rule_name,
        "BackupRuleCron": created_by.rule_cron,
        "BackupRuleTimezone": created_by.rule_timezone,
    }
