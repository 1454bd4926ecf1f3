"""How many jobs there were, by day, state, type and message: counted by the database, over an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, func, literal, select, type_coerce

from safehold.core.clock import to_micros
from safehold.domain.scans import SHOWN_STATES
from safehold.records.tables import job as t
from safehold.records.tx import Tx

_DAY_MICROS = 86_400_000_000
_DIMENSIONS: Mapping[str, ColumnElement[Any]] = {
    "state": t.c.state,
    "resource_type": t.c.resource_type,
    "message_category": t.c.message_category,
    "scan_state": case(dict(SHOWN_STATES), value=t.c.state, else_=t.c.state),
    "scan_result": t.c.result["scan_result_status"].as_string(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryQuery:
    """What is counted: jobs of one kind made in [since, until).

    by_day     apart for each day (24 hours from `since`)
    apart      names of dimensions whose values are counted apart
    only       of dimensions, the one value that is counted; categories compare whatever their case
    """

    account_id: str
    site: str
    kind: str
    since: datetime
    until: datetime
    by_day: bool
    apart: frozenset[str]
    only: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class JobCount:
    """values: of the dimensions counted apart; None: those jobs have none. day: 0 unless counted by day."""

    day: int
    values: Mapping[str, str | None]
    count: int


def count_jobs(tx: Tx, query: SummaryQuery) -> list[JobCount]:
    """One row for each combination that occurs, in no order."""
    apart = sorted(query.apart)
    columns: list[ColumnElement[Any]] = [_day(query).label("day")]
    columns += [_DIMENSIONS[name].label(name) for name in apart]
    statement = select(*columns, func.count().label("count")).where(*_conditions(query))
    rows = tx.execute(statement.group_by(*columns)).all()
    return [JobCount(int(row[0]), dict(zip(apart, row[1:-1], strict=True)), row[-1]) for row in rows]


def _day(query: SummaryQuery) -> ColumnElement[int]:
    if not query.by_day:
        return literal(0)
    return (type_coerce(t.c.created_at, BigInteger) - to_micros(query.since)) // _DAY_MICROS


def _conditions(query: SummaryQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        t.c.account_id == query.account_id,
        t.c.site == query.site,
        t.c.kind == query.kind,
        t.c.created_at >= query.since,
        t.c.created_at < query.until,
    ]
    for name, value in query.only.items():
        column = _DIMENSIONS[name]
        is_category = name == "message_category"
        conditions.append(func.lower(column) == value.lower() if is_category else column == value)
    return conditions
