"""Search indexes of recovery points as rows; what they hold lies in the vaults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Row, delete, select, update

from safehold.domain.events import of_index
from safehold.domain.job_states import ENDED
from safehold.domain.jobs import Job
from safehold.domain.point_indexes import IndexStatus, PointIndex
from safehold.records import events, jobs
from safehold.records.dialect import in_batches, put_row
from safehold.records.keyset import beyond
from safehold.records.tables import job, recovery_point, vault
from safehold.records.tables_search import point_index as t
from safehold.records.tx import Tx

After: TypeAlias = tuple[datetime, str]  # (created_at, id) of the last page's last point

_FIELDS = tuple(field.name for field in fields(PointIndex))


def begin(tx: Tx, index: PointIndex, index_job: Job) -> None:
    """The point is being indexed by that job, whatever became of an index that it had before."""
    put_row(tx, t, asdict(index))
    jobs.insert_job(tx, index_job)


def find(tx: Tx, point_id: str) -> PointIndex | None:
    row = tx.execute(select(t).where(t.c.point_id == point_id)).one_or_none()
    return None if row is None else _from_row(row)


def of_many(tx: Tx, point_ids: Iterable[str]) -> dict[str, PointIndex]:
    """Those of these points that have or had one, by the point's id."""
    found: dict[str, PointIndex] = {}
    for batch in in_batches(point_ids):
        query = select(t).where(t.c.point_id.in_(batch))
        found |= {row.point_id: _from_row(row) for row in tx.execute(query)}
    return found


def update_index(tx: Tx, point_id: str, *, job_id: str | None = None, **values: Any) -> bool:
    """Change an index; False when there is none, or when it is not (any more) the one that `job_id` makes."""
    where = [t.c.point_id == point_id]
    if job_id is not None:
        where += [t.c.job_id == job_id, t.c.status == IndexStatus.PENDING]
    is_changed = tx.execute(update(t).where(*where).values(**values)).rowcount == 1
    if is_changed and "status" in values:
        _tell(tx, point_id)
    return is_changed


def _tell(tx: Tx, point_id: str) -> None:
    """The index has come into another state: that is an event."""
    index = find(tx, point_id)
    arns = select(recovery_point.c.arn, vault.c.arn.label("vault_arn"))
    joined = arns.join(vault, vault.c.id == recovery_point.c.vault_id)
    row = tx.execute(joined.where(recovery_point.c.id == point_id)).one_or_none()
    if index is not None and row is not None:
        events.add(tx, of_index(index, row.arn, row.vault_arn))


def page(
    tx: Tx,
    *,
    account_id: str,
    site: str,
    resource_arn: str | None = None,
    resource_type: str | None = None,
    status: IndexStatus | None = None,
    created_before: datetime | None = None,
    created_after: datetime | None = None,
    after: After | None = None,
    limit: int,
) -> list[PointIndex]:
    """Indexes by their points' creation, newest first, at most `limit`; deleted ones are not shown."""
    where: list[ColumnElement[bool]] = [t.c.account_id == account_id, t.c.site == site]
    where.append(t.c.status.is_not(None) if status is None else t.c.status == status)
    if resource_arn is not None:
        where.append(t.c.resource_arn == resource_arn)
    if resource_type is not None:
        where.append(t.c.resource_type == resource_type)
    if created_before is not None:
        where.append(t.c.point_created_at < created_before)
    if created_after is not None:
        where.append(t.c.point_created_at > created_after)
    if after is not None:
        where.append(beyond((t.c.point_created_at, t.c.point_id), after, descending=True))
    query = select(t).where(*where).order_by(t.c.point_created_at.desc(), t.c.point_id.desc())
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def to_be_dropped(tx: Tx, *, limit: int) -> list[PointIndex]:
    """Indexes that somebody wants gone and that may still lie in their vaults."""
    query = select(t).where(t.c.status == IndexStatus.DELETING).order_by(t.c.point_id)
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def abandoned(tx: Tx, *, limit: int) -> list[PointIndex]:
    """Indexes that wait for a job which has ended without a word."""
    query = (
        select(t)
        .join(job, job.c.id == t.c.job_id)
        .where(t.c.status == IndexStatus.PENDING, job.c.state.in_(ENDED))
    )
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def forget(tx: Tx, point_id: str) -> None:
    """The point is gone, and so is what was known of its index."""
    tx.execute(delete(t).where(t.c.point_id == point_id))


def _from_row(row: Row[Any]) -> PointIndex:
    values = {name: getattr(row, name) for name in _FIELDS}
    values["status"] = None if row.status is None else IndexStatus(row.status)
    return PointIndex(**values)
