"""Operations on search jobs. Workers look; what they found is read here, item by item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.job_lists import newest_jobs
from safehold.api.once import once
from safehold.api.pages import Position, page
from safehold.api.search_documents import (
    again,
    kept,
    read_files,
    read_objects,
    read_scope,
    shown_file,
    shown_object,
)
from safehold.core.errors import Conflict, LimitExceeded, ResourceNotFound
from safehold.core.ids import new_id
from safehold.domain import tags as tag_rules
from safehold.domain.item_rows import BUCKET_TYPE
from safehold.domain.items import ItemRow
from safehold.domain.job_states import JobEvent, follow
from safehold.domain.jobs import Job, JobKind
from safehold.domain.limits import AwsLimits
from safehold.domain.searches import (
    JOB_TYPE,
    KEPT,
    STRICT_MAX_RUNNING,
    SearchRequest,
    check_filters,
    check_scope,
    search_job,
    shown_state,
    states_of,
)
from safehold.records import claims, jobs, searches, tags
from safehold.records.jobs import JobFilter
from safehold.records.searches import SearchedPoint

SERVICE = "backupsearch"
RESULTS_READ = 50  # rows of what was found, some hundred items each, read at most for a page
Item = tuple[int, int, SearchedPoint, ItemRow]  # its row's number, its place in that row


@operation("StartSearchJob", service=SERVICE)
def start_search_job(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """A search stands in the outbox; the same token again answers the first one and makes none.

    Source: model backupsearch 2018-05-10 `StartSearchJob`; docs/parity/search.md.
    """
    answer = once(call, req, lambda: {"id": _start(call, req)}, token_member="ClientToken")
    return _started(get_search(call, answer["id"]))


@operation("GetSearchJob", service=SERVICE)
def get_search_job(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """One search, and how far it is. Source: model backupsearch 2018-05-10 `GetSearchJob`."""
    job = get_search(call, req["SearchJobIdentifier"])
    request = SearchRequest.from_json(job.request)
    progress = searches.find_progress(call.tx, job.id)
    return {
        **_shown(call, job),
        "EncryptionKeyArn": request.encryption_key_arn,
        "SearchScope": again(request.shown["scope"]),
        "ItemFilters": again(request.shown["filters"]),
        "CurrentSearchProgress": {
            "RecoveryPointsScannedCount": progress.points_done,
            "ItemsScannedCount": progress.items_done,
            "ItemsMatchedCount": progress.items_found,
        },
    }


@operation("ListSearchJobs", service=SERVICE)
def list_search_jobs(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Searches of the last seven days, newest first. Source: model backupsearch 2018-05-10."""
    status = req.get("ByStatus")
    wanted = JobFilter(kind=JobKind.SEARCH, states=None if status is None else states_of(status))
    found, token = newest_jobs(call, req, wanted, since=call.now - KEPT)
    return {"SearchJobs": [_shown(call, job) for job in found], "NextToken": token}


