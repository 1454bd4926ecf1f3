"""Jobs as rows: what the API shows, the outbox that workers take from, the fence against zombies."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, insert, or_, select, update

from safehold.core.errors import ResourceNotFound
from safehold.domain.job_states import ACTIVE
from safehold.domain.jobs import Job, JobKind
from safehold.records import dialect, events
from safehold.records.keyset import beyond
from safehold.records.tables import job as t
from safehold.records.tx import Tx

CHANNEL = "safehold_jobs"  # on which PostgreSQL tells workers of new jobs
_FIELDS = tuple(field.name for field in fields(Job))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs a listing is about; None asks nothing. Bounds of time are inclusive."""

    account_id: str | None = None
    site: str | None = None
    kind: JobKind | None = None
    state: str | None = None
    states: tuple[str, ...] | None = None  # one of them
    resource_arn: str | None = None
    resource_type: str | None = None
    vault_name: str | None = None
    parent_job_id: str | None = None
    vault_arn: str | None = None
    recovery_point_arn: str | None = None
    scan_result_status: str | None = None  # what a scan's result says
    message_category: str | None = None  # whatever its case: AWS's own pages differ in it
    created_since: datetime | None = None
    created_until: datetime | None = None
    completed_since: datetime | None = None
    completed_until: datetime | None = None
    # What a restore job's request says; times there are text that sorts as time does.
    restore_testing_plan_arn: str | None = None
    point_created_since: str | None = None
    point_created_until: str | None = None


def insert_job(tx: Tx, job: Job) -> None:
    """Store a new job."""
    tx.execute(insert(t).values(_values(job)))
    events.add_of_jobs(tx, [job])
    announce(tx)


def insert_if_new(tx: Tx, job: Job) -> bool:
    """Store a job that a plan started; False when that plan, rule, time and resource have one already."""
    is_new = dialect.insert_if_new(tx, t, _values(job))
    if is_new:
        events.add_of_jobs(tx, [job])
        announce(tx)
    return is_new


def insert_all_new(tx: Tx, wanted: Sequence[Job]) -> list[Job]:
    """Store jobs that a plan started; answers those that are new, as `insert_if_new` tells of one."""
    if not wanted:
        return []
    query = dialect.insert_into(tx, t).on_conflict_do_nothing().returning(t.c.id)
    new_ids = set(tx.execute(query, [_values(job) for job in wanted]).scalars())
    new = [job for job in wanted if job.id in new_ids]
    if new:
        events.add_of_jobs(tx, new)
        announce(tx)
    return new


def announce(tx: Tx) -> None:
    """Wake the workers when this transaction commits; on SQLite they look often enough by themselves."""
    if tx.dialect.name == "postgresql":
        tx.execute(select(func.pg_notify(CHANNEL, "")))


def find(tx: Tx, job_id: str) -> Job | None:
    row = tx.execute(select(t).where(t.c.id == job_id)).one_or_none()
    return None if row is None else from_row(row)


def get(tx: Tx, job_id: str, *, kind: JobKind, account_id: str, site: str) -> Job:
    """The job; raises ResourceNotFound when there is none of that kind in that account and site."""
    job = find(tx, job_id)
    if job is None or (job.kind, job.account_id, job.site) != (kind, account_id, site):
        raise ResourceNotFound(f"Cannot find job {job_id}.")
    return job


def page(
    tx: Tx,
    wanted: JobFilter,
    *,
    after: tuple[datetime, str] | None = None,
    limit: int,
) -> list[Job]:
    """The jobs that the filter wants, newest first, beyond the last page's end."""
    query = select(t).where(*_conditions(wanted)).order_by(t.c.created_at.desc(), t.c.id.desc())
    if after is not None:
        query = query.where(beyond((t.c.created_at, t.c.id), after, descending=True))
    return [from_row(row) for row in tx.execute(query.limit(limit))]


