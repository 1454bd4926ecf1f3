"""Operations on restore jobs. They write down what shall happen; workers make it happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.job_lists import page_of_jobs, percent
from safehold.api.once import once
from safehold.api.operations.restore_validation import test_members
from safehold.api.pass_role import check_passable
from safehold.core.errors import (
    InvalidParameterValue,
    InvalidRequest,
    MissingParameterValue,
    ResourceNotFound,
)
from safehold.core.ids import new_upper_id
from safehold.domain.jobs import Job, JobKind
from safehold.domain.limits import AwsLimits
from safehold.domain.recovery_points import PointStatus, RecoveryPoint
from safehold.domain.restore_requests import (
    STRICT_MAX_ITEMS,
    RestoreJobRequest,
    check_metadata,
    items_of,
)
from safehold.records import jobs, recovery_points, resources, vaults
from safehold.records.jobs import JobFilter

RESTORABLE = frozenset({PointStatus.COMPLETED, PointStatus.AVAILABLE, PointStatus.PARTIAL})


@operation("StartRestoreJob")
def start_restore_job(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """A job stands in the outbox; the same token again answers the first job and makes none.

    Source: model 2018-11-15 `StartRestoreJob`; docs/parity/restores.md, "start".
    """
    return once(call, req, lambda: {"RestoreJobId": _start(call, req)})


@operation("DescribeRestoreJob")
def describe_restore_job(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """One job, however old. Source: model 2018-11-15 `DescribeRestoreJob`."""
    return _shown(_get(call, req["RestoreJobId"]))


@operation("GetRestoreJobMetadata")
def get_restore_job_metadata(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metadata as the job was started with it. Source: model 2018-11-15 `GetRestoreJobMetadata`."""
    job = _get(call, req["RestoreJobId"])
    return {"RestoreJobId": job.id, "Metadata": RestoreJobRequest.from_json(job.request).metadata}