@operation("StopSearchJob", service=SERVICE)
def stop_search_job(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The search is told to stop; what it had found until then is kept. Raises Conflict."""
    # RACE: it may begin or end meanwhile; whoever changes it waits, so that its state here is the true one.
    job = claims.find_locked(call.tx, get_search(call, req["SearchJobIdentifier"]).id)
    state = None if job is None else follow(job.kind, job.state, JobEvent.REQUEST_ABORT)
    if job is None or state is None or shown_state(job.state) != "RUNNING":
        raise Conflict("Only a search job that is running can be stopped", context=req["SearchJobIdentifier"])
    jobs.update_in_state(call.tx, job.id, [job.state], state=state, abort_requested_at=call.now)
    return {}


@operation("ListSearchJobBackups", service=SERVICE)
def list_search_job_backups(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The points that the search looks through, and why some it could not."""
    job = get_search(call, req["SearchJobIdentifier"])

    def fetch(after: Position | None, limit: int) -> list[SearchedPoint]:
        return searches.points_page(
            call.tx, job.id, after=None if after is None else _int(after[0]), limit=limit
        )

    found, token = page(call, req, fetch, position=lambda point: (point.number,))
    return {"Results": [_shown_point(point) for point in found], "NextToken": token}


@operation("ListSearchJobResults", service=SERVICE)
def list_search_job_results(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The items that were found so far, in the order of ListSearchJobBackups.

    Source: model backupsearch 2018-05-10 `ListSearchJobResults`.
    """
    job = get_search(call, req["SearchJobIdentifier"])

    def fetch(after: Position | None, limit: int) -> list[Item]:
        return _items(call, job, after, limit)

    found, token = page(call, req, fetch, position=lambda item: (item[0], item[1]))
    return {"Results": [_shown_item(point, row) for _, _, point, row in found], "NextToken": token}


def get_search(call: Call, job_id: str) -> Job:
    """The search, for as long as it is kept. Raises ResourceNotFound."""
    job = jobs.get(call.tx, job_id, kind=JobKind.SEARCH, account_id=call.account_id, site=call.site)
    if job.created_at < call.now - KEPT:
        raise ResourceNotFound(f"Cannot find search job {job_id}.", context=job_id)
    return job


def search_arn(call: Call, kind: str, job_id: str) -> str:
    return f"arn:{call.config.partition}:backup-search:{call.site}:{call.account_id}:{kind}/{job_id}"


def _start(call: Call, req: Mapping[str, Any]) -> str:
    """A new job in the outbox; returns its id."""
    job = _wanted(call, req)
    jobs.insert_job(call.tx, job)
    tags.put(call.tx, job.resource_arn, req.get("Tags") or {})
    return job.id


def _wanted(call: Call, req: Mapping[str, Any]) -> Job:
    limits = AwsLimits(call.config.aws_limits)
    scope, filters = read_scope(req["SearchScope"]), req.get("ItemFilters") or {}
    check_scope(scope, limits)
    files, objects = filters.get("EBSItemFilters"), filters.get("S3ItemFilters")
    check_filters(scope, has_files=bool(files), has_objects=bool(objects))
    tag_rules.added({}, req.get("Tags") or {})
    if limits is AwsLimits.STRICT:
        _check_running(call)
    request = SearchRequest(
        scope=scope,
        name=req.get("Name"),
        encryption_key_arn=req.get("EncryptionKeyArn"),
        files=read_files(files).to_json() if files else None,
        objects=read_objects(objects).to_json() if objects else None,
        shown={"scope": kept(req["SearchScope"]), "filters": kept(filters)},
    )
    job_id = new_id()
    arn = search_arn(call, JOB_TYPE, job_id)
    return search_job(job_id, arn, request, account_id=call.account_id, site=call.site, now=call.now)


def _check_running(call: Call) -> None:
    mine = {"account_id": call.account_id, "site": call.site}
    states = [*states_of("RUNNING"), *states_of("STOPPING")]
    if searches.count_running(call.tx, states, kind=JobKind.SEARCH, **mine) >= STRICT_MAX_RUNNING:
        raise LimitExceeded(f"At most {STRICT_MAX_RUNNING} searches can run at a time")


def _items(call: Call, job: Job, after: Position | None, limit: int) -> list[Item]:
    """Items behind that one, at most `limit`."""
    number, place = (0, -1) if after is None else (_int(after[0]), _int(after[1]))
    items: list[Item] = []
    while call.config.results is not None and len(items) < limit:
        found = searches.found_from(call.tx, job.id, number, call.config.results, limit=RESULTS_READ)
        if not found:
            break
        points = searches.points_by_number(call.tx, job.id, {each.backup_number for each in found})
        for each in found:
            rows = enumerate(each.rows)
            point = points[each.backup_number]
            items += [(each.number, i, point, row) for i, row in rows if each.number > number or i > place]
            if len(items) >= limit:
                break
        number, place = found[-1].number + 1, -1
    return items[:limit]


def _started(job: Job) -> Mapping[str, Any]:
    return {
        "SearchJobArn": job.resource_arn,
        "CreationTime": job.created_at,
        "SearchJobIdentifier": job.id,
    }


def _shown(call: Call, job: Job) -> dict[str, Any]:
    progress = searches.find_progress(call.tx, job.id)
    return {
        "SearchJobIdentifier": job.id,
        "SearchJobArn": job.resource_arn,
        "Name": job.request.get("name"),
        "Status": shown_state(job.state),
        "StatusMessage": job.status_message,
        "CreationTime": job.created_at,
        "CompletionTime": job.completed_at,
        "SearchScopeSummary": {
            "TotalRecoveryPointsToScanCount": progress.points_total,
            "TotalItemsToScanCount": progress.items_total,
        },
    }


def _shown_point(point: SearchedPoint) -> dict[str, Any]:
    return {
        "Status": point.status,
        "StatusMessage": point.status_message,
        "ResourceType": point.resource_type,
        "BackupResourceArn": point.point_arn,
        "SourceResourceArn": point.resource_arn,
        "IndexCreationTime": point.index_created_at,
        "BackupCreationTime": point.point_created_at,
    }


def _shown_item(point: SearchedPoint, row: ItemRow) -> dict[str, Any]:
    return (shown_object if point.resource_type == BUCKET_TYPE else shown_file)(point, row)


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