def waiting(tx: Tx, *, now: datetime, limit: int) -> list[Job]:
    """Jobs that no worker has handed to the engine yet, and parked ones that are due, oldest first."""
    is_due = or_(
        and_(t.c.resume_at.is_(None), t.c.state.in_(("CREATED", "PENDING"))),
        and_(t.c.resume_at <= now, t.c.state.in_(ACTIVE)),
    )
    query = select(t).where(t.c.handed_over_at.is_(None), is_due)
    return [from_row(row) for row in tx.execute(query.order_by(t.c.created_at, t.c.id).limit(limit))]


def mark_handed_over(tx: Tx, job: Job, *, now: datetime) -> None:
    """The engine has `job`, as it was read; one that was parked since has still to be handed over."""
    # RACE: a worker may have taken it, and parked it again, before we came to say so.
    seen = (t.c.id == job.id, t.c.parked_count == job.parked_count)
    tx.execute(update(t).where(*seen).values(handed_over_at=now))


def update_fenced(tx: Tx, job: Job, **values: Any) -> bool:
    """Change a job that this attempt owns; False when another attempt or worker has taken it over."""
    owned = (t.c.id == job.id, t.c.worker_id == job.worker_id, t.c.attempt == job.attempt)
    return tx.execute(update(t).where(*owned).values(**values)).rowcount == 1


def update_in_state(tx: Tx, job_id: str, states: Collection[str], **values: Any) -> bool:
    """Change a job only while it is in one of `states`; False when it is not (any more)."""
    query = update(t).where(t.c.id == job_id, t.c.state.in_(states)).values(**values)
    is_changed = tx.execute(query).rowcount == 1
    if is_changed and "state" in values and values["state"] not in states:
        tell(tx, job_id)
    return is_changed


def tell(tx: Tx, job_id: str) -> None:
    """The job has come into another state: that is an event."""
    job = find(tx, job_id)
    if job is not None:
        events.add_of_jobs(tx, [job])


_COMPARED: Mapping[str, tuple[ColumnElement[Any], Callable[[Any, Any], Any]]] = {
    "account_id": (t.c.account_id, operator.eq),
    "site": (t.c.site, operator.eq),
    "kind": (t.c.kind, operator.eq),
    "state": (t.c.state, operator.eq),
    "states": (t.c.state, lambda column, wanted: column.in_(wanted)),
    "resource_arn": (t.c.resource_arn, operator.eq),
    "resource_type": (t.c.resource_type, operator.eq),
    "vault_name": (t.c.vault_name, operator.eq),
    "vault_arn": (t.c.vault_arn, operator.eq),
    "recovery_point_arn": (t.c.recovery_point_arn, operator.eq),
    "scan_result_status": (t.c.result["scan_result_status"].as_string(), operator.eq),
    "parent_job_id": (t.c.parent_job_id, operator.eq),
    "message_category": (func.lower(t.c.message_category), lambda column, wanted: column == wanted.lower()),
    "created_since": (t.c.created_at, operator.ge),
    "created_until": (t.c.created_at, operator.le),
    "completed_since": (t.c.completed_at, operator.ge),
    "completed_until": (t.c.completed_at, operator.le),
    "restore_testing_plan_arn": (t.c.request["restore_testing_plan_arn"].as_string(), operator.eq),
    "point_created_since": (t.c.request["recovery_point_created_at"].as_string(), operator.ge),
    "point_created_until": (t.c.request["recovery_point_created_at"].as_string(), operator.le),
}


def _conditions(wanted: JobFilter) -> list[ColumnElement[bool]]:
    asked = ((name, getattr(wanted, name)) for name in _COMPARED)
    return [_compare(name, value) for name, value in asked if value is not None]


def _compare(name: str, value: object) -> ColumnElement[bool]:
    column, compare = _COMPARED[name]
    condition: ColumnElement[bool] = compare(column, value)
    return condition


def _values(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in _FIELDS}


def from_row(row: Row[Any]) -> Job:
    """The job that a row of the job table (all its columns) says."""
    values = {name: getattr(row, name) for name in _FIELDS}
    values["kind"] = JobKind(values["kind"])
    return Job(**values)
