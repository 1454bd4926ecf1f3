"""Operations on scan jobs. Workers scan; what they find is on the point, and in the job's message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api import existing
from safehold.api.call import Call, operation
from safehold.api.job_lists import page_of_jobs
from safehold.api.once import once
from safehold.api.pass_role import check_passable
from safehold.core.errors import InvalidParameterValue, ResourceNotFound
from safehold.core.ids import new_upper_id
from safehold.domain.backup_requests import CreatedBy
from safehold.domain.jobs import Job, JobKind
from safehold.domain.limits import AwsLimits
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.scans import (
    SCANNER,
    ScanMode,
    ScanRequest,
    ScanResult,
    check_base,
    check_scannable,
    scan_job,
    shown_state,
    states_of,
)
from safehold.domain.vaults import Vault
from safehold.records import jobs, recovery_points, roles
from safehold.records.jobs import JobFilter

NOT_CONTINUOUS = "The recovery point is not a continuous backup"


@operation("StartScanJob")
def start_scan_job(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """A scan stands in the outbox; the same token again answers the first one and makes none.

    Source: model 2018-11-15 `StartScanJob`; docs/parity/scans.md.
    """
    answer = once(call, req, lambda: {"id": _start(call, req)})
    return _started(_get(call, answer["id"]))


@operation("DescribeScanJob")
def describe_scan_job(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """One scan. Source: model 2018-11-15 `DescribeScanJob`."""
    return _shown(_get(call, req["ScanJobId"]))


@operation("ListScanJobs")
def list_scan_jobs(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Scans of the last thirty days that match all filters, newest first.

    Source: model 2018-11-15 `ListScanJobs`.
    """
    state = req.get("ByState")
    wanted = JobFilter(
        kind=JobKind.SCAN,
        states=None if state is None else states_of(state),
        vault_name=req.get("ByBackupVaultName"),
        resource_arn=req.get("ByResourceArn"),
        recovery_point_arn=req.get("ByRecoveryPointArn"),
        scan_result_status=req.get("ByScanResultStatus"),
    )
    found, token = page_of_jobs(call, req, wanted)
    return {"ScanJobs": [_shown(job) for job in found], "NextToken": token}


@operation("GetPITRMalwareScanResults")
def get_pitr_malware_scan_results(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """No point here is a continuous backup, so that none has such results.

    Source: model 2018-11-15 `GetPITRMalwareScanResults`; docs/parity/scans.md.
    """
    vault = existing.vault(call, req)
    existing.point(call, vault, req)
    raise InvalidParameterValue(NOT_CONTINUOUS)


def _get(call: Call, job_id: str) -> Job:
    return jobs.get(call.tx, job_id, kind=JobKind.SCAN, account_id=call.account_id, site=call.site)


def _start(call: Call, req: Mapping[str, Any]) -> str:
    """A new job in the outbox; returns its id."""
    job = _wanted(call, req)
    jobs.insert_job(call.tx, job)
    return job.id


def _wanted(call: Call, req: Mapping[str, Any]) -> Job:
    vault = existing.vault(call, req)
    point = existing.point(call, vault, req)
    if req.get("ContinuousScanEndTime") is not None:
        raise InvalidParameterValue(NOT_CONTINUOUS)
    check_scannable(point, AwsLimits(call.config.aws_limits))
    check_passable(call, req["IamRoleArn"])
    _check_scanner_role(call, req["ScannerRoleArn"])
    mode = ScanMode(req["ScanMode"])
    base = _base(call, vault, point, req.get("ScanBaseRecoveryPointArn"), mode)
    request = ScanRequest(
        point_id=point.id,
        mode=mode,
        scanner_role_arn=req["ScannerRoleArn"],
        base_point_id=base.id if base else None,
        base_point_arn=base.arn if base else None,
    )
    role_arn = req["IamRoleArn"]
    return scan_job(new_upper_id(), point, vault, request, role_arn=role_arn, now=call.now)


def _check_scanner_role(call: Call, arn: str) -> None:
    """It is the scanner's, not AWS Backup's, to assume; it must be of the caller's account.

    Source: AWS Backup Developer Guide, "Malware protection", the scanner role.
    """
    role = roles.find(call.tx, arn)
    if role is None or role.account_id != call.account_id:
        raise InvalidParameterValue(f"IAM Role {arn} cannot be assumed by the malware scanner")


def _base(
    call: Call, vault: Vault, point: RecoveryPoint, arn: str | None, mode: ScanMode
) -> RecoveryPoint | None:
    if arn is None:
        return None
    if mode is ScanMode.FULL:
        raise InvalidParameterValue("ScanBaseRecoveryPointArn needs the scan mode INCREMENTAL_SCAN")
    base = recovery_points.find(call.tx, vault_id=vault.id, arn=arn)
    if base is None:
        raise ResourceNotFound("Cannot find the base recovery point.", context=arn)
    check_base(point, base)
    return base


def _started(job: Job) -> Mapping[str, Any]:
    return {"ScanJobId": job.id, "CreationDate": job.created_at}


def _shown(job: Job) -> dict[str, Any]:
    request, result = ScanRequest.from_json(job.request), job.result or {}
    state = shown_state(job.state)
    return {
        "AccountId": job.account_id,
        "ScanJobId": job.id,
        "State": state,
        "StatusMessage": job.status_message,
        "BackupVaultName": job.vault_name,
        "BackupVaultArn": job.vault_arn,
        "RecoveryPointArn": job.recovery_point_arn,
        "ResourceArn": job.resource_arn,
        "ResourceName": job.resource_name or "",
        "ResourceType": job.resource_type,
        "MalwareScanner": SCANNER,
        "ScanMode": request.mode,
        "ScanBaseRecoveryPointArn": result.get("base_point_arn") or request.base_point_arn,
        "IamRoleArn": job.role_arn or "",
        "ScannerRoleArn": request.scanner_role_arn or "",
        "CreatedBy": _creator(request.created_by),
        "CreationDate": job.created_at,
        "CompletionDate": job.completed_at,
        "ScanResult": _result(state, result),
    }


def _result(state: str, result: Mapping[str, Any]) -> dict[str, Any] | None:
    if state in ("CREATED", "RUNNING"):
        return None
    return {"ScanResultStatus": result.get("scan_result_status", ScanResult.UNKNOWN)}


def _creator(created_by: CreatedBy | None) -> dict[str, Any]:
    """The model wants all four; a scan that no plan started has them empty."""
    return {
        "BackupPlanId": created_by.plan_id if created_by else "",
        "BackupPlanArn": created_by.plan_arn if created_by else "",
        "BackupPlanVersion": created_by.plan_version if created_by else "",
        "BackupRuleId": created_by.rule_id if created_by else "",
    }
