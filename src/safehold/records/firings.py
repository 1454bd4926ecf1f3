"""Firings as rows: what became of a rule's due times. A due time has one row, over all nodes and restarts."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, select, update

from safehold.domain.firings import Firing, Outcome
from safehold.records.dialect import insert_into
from safehold.records.tables import firing as t
from safehold.records.tx import Tx

_FIELDS = tuple(field.name for field in fields(Firing))


def insert_if_new(tx: Tx, firing: Firing) -> bool:
    """Store it; False when that due time of that rule has one: then somebody else has dealt with it.

    One that was written later than now, under a clock that ran ahead, and that made no jobs gives way. One
    that made jobs never does: nothing runs twice.
    RACE: two schedulers see the same due time. The second waits here until the first has committed.
    """
    query = insert_into(tx, t).values(asdict(firing))
    new = query.excluded
    query = query.on_conflict_do_update(
        index_elements=list(t.primary_key),
        set_={"fired_at": new.fired_at, "outcome": new.outcome, "job_count": new.job_count},
        where=and_(t.c.fired_at > new.fired_at, t.c.job_count == 0),
    )
    return tx.execute(query.returning(t.c.rule_id)).first() is not None


def set_job_count(tx: Tx, firing: Firing, job_count: int) -> None:
    is_it = (
        t.c.plan_id == firing.plan_id,
        t.c.rule_id == firing.rule_id,
        t.c.due_at == firing.due_at,
    )
    tx.execute(update(t).where(*is_it).values(job_count=job_count))


def latest_by_rule(tx: Tx, plan_id: str, *, until: datetime) -> dict[str, datetime]:
    """The latest due time not after `until` that was dealt with, by rule id.

    What lies or was written after `until` does not count: a clock that once ran ahead must not silence a
    rule, neither until it is right again nor when the due times come that it ran past.
    """
    latest = func.max(t.c.due_at, type_=t.c.due_at.type).label("latest")
    past = (t.c.plan_id == plan_id, t.c.due_at <= until, t.c.fired_at <= until)
    query = select(t.c.rule_id, latest).where(*past).group_by(t.c.rule_id)
    return {row.rule_id: row.latest for row in tx.execute(query)}


def fired_since(tx: Tx, plan_id: str, moment: datetime) -> set[tuple[str, datetime]]:
    """The plan's runs that took place, as rule id and due time, from that due time on."""
    took_place = (t.c.plan_id == plan_id, t.c.due_at >= moment, t.c.outcome == Outcome.FIRED)
    return {
        (row.rule_id, row.due_at) for row in tx.execute(select(t.c.rule_id, t.c.due_at).where(*took_place))
    }


def of_plan(tx: Tx, plan_id: str, *, limit: int) -> list[Firing]:
    """The plan's latest firings, latest first."""
    query = select(t).where(t.c.plan_id == plan_id).order_by(t.c.due_at.desc(), t.c.rule_id)
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def _from_row(row: Row[Any]) -> Firing:
    values = {name: getattr(row, name) for name in _FIELDS}
    return Firing(**values | {"outcome": Outcome(row.outcome)})
