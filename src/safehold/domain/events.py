"""What happened, as AWS Backup tells EventBridge of it. Pure; odd spellings are AWS's own.

One function makes the event of each family; `records.events.add` stores it in the transaction of the change.
Source: AWS Backup Developer Guide, "Monitoring events using EventBridge"; docs/parity/events.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from safehold.domain.jobs import Job, JobKind
from safehold.domain.plans import PlanVersion
from safehold.domain.point_indexes import IndexStatus, PointIndex
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.scans import SCANNER, shown_state
from safehold.domain.vaults import Vault

SOURCE = "aws.backup"
KEPT_DAYS = 90


@dataclass(frozen=True, slots=True)
class Event:
    """detail_type is EventBridge's; resources are ARNs, none before there is one."""

    account_id: str
    site: str
    detail_type: str
    at: datetime
    detail: Mapping[str, Any]
    resources: tuple[str, ...] = ()


def envelope(event: Event, event_id: str) -> dict[str, Any]:
    """The event as EventBridge's targets get it."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": event.detail_type,
        "source": SOURCE,
        "account": event.account_id,
        "time": event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": event.site,
        "resources": list(event.resources),
        "detail": dict(event.detail),
    }


def of_job(job: Job) -> Event | None:
    """The job has come into the state that it is in; None for kinds of job that AWS does not tell of."""
    match job.kind:
        case JobKind.BACKUP:
            return _of_backup(job)
        case JobKind.RESTORE:
            return _of_restore(job)
        case JobKind.COPY:
            return _of_copy(job)
        case JobKind.SCAN:
            return _of_scan(job)
    return None


def of_point(point: RecoveryPoint, vault_arn: str, status: str, *, at: datetime) -> Event:
    """status: AWS's word for what became of it: COMPLETED, PARTIAL, MODIFIED, DELETED and so on."""
    lifecycle = point.lifecycle
    creator = point.created_by
    detail = _given(
        backupVaultName=vault_arn.rpartition(":")[2],
        backupVaultArn=vault_arn,
        creationDate=_moment(point.created_at),
        completionDate=_moment(point.completed_at),
        iamRoleArn=point.role_arn,
        resourceType=point.resource_type,
        resourceArn=point.resource_arn,
        status=status,
        isEncrypted="true",
        storageClass=str(point.storage_class),
        createdBy=None
        if creator is None
        else {
            "backupPlanId": creator.plan_id,
            "backupPlanArn": creator.plan_arn,
            "backupPlanVersion": creator.plan_version,
            "backupPlanRuleId": creator.rule_id,
        },
        lifecycle=None
        if lifecycle is None
        else _given(
            deleteAfterDays=lifecycle.delete_after_days,
            moveToColdStorageAfterDays=lifecycle.move_to_cold_storage_after_days,
        ),
        calculatedLifeCycle=_given(
            deleteAt=_moment(point.delete_at), moveToColdStorageAt=_moment(point.move_at)
        )
        or None,
    )
    return Event(point.account_id, point.site, "Recovery Point State Change", at, detail, (point.arn,))


def of_vault(vault: Vault, state: str, *, at: datetime) -> Event:
    """state: CREATED, MODIFIED or DELETED."""
    detail = {
        "backupVaultName": vault.name,
        "state": state,
        "isLocked": "true" if vault.is_locked else "false",
    }
    return Event(vault.account_id, vault.site, "Backup Vault State Change", at, detail, (vault.arn,))


def of_plan(plan: PlanVersion, state: str, *, at: datetime) -> Event:
    """state: CREATED, MODIFIED or DELETED."""
    moment = {"CREATED": "creationDate", "MODIFIED": "modifiedAt", "DELETED": "deletionDate"}[state]
    detail = {
        "backupPlanId": plan.id,
        "versionId": plan.version_id,
        moment: _moment(at),
        "state": state,
    }
    return Event(plan.account_id, plan.site, "Backup Plan State Change", at, detail, (plan.arn,))


def of_index(index: PointIndex, point_arn: str, vault_arn: str) -> Event | None:
    """The search index has come into the state that it is in; None for states on the way."""
    told = {IndexStatus.ACTIVE: "ACTIVE", IndexStatus.FAILED: "FAILED", None: "DELETED"}
    if index.status not in told:
        return None
    detail = _given(
        recoveryPointArn=point_arn,
        accountId=index.account_id,
        indexStatus=told[index.status],
        iamRoleArn=index.role_arn,
        resourceType=index.resource_type,
        backupVaultArn=vault_arn,
        indexCreationTime=_moment(index.created_at),
        indexCompletionTime=_moment(index.completed_at),
        indexDeletionTime=_moment(index.deleted_at) if index.status is None else None,
        isIndexingContinuous=False,
        sourceResourceArn=index.resource_arn,
        backupCreationTime=_moment(index.point_created_at),
        indexStatusMessage=index.status_message,
    )
    ended_at = index.deleted_at if index.status is None else index.completed_at
    kind = "Recovery Point Index State Change"
    return Event(index.account_id, index.site, kind, ended_at or index.created_at, detail, (point_arn,))


def of_settings(account_id: str, site: str, opt_ins: Mapping[str, bool], *, at: datetime) -> Event:
    """A site's settings have changed, and are so now."""
    preference = {name: opt_ins[name] for name in sorted(opt_ins)}
    detail = {"modifiedAt": _moment(at), "ResourceTypeOptInPreference": preference, "state": "MODIFIED"}
    return Event(account_id, site, "Region Setting State Change", at, detail)


