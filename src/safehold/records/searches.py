"""What search jobs are about and what they found, as rows. The jobs themselves stand among all others.

All that a running search writes is fenced by its attempt: `progress` is the fence, call it first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Row, Select, bindparam, delete, exists, func, insert, select, update

from safehold.core.secrets import RootKey, SecretBox
from safehold.domain.items import ItemRow
from safehold.domain.jobs import Job
from safehold.domain.point_indexes import IndexStatus
from safehold.domain.searches import SearchScope
from safehold.records.dialect import put_row
from safehold.records.jobs import update_fenced
from safehold.records.keyset import beyond
from safehold.records.tables import job, recovery_point, tag, vault
from safehold.records.tables_search import point_index, search_backup, search_job, search_result
from safehold.records.tx import Tx

Box: TypeAlias = SecretBox
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Progress:
    """points_total, items_total: None until the search has begun."""

    points_total: int | None = None
    items_total: int | None = None
    points_done: int = 0
    items_done: int = 0
    items_found: int = 0


@dataclass(frozen=True, slots=True)
class SearchedPoint:
    """One point that a search looks through; status: as a search's is told. number: from 0, in its order."""

    number: int
    point_id: str
    point_arn: str
    resource_arn: str
    resource_type: str
    vault_name: str
    point_created_at: datetime
    index_created_at: datetime | None = None
    status: str = "RUNNING"
    status_message: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Items that a search found in one point. number counts a search's rows of this from 0."""

    number: int
    backup_number: int
    rows: Sequence[ItemRow]


@dataclass(frozen=True, slots=True)
class InScope:
    """A point with an index, whatever the index's status. vault_id: where it lies."""

    point: SearchedPoint
    vault_id: str
    item_count: int
    index_status: IndexStatus
    build: str | None


def box(root_key: RootKey) -> Box:
    """Seals what searches find."""
    return SecretBox(root_key, "search-results")


def in_scope(tx: Tx, scope: SearchScope, *, account_id: str, site: str) -> Iterator[InScope]:
    """Every point of the account and site that is indexed, or shall be, and in the scope; newest first."""
    where = [point_index.c.account_id == account_id, point_index.c.site == site]
    where += [point_index.c.status.is_not(None), point_index.c.resource_type.in_(scope.resource_types)]
    if scope.created_after is not None:
        where.append(point_index.c.point_created_at > scope.created_after)
    if scope.created_before is not None:
        where.append(point_index.c.point_created_at < scope.created_before)
    if scope.resource_arns:
        where.append(point_index.c.resource_arn.in_(scope.resource_arns))
    if scope.point_arns:
        where.append(recovery_point.c.arn.in_(scope.point_arns))
    if scope.vault_name is not None:
        where.append(vault.c.name == scope.vault_name)
    for key, value in scope.point_tags.items():
        where.append(_has_tag(key, value))
    query = (
        select(point_index, recovery_point.c.arn, vault.c.name)
        .join(recovery_point, recovery_point.c.id == point_index.c.point_id)
        .join(vault, vault.c.id == point_index.c.vault_id)
        .where(*where)
    )
    yield from _pages(tx, query)


def _has_tag(key: str, value: str) -> Any:
    return exists().where(tag.c.arn == recovery_point.c.arn, tag.c.key == key, tag.c.value == value)


def _pages(tx: Tx, query: Select[Any]) -> Iterator[InScope]:
    order = (point_index.c.point_created_at, point_index.c.point_id)
    ordered = query.order_by(*(column.desc() for column in order)).limit(_BATCH)
    page = list(tx.execute(ordered))
    number = 0
    while page:
        for row in page:
            yield _in_scope(number, row)
            number += 1
        last = (page[-1].point_created_at, page[-1].point_id)
        page = list(tx.execute(ordered.where(beyond(order, last, descending=True))))


def _in_scope(number: int, row: Row[Any]) -> InScope:
    point = SearchedPoint(
        number,
        row.point_id,
        row.arn,
        row.resource_arn,
        row.resource_type,
        row.name,
        row.point_created_at,
        row.created_at,
    )
    return InScope(point, row.vault_id, row.item_count or 0, IndexStatus(row.status), row.build)


def progress(tx: Tx, attempt: Job, values: Progress) -> bool:
    """The search is so far; False, and nothing changed, when another attempt has taken the job over."""
    if not update_fenced(tx, attempt, bytes_done=0, percent_done=_percent(values)):
        return False
    put_row(tx, search_job, {"job_id": attempt.id, **asdict(values)})
    return True