@operation("ListRestoreJobs")
def list_restore_jobs(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Jobs of the last thirty days that match all filters, newest first.

    Source: model 2018-11-15 `ListRestoreJobs`; docs/parity/restores.md, "list".
    """
    return _page(call, req, JobFilter(restore_testing_plan_arn=req.get("ByRestoreTestingPlanArn")))


@operation("ListRestoreJobsByProtectedResource")
def list_restore_jobs_by_protected_resource(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Jobs of the last thirty days that restored points of that resource, newest first.

    Source: model 2018-11-15 `ListRestoreJobsByProtectedResource`; docs/parity/restores.md, "list".
    """
    arn = req["ResourceArn"]
    _check_known(call, arn)
    after, before = (req.get(f"ByRecoveryPointCreationDate{bound}") for bound in ("After", "Before"))
    wanted = JobFilter(
        resource_arn=arn,
        point_created_since=None if after is None else moment(after),
        point_created_until=None if before is None else moment(before),
    )
    return _page(call, req, wanted)


def moment(at: datetime) -> str:
    """A time as text that sorts as time does."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _get(call: Call, job_id: str) -> Job:
    return jobs.get(call.tx, job_id, kind=JobKind.RESTORE, account_id=call.account_id, site=call.site)


def _start(call: Call, req: Mapping[str, Any]) -> str:
    """A new job in the outbox; returns its id."""
    job = _wanted(call, req)
    jobs.insert_job(call.tx, job)
    return job.id


def _wanted(call: Call, req: Mapping[str, Any]) -> Job:
    """The job row that is asked for. Raises what AWS answers to a request that cannot be met."""
    metadata = dict(req["Metadata"])
    check_metadata(metadata)
    is_strict = call.config.aws_limits == AwsLimits.STRICT
    items = items_of(metadata, max_items=STRICT_MAX_ITEMS if is_strict else None)
    point = _point(call, req)
    request = RestoreJobRequest(
        metadata=metadata,
        items=items,
        recovery_point_id=point.id,
        recovery_point_created_at=moment(point.created_at),
        copy_source_tags=bool(req.get("CopySourceTagsToRestoredResource")),
    )
    return _job(call, point, request, role_arn=_role(call, req))


def _role(call: Call, req: Mapping[str, Any]) -> str:
    arn = req.get("IamRoleArn")
    if not arn:
        raise MissingParameterValue("IamRoleArn is required: a restore job runs as that role")
    check_passable(call, arn)
    return str(arn)


def _point(call: Call, req: Mapping[str, Any]) -> RecoveryPoint:
    arn = req["RecoveryPointArn"]
    point = recovery_points.find_by_arn(call.tx, arn, account_id=call.account_id)
    if point is None or point.site != call.site:
        raise ResourceNotFound("Cannot find recovery point.", context=arn)
    if point.status not in RESTORABLE:
        raise InvalidRequest(f"Recovery point {arn} cannot be restored: its status is {point.status}")
    asked = req.get("ResourceType")
    if asked is not None and asked != point.resource_type:
        raise InvalidParameterValue(f"Recovery point {arn} is of type {point.resource_type}, not {asked}")
    return point


def _job(call: Call, point: RecoveryPoint, request: RestoreJobRequest, *, role_arn: str) -> Job:
    vault = vaults.find_by_id(call.tx, point.vault_id)
    return Job(
        id=new_upper_id(),
        kind=JobKind.RESTORE,
        account_id=call.account_id,
        site=call.site,
        state="PENDING",
        resource_arn=point.resource_arn,
        resource_type=point.resource_type,
        resource_name=point.resource_name,
        created_at=call.now,
        request=request.to_json(),
        vault_name=None if vault is None else vault.name,
        vault_arn=None if vault is None else vault.arn,
        role_arn=role_arn,
        recovery_point_arn=point.arn,
        size_bytes=point.size_bytes,
    )


def _check_known(call: Call, arn: str) -> None:
    """Raise ResourceNotFound for a resource of which nothing is known here."""
    if resources.find(call.tx, arn) is None and not jobs.page(call.tx, JobFilter(resource_arn=arn), limit=1):
        raise ResourceNotFound(f"Cannot find resource {arn}.")


def _page(call: Call, req: Mapping[str, Any], wanted: JobFilter) -> Mapping[str, Any]:
    listed = replace(wanted, kind=JobKind.RESTORE, state=req.get("ByStatus"))
    found, token = page_of_jobs(call, req, listed)
    return {"RestoreJobs": [_shown(job) for job in found], "NextToken": token}


def _shown(job: Job) -> dict[str, Any]:
    """A job's members, those without a value left out."""
    request = RestoreJobRequest.from_json(job.request)
    members = {
        "AccountId": job.account_id,
        "RestoreJobId": job.id,
        "RecoveryPointArn": job.recovery_point_arn,
        "RecoveryPointCreationDate": datetime.fromisoformat(request.recovery_point_created_at),
        "SourceResourceArn": job.resource_arn,
        "BackupVaultArn": job.vault_arn,
        "ResourceType": job.resource_type,
        "IamRoleArn": job.role_arn,
        "CreationDate": job.created_at,
        "CompletionDate": job.completed_at,
        "Status": job.state,
        "StatusMessage": job.status_message,
        "PercentDone": percent(job),
        "BackupSizeInBytes": job.size_bytes,
        "ExpectedCompletionTimeMinutes": _expected_minutes(job),
        "CreatedResourceArn": (job.result or {}).get("created_resource_arn"),
        "IsParent": False,
        "ParentJobId": job.parent_job_id,
        **test_members(job, request),
    }
    return {name: value for name, value in members.items() if value is not None}


def _expected_minutes(job: Job) -> int | None:
    """From the start to the expected end, in whole minutes, rounded up."""
    if job.expected_completion_at is None:
        return None
    seconds = (job.expected_completion_at - (job.started_at or job.created_at)).total_seconds()
    return max(0, -int(-seconds // 60))