def _of_backup(job: Job) -> Event:
    detail: dict[str, Any] = {
        "backupJobId": job.id,
        "state": job.state,
        "creationDate": _moment(job.created_at),
    }
    has_point = job.state in ("COMPLETED", "PARTIAL") and job.recovery_point_arn is not None
    if job.state != "CREATED":
        detail |= _given(
            backupVaultArn=job.vault_arn,
            backupVaultName=job.vault_name,
            bytesTransferred=_text(job.bytes_done),
            backupSizeInBytes=_text(job.size_bytes),
            iamRoleArn=job.role_arn,
            resourceArn=job.resource_arn,
            resourceType=job.resource_type,
            statusMessage=_quoted(job.status_message),
            startBy=_moment(job.start_by),
            percentDone=job.percent_done or 0.0,
            retryCount=max(job.attempt - 1, 0),
            completionDate=_moment(job.completed_at),
            expectedCompletionDate=_for_people(job.expected_completion_at),
            createdBy=_created_by(job),
        )
    resources = (str(job.recovery_point_arn),) if has_point else ()
    return _job_event(job, "Backup Job State Change", detail, resources)


def _of_restore(job: Job) -> Event:
    word = "state" if job.state == "CREATED" else "status"
    request, result = job.request, job.result or {}
    detail = _given(
        restoreJobId=job.id,
        creationDate=_moment(job.created_at),
        percentDone=job.percent_done or 0.0,
        backupSizeInBytes=_text(job.size_bytes),
        resourceType=job.resource_type,
        iamRoleArn=job.role_arn,
        statusMessage=job.status_message,
        restoreTestingPlanArn=request.get("restore_testing_plan_arn"),
    )
    detail[word] = job.state
    if job.completed_at is not None:
        detail |= _given(completionDate=_moment(job.completed_at))
    if job.state == "COMPLETED":
        detail |= _given(
            backupVaultArn=job.vault_arn,
            recoveryPointArn=job.recovery_point_arn,
            sourceResourceArn=job.resource_arn,
            createdResourceArn=result.get("created_resource_arn"),
        )
    resources = (str(job.recovery_point_arn),) if job.recovery_point_arn else ()
    return _job_event(job, "Restore Job State Change", detail, resources)


def _of_copy(job: Job) -> Event:
    request = job.request
    is_done = job.state in ("COMPLETED", "PARTIAL")
    destination = request.get("destination_point_arn")
    detail = _given(
        state=job.state,
        creationDate=_moment(job.created_at),
        iamRoleArn=job.role_arn,
        resourceArn=job.resource_arn,
        resourceType=job.resource_type,
        sourceBackupVaultArn=request.get("source_vault_arn"),
        destinationBackupVaultArn=job.vault_arn,
        destinationRecoveryPointArn=destination if is_done and destination else {},
        backupSizeInBytes=job.size_bytes,
        statusMessage=job.status_message,
        completionDate=_moment(job.completed_at),
        createdBy=_created_by(job),
    )
    if job.state != "CREATED":
        detail["copyJobId"] = job.id
    resources = (str(job.recovery_point_arn),) if job.recovery_point_arn else ()
    return _job_event(job, "Copy Job State Change", detail, resources)


def _of_scan(job: Job) -> Event:
    request, result = job.request, job.result or {}
    verdict = result.get("scan_result_status")
    detail = _given(
        accountId=job.account_id,
        scanJobId=job.id,
        state=shown_state(job.state),
        scanResult=None if verdict is None else {"scanResultStatus": verdict},
        malwareScanner=SCANNER,
        recoveryPointArn=job.recovery_point_arn,
        scanBaseRecoveryPointArn=result.get("base_point_arn") or request.get("base_point_arn"),
        resourceArn=job.resource_arn,
        resourceType=job.resource_type,
        iamRoleArn=job.role_arn,
        scannerRoleArn=request.get("scanner_role_arn"),
        createdBy=_scan_created_by(job),
        statusMessage=job.status_message,
    )
    return _job_event(job, "Scan Job State Change", detail, (str(job.recovery_point_arn),))


def _scan_created_by(job: Job) -> dict[str, Any] | None:
    """Here, and nowhere else, the rule's id is called as in the API."""
    creator = _created_by(job)
    if creator is not None:
        creator["backupRuleId"] = creator.pop("backupPlanRuleId")
    return creator


def _job_event(job: Job, detail_type: str, detail: Mapping[str, Any], resources: tuple[str, ...]) -> Event:
    return Event(job.account_id, job.site, detail_type, _since(job), detail, resources)


def _since(job: Job) -> datetime:
    """When the job came into its state, as its row tells."""
    if job.completed_at is not None:
        return job.completed_at
    if job.state == "ABORTING" and job.abort_requested_at is not None:
        return job.abort_requested_at
    return job.started_at or job.created_at


def _created_by(job: Job) -> dict[str, Any] | None:
    creator = job.request.get("created_by")
    if not isinstance(creator, Mapping):
        return None
    return {
        "backupPlanId": creator.get("plan_id"),
        "backupPlanArn": creator.get("plan_arn"),
        "backupPlanVersion": creator.get("plan_version"),
        "backupPlanRuleId": creator.get("rule_id"),
    }


def _moment(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def _for_people(at: datetime | None) -> str | None:
    """`Jul 15, 2020 9:39:07 PM`: the one time in an event that is written so."""
    if at is None:
        return None
    utc = at.astimezone(UTC)
    return (
        f"{utc:%b} {utc.day}, {utc.year} {utc.hour % 12 or 12}:{utc:%M:%S} {'AM' if utc.hour < 12 else 'PM'}"
    )


def _text(size: int | None) -> str | None:
    return None if size is None else str(size)


def _quoted(message: str | None) -> str | None:
    return None if message is None else f'"{message}"'


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
