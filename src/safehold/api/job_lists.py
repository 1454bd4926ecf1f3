"""What listing jobs of any kind has in common: thirty days, an account, times, states; newest first."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement

from safehold.api.call import Call
from safehold.api.pages import Position, page
from safehold.domain.jobs import Job, JobKind
from safehold.records import jobs

LISTED_DAYS = 30  # Source: model 2018-11-15 `ListBackupJobs`: "for the last 30 days"

c = jobs.columns


def page_of_jobs(
    call: Call, req: Mapping[str, Any], *, kind: JobKind, where: Sequence[ColumnElement[bool]]
) -> tuple[Sequence[Job], str | None]:
    """One page of the account's jobs of that kind, newest first, and the token of the next page."""
    matching = [
        c.account_id == call.account_id,
        c.site == call.site,
        c.kind == kind,
        c.created_at > call.now - timedelta(days=LISTED_DAYS),
        *where,
        *_common(call, req),
    ]

    def fetch(after: Position | None, limit: int) -> list[Job]:
        return jobs.page(call.tx, matching, after=None if after is None else _key(after), limit=limit)

    return page(call, req, fetch, position=lambda job: (job.created_at, job.id))


def percent(job: Job) -> str:
    """`PercentDone` is text on the wire. Source: model 2018-11-15; 100.0 for what is done."""
    done = 100.0 if job.state == "COMPLETED" else job.percent_done or 0.0
    return f"{done:.1f}"


def _common(call: Call, req: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    bounds = {
        "ByCreatedBefore": (operator.le, c.created_at),
        "ByCreatedAfter": (operator.ge, c.created_at),
        "ByCompleteBefore": (operator.le, c.completed_at),
        "ByCompleteAfter": (operator.ge, c.completed_at),
        "ByResourceType": (operator.eq, c.resource_type),
        "ByParentJobId": (operator.eq, c.parent_job_id),
    }
    where: list[ColumnElement[bool]] = [
        compare(column, req[name]) for name, (compare, column) in bounds.items() if req.get(name) is not None
    ]
    if req.get("ByAccountId", "*") not in ("*", call.account_id):
        where.append(c.account_id == req["ByAccountId"])  # with the account of the call: nothing
    return where


def _key(after: Position) -> tuple[datetime, str]:
    created_at, job_id = after
    assert isinstance(created_at, datetime)
    assert isinstance(job_id, str)
    return created_at, job_id
