"""What listing jobs of any kind has in common: thirty days, an account, times, states; newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from safehold.api.call import Call
from safehold.api.pages import Moment, page_by_time
from safehold.domain.jobs import Job
from safehold.records import jobs
from safehold.records.jobs import JobFilter

LISTED_DAYS = 30  # Source: model 2018-11-15 `ListBackupJobs`: "for the last 30 days"


def page_of_jobs(call: Call, req: Mapping[str, Any], wanted: JobFilter) -> tuple[Sequence[Job], str | None]:
    """One page of the account's jobs that are wanted, newest first, and the token of the next page."""
    if req.get("ByAccountId", "*") not in ("*", call.account_id):
        return [], None
    return _page(call, req, _common(call, req, wanted))


def newest_jobs(
    call: Call, req: Mapping[str, Any], wanted: JobFilter, *, since: datetime
) -> tuple[Sequence[Job], str | None]:
    """The same for jobs that are listed by what `wanted` says alone, and created since then."""
    mine = replace(wanted, account_id=call.account_id, site=call.site, created_since=since)
    return _page(call, req, mine)


def _page(call: Call, req: Mapping[str, Any], listed: JobFilter) -> tuple[Sequence[Job], str | None]:
    def fetch(after: Moment | None, limit: int) -> list[Job]:
        return jobs.page(call.tx, listed, after=after, limit=limit)

    return page_by_time(call, req, fetch, moment=lambda job: (job.created_at, job.id))


def percent(job: Job) -> str:
    """`PercentDone` is text on the wire. Source: model 2018-11-15; 100.0 for what is done."""
    done = 100.0 if job.state == "COMPLETED" else job.percent_done or 0.0
    return f"{done:.1f}"


def _common(call: Call, req: Mapping[str, Any], wanted: JobFilter) -> JobFilter:
    oldest = call.now - timedelta(days=LISTED_DAYS) + timedelta.resolution  # what is that old is too old
    return replace(
        wanted,
        account_id=call.account_id,
        site=call.site,
        resource_type=req.get("ByResourceType"),
        parent_job_id=req.get("ByParentJobId"),
        created_since=max(oldest, req.get("ByCreatedAfter", oldest)),
        created_until=req.get("ByCreatedBefore"),
        completed_since=req.get("ByCompleteAfter"),
        completed_until=req.get("ByCompleteBefore"),
    )
