"""Operations on exports of what searches found. Workers write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.job_lists import newest_jobs
from safehold.api.once import once
from safehold.api.operations.searches import SERVICE, get_search, search_arn
from safehold.api.pass_role import check_passable
from safehold.core.errors import InvalidParameterValue
from safehold.core.ids import new_id
from safehold.domain import tags as tag_rules
from safehold.domain.job_states import has_ended
from safehold.domain.jobs import Job, JobKind
from safehold.domain.searches import (
    EXPORT_TYPE,
    JOB_TYPE,
    KEPT,
    ExportRequest,
    export_job,
    export_states_of,
    shown_export_state,
)
from safehold.records import jobs, tags
from safehold.records.jobs import JobFilter


@operation("StartSearchResultExportJob", service=SERVICE)
def start_search_result_export_job(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """An export stands in the outbox; the same token again answers the first one and makes none.

    Source: model backupsearch 2018-05-10 `StartSearchResultExportJob`; docs/parity/search.md.
    """
    answer = once(call, req, lambda: {"id": _start(call, req)}, token_member="ClientToken")
    return _started(get_export(call, answer["id"]))


@operation("GetSearchResultExportJob", service=SERVICE)
def get_search_result_export_job(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """One export. Source: model backupsearch 2018-05-10 `GetSearchResultExportJob`."""
    job = get_export(call, req["ExportJobIdentifier"])
    request = ExportRequest.from_json(job.request)
    where = {"DestinationBucket": request.bucket, "DestinationPrefix": request.prefix}
    return {**_shown(call, job), "ExportSpecification": {"s3ExportSpecification": where}}


@operation("ListSearchResultExportJobs", service=SERVICE)
def list_search_result_export_jobs(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Exports of all searches or of one, newest first. Source: model backupsearch 2018-05-10."""
    status, search = req.get("Status"), req.get("SearchJobIdentifier")
    wanted = JobFilter(
        kind=JobKind.EXPORT,
        states=None if status is None else export_states_of(status),
        parent_job_id=None if search is None else get_search(call, search).id,
    )
    found, token = newest_jobs(call, req, wanted, since=call.now - KEPT)
    return {"ExportJobs": [_shown(call, job) for job in found], "NextToken": token}


def get_export(call: Call, job_id: str) -> Job:
    """Raises ResourceNotFound."""
    return jobs.get(call.tx, job_id, kind=JobKind.EXPORT, account_id=call.account_id, site=call.site)


def _start(call: Call, req: Mapping[str, Any]) -> str:
    """A new job in the outbox; returns its id."""
    job = _wanted(call, req)
    jobs.insert_job(call.tx, job)
    tags.put(call.tx, job.resource_arn, req.get("Tags") or {})
    return job.id


def _wanted(call: Call, req: Mapping[str, Any]) -> Job:
    search = get_search(call, req["SearchJobIdentifier"])
    if not has_ended(search.state):
        raise InvalidParameterValue("Results can be exported once the search job has ended")
    where = req["ExportSpecification"].get("s3ExportSpecification")
    if not where:
        raise InvalidParameterValue("ExportSpecification must have an s3ExportSpecification")
    role_arn = req.get("RoleArn")
    if role_arn is not None:
        check_passable(call, role_arn)
    tag_rules.added({}, req.get("Tags") or {})
    prefix = (where.get("DestinationPrefix") or "").strip("/") or None
    request = ExportRequest(search_job_id=search.id, bucket=where["DestinationBucket"], prefix=prefix)
    job_id = new_id()
    return export_job(job_id, search_arn(call, EXPORT_TYPE, job_id), request, search, now=call.now)


def _started(job: Job) -> Mapping[str, Any]:
    return {"ExportJobArn": job.resource_arn, "ExportJobIdentifier": job.id}


def _shown(call: Call, job: Job) -> dict[str, Any]:
    return {
        "ExportJobIdentifier": job.id,
        "ExportJobArn": job.resource_arn,
        "Status": shown_export_state(job.state),
        "StatusMessage": job.status_message,
        "CreationTime": job.created_at,
        "CompletionTime": job.completed_at,
        "SearchJobArn": search_arn(call, JOB_TYPE, str(job.parent_job_id)),
    }