def _percent(values: Progress) -> float:
    total = values.points_total or 1
    return round(100.0 * values.points_done / total, 2)


def find_progress(tx: Tx, job_id: str) -> Progress:
    row = tx.execute(select(search_job).where(search_job.c.job_id == job_id)).one_or_none()
    if row is None:
        return Progress()
    return Progress(**{field.name: getattr(row, field.name) for field in fields(Progress)})


def put_points(tx: Tx, job_id: str, points: Sequence[SearchedPoint]) -> None:
    if points:
        tx.execute(insert(search_backup), [{"job_id": job_id, **asdict(point)} for point in points])


def update_points(tx: Tx, job_id: str, ended: Sequence[tuple[int, str, str | None]]) -> None:
    """Points that were looked through, or could not be: number, status and message of each."""
    if not ended:
        return
    t = search_backup
    query = update(t).where(t.c.job_id == job_id, t.c.number == bindparam("at"))
    values = [{"at": number, "to": status, "why": message} for number, status, message in ended]
    tx.execute(query.values(status=bindparam("to"), status_message=bindparam("why")), values)


def end_points(tx: Tx, job_id: str, *, status: str) -> None:
    """Points that the search did not come to are not looked through any more."""
    where = (search_backup.c.job_id == job_id, search_backup.c.status == "RUNNING")
    tx.execute(update(search_backup).where(*where).values(status=status))


def points_page(tx: Tx, job_id: str, *, after: int | None, limit: int) -> list[SearchedPoint]:
    """Points of the search, in its order, behind that number."""
    query = select(search_backup).where(search_backup.c.job_id == job_id)
    if after is not None:
        query = query.where(search_backup.c.number > after)
    return [_point(row) for row in tx.execute(query.order_by(search_backup.c.number).limit(limit))]


def points_by_number(tx: Tx, job_id: str, numbers: set[int]) -> dict[int, SearchedPoint]:
    where = (search_backup.c.job_id == job_id, search_backup.c.number.in_(sorted(numbers)))
    return {row.number: _point(row) for row in tx.execute(select(search_backup).where(*where))}


def put_found(tx: Tx, job_id: str, found: Sequence[Found], sealing: Box) -> None:
    rows = [
        {
            "job_id": job_id,
            "number": each.number,
            "backup_number": each.backup_number,
            "count": len(each.rows),
            "sealed": sealing.seal(msgspec.msgpack.encode(each.rows), context=f"{job_id}/{each.number}"),
        }
        for each in found
    ]
    if rows:
        tx.execute(insert(search_result), rows)


def found_from(tx: Tx, job_id: str, number: int, sealing: Box, *, limit: int) -> list[Found]:
    """What was found, from that number on, at most `limit` rows of it. Raises RootKeyError."""
    where = (search_result.c.job_id == job_id, search_result.c.number >= number)
    query = select(search_result).where(*where).order_by(search_result.c.number).limit(limit)
    return [_found(row, sealing) for row in tx.execute(query)]


def count_running(tx: Tx, states: Sequence[str], *, kind: str, account_id: str, site: str) -> int:
    where = (job.c.kind == kind, job.c.account_id == account_id, job.c.site == site, job.c.state.in_(states))
    return tx.execute(select(func.count()).select_from(job).where(*where)).scalar_one()


def clear(tx: Tx, job_id: str) -> None:
    """Nothing is known of what the search found."""
    for table in (search_result, search_backup, search_job):
        tx.execute(delete(table).where(table.c.job_id == job_id))


def forget_found_before(tx: Tx, moment: datetime) -> int:
    """What searches found that began so long ago; how many rows of it."""
    old = select(job.c.id).where(job.c.kind == "search", job.c.created_at < moment)
    return tx.execute(delete(search_result).where(search_result.c.job_id.in_(old))).rowcount


def forget_all_found(tx: Tx) -> None:
    """Nobody can open it any more: the root key changes."""
    tx.execute(delete(search_result))


def _point(row: Row[Any]) -> SearchedPoint:
    return SearchedPoint(**{field.name: getattr(row, field.name) for field in fields(SearchedPoint)})


def _found(row: Row[Any], sealing: Box) -> Found:
    plain = sealing.open(row.sealed, context=f"{row.job_id}/{row.number}")
    return Found(row.number, row.backup_number, msgspec.msgpack.decode(plain, type=list[ItemRow]))
