"""What somebody found who looked at what a restore test made, and what a restore job shows of its test.

`Job.result` keeps it: `{"validation": {"status", "message"}, "deletion": {"status", "message"}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api.call import Call, operation
from safehold.core.errors import InvalidParameterValue, InvalidRequest, ResourceNotFound
from safehold.domain.job_states import JobState
from safehold.domain.jobs import Job, JobKind
from safehold.domain.restore_requests import RestoreJobRequest
from safehold.domain.restore_testing import BY_CALLERS, ValidationStatus
from safehold.records import claims, jobs

MAX_MESSAGE_CHARS = 1024


@operation("PutRestoreValidationResult")
def put_restore_validation_result(call: Call, req: Mapping[str, Any]) -> None:
    """The test's result is this one, for good.

    Source: model 2018-11-15 `PutRestoreValidationResult`; docs/parity/restore-testing.md, "validation".
    """
    status, message = ValidationStatus(req["ValidationStatus"]), req.get("ValidationStatusMessage")
    if status not in BY_CALLERS:
        raise InvalidParameterValue(f"ValidationStatus must be one of {', '.join(BY_CALLERS)}, not {status}")
    if message is not None and len(message) > MAX_MESSAGE_CHARS:
        raise InvalidParameterValue(f"ValidationStatusMessage has more than {MAX_MESSAGE_CHARS} characters")
    job = _locked(call, req["RestoreJobId"])
    _check_open(job)
    result = {**(job.result or {}), "validation": {"status": status, "message": message}}
    jobs.update_in_state(call.tx, job.id, [job.state], result=result)


def test_members(job: Job, request: RestoreJobRequest) -> dict[str, Any]:
    """The members of a restore job that only a test has."""
    if request.restore_testing_plan_arn is None:
        return {}
    validation, deletion = ((job.result or {}).get(part) or {} for part in ("validation", "deletion"))
    return {
        "CreatedBy": {"RestoreTestingPlanArn": request.restore_testing_plan_arn},
        "ValidationStatus": validation.get("status"),
        "ValidationStatusMessage": validation.get("message"),
        "DeletionStatus": deletion.get("status"),
        "DeletionStatusMessage": deletion.get("message"),
    }


def _locked(call: Call, job_id: str) -> Job:
    """The job; nobody else changes it until this request is done. Raises ResourceNotFound."""
    found = jobs.get(call.tx, job_id, kind=JobKind.RESTORE, account_id=call.account_id, site=call.site)
    job = claims.find_locked(call.tx, found.id)
    if job is None:
        raise ResourceNotFound(f"Cannot find job {job_id}.")
    return job


def _check_open(job: Job) -> None:
    """Raise InvalidRequest unless a result can still be given."""
    if RestoreJobRequest.from_json(job.request).restore_testing_plan_arn is None:
        raise InvalidRequest(f"Restore job {job.id} is not part of a restore test")
    if job.state != JobState.COMPLETED:
        raise InvalidRequest(f"Restore job {job.id} cannot be validated: its status is {job.state}")
    status = ((job.result or {}).get("validation") or {}).get("status")
    if status not in (None, ValidationStatus.VALIDATING):
        raise InvalidRequest(f"Restore job {job.id} has its validation result already: {status}")
