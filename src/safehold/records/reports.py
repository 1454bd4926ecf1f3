"""Report plans and report jobs as rows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update

from safehold.core.errors import ResourceNotFound
from safehold.domain.frameworks import DeploymentStatus
from safehold.domain.report_plans import (
    DeliveryChannel,
    ReportJob,
    ReportJobStatus,
    ReportPlan,
    ReportSetting,
)
from safehold.records.dialect import insert_if_new
from safehold.records.keyset import beyond
from safehold.records.tables_audit import report_job as j
from safehold.records.tables_audit import report_plan as p
from safehold.records.tx import Tx

_PLAN_FIELDS = tuple(field.name for field in fields(ReportPlan))
_JOB_FIELDS = tuple(field.name for field in fields(ReportJob))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportJobFilter:
    """Which jobs a listing is about; None asks nothing. Bounds of time are inclusive."""

    account_id: str
    site: str
    plan_name: str | None = None
    status: str | None = None
    created_since: datetime | None = None
    created_until: datetime | None = None


def insert_plan_if_new(tx: Tx, plan: ReportPlan) -> bool:
    """Store a new plan; False when the account and site have one of that name."""
    return insert_if_new(tx, p, _plan_values(plan))


def find_plan(tx: Tx, name: str, *, account_id: str, site: str) -> ReportPlan | None:
    where = (p.c.account_id == account_id, p.c.site == site, p.c.name == name)
    return _one_plan(tx.execute(select(p).where(*where)).one_or_none())


def get_plan(tx: Tx, name: str, *, account_id: str, site: str) -> ReportPlan:
    """The plan of that name; raises ResourceNotFound."""
    plan = find_plan(tx, name, account_id=account_id, site=site)
    if plan is None:
        raise ResourceNotFound(f"Cannot find report plan {name}", context=name)
    return plan


def find_plan_by_arn(tx: Tx, arn: str) -> ReportPlan | None:
    return _one_plan(tx.execute(select(p).where(p.c.arn == arn)).one_or_none())


def update_plan(tx: Tx, plan: ReportPlan) -> None:
    tx.execute(update(p).where(p.c.id == plan.id).values(_plan_values(plan)))


def mark_attempted(tx: Tx, plan_id: str, *, now: datetime) -> None:
    """A report of that plan was begun."""
    tx.execute(update(p).where(p.c.id == plan_id).values(attempted_at=now))


def delete_plan(tx: Tx, plan_id: str) -> None:
    tx.execute(delete(p).where(p.c.id == plan_id))


def page_of_plans(
    tx: Tx, *, account_id: str, site: str, after: str | None = None, limit: int
) -> list[ReportPlan]:
    """Plans by name, beyond the name `after`."""
    query = select(p).where(p.c.account_id == account_id, p.c.site == site).order_by(p.c.name)
    if after is not None:
        query = query.where(beyond((p.c.name,), (after,), descending=False))
    return [_plan(row) for row in tx.execute(query.limit(limit))]


def count_plans(tx: Tx, *, account_id: str, site: str) -> int:
    where = (p.c.account_id == account_id, p.c.site == site)
    return tx.execute(select(func.count()).select_from(p).where(*where)).scalar_one()


def insert_job(tx: Tx, job: ReportJob) -> None:
    """Store a new job."""
    tx.execute(insert(j).values({name: getattr(job, name) for name in _JOB_FIELDS}))


def get_job(tx: Tx, job_id: str, *, account_id: str, site: str) -> ReportJob:
    """The job; raises ResourceNotFound."""
    where = (j.c.id == job_id, j.c.account_id == account_id, j.c.site == site)
    row = tx.execute(select(j).where(*where)).one_or_none()
    if row is None:
        raise ResourceNotFound(f"Cannot find report job {job_id}.", context=job_id)
    return _job(row)


def page_of_jobs(
    tx: Tx, wanted: ReportJobFilter, *, after: tuple[datetime, str] | None = None, limit: int
) -> list[ReportJob]:
    """Jobs that the filter wants, newest first, beyond the last page's end."""
    query = select(j).where(*_conditions(wanted)).order_by(j.c.created_at.desc(), j.c.id.desc())
    if after is not None:
        query = query.where(beyond((j.c.created_at, j.c.id), after, descending=True))
    return [_job(row) for row in tx.execute(query.limit(limit))]


def _conditions(wanted: ReportJobFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        j.c.account_id == wanted.account_id,
        j.c.site == wanted.site,
    ]
    if wanted.plan_name is not None:
        conditions.append(j.c.plan_name == wanted.plan_name)
    if wanted.status is not None:
        conditions.append(j.c.status == wanted.status)
    if wanted.created_since is not None:
        conditions.append(j.c.created_at >= wanted.created_since)
    if wanted.created_until is not None:
        conditions.append(j.c.created_at <= wanted.created_until)
    return conditions


def _plan_values(plan: ReportPlan) -> dict[str, Any]:
    values = {name: getattr(plan, name) for name in _PLAN_FIELDS}
    documents = {name: msgspec.to_builtins(values[name]) for name in ("channel", "setting")}
    return values | documents


def _one_plan(row: Row[Any] | None) -> ReportPlan | None:
    return None if row is None else _plan(row)


def _plan(row: Row[Any]) -> ReportPlan:
    values = {name: getattr(row, name) for name in _PLAN_FIELDS}
    values["channel"] = msgspec.convert(row.channel, DeliveryChannel)
    values["setting"] = msgspec.convert(row.setting, ReportSetting)
    values["deployment_status"] = DeploymentStatus(row.deployment_status)
    return ReportPlan(**values)


def _job(row: Row[Any]) -> ReportJob:
    values = {name: row._mapping[name] for name in _JOB_FIELDS}
    values["status"] = ReportJobStatus(row.status)
    values["keys"] = None if values["keys"] is None else tuple(values["keys"])
    return ReportJob(**values)
