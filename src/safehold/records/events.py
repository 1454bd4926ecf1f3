"""Events as rows: written with the change that they tell of, listed for a while, delivered from here.

Whoever changes something calls `add` in the same transaction, so that there is an event exactly when there
was a change. A place is told at least once: a process that dies between sending and saying so sends again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update

from safehold.core import ids
from safehold.domain.event_delivery import DeliveryState, Target
from safehold.domain.events import Event, of_job
from safehold.domain.jobs import Job
from safehold.records.dialect import insert_if_new
from safehold.records.keyset import beyond
from safehold.records.tables_events import event as t
from safehold.records.tables_events import event_delivery as d
from safehold.records.tx import Tx

After: TypeAlias = tuple[datetime, int]  # (at, sequence) of the last page's last event
LEASE = timedelta(minutes=2)  # longer than a delivery may take: until then it is nobody else's


@dataclass(frozen=True, slots=True)
class StoredEvent:
    sequence: int
    id: str
    event: Event


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that is to be sent to a target, or that could not be."""

    stored: StoredEvent
    target: str
    state: DeliveryState
    attempt_count: int
    since: datetime
    last_error: str | None


def add(tx: Tx, *events: Event | None) -> None:
    """These happened, in this order; None stands for what nobody is told of."""
    rows = [
        {
            "id": ids.new_id(),
            "account_id": event.account_id,
            "site": event.site,
            "detail_type": event.detail_type,
            "at": event.at,
            "resources": list(event.resources),
            "detail": dict(event.detail),
            "is_new": True,
        }
        for event in events
        if event is not None
    ]
    if rows:
        tx.execute(insert(t), rows)


def add_of_jobs(tx: Tx, jobs: Iterable[Job]) -> None:
    """Each of the jobs has come into the state that it is in."""
    add(tx, *map(of_job, jobs))


def page(
    tx: Tx,
    *,
    account_id: str,
    site: str,
    detail_type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: After | None = None,
    limit: int,
) -> list[StoredEvent]:
    """Events of the account and site, newest first, beyond the last page's end."""
    where: list[ColumnElement[bool]] = [t.c.account_id == account_id, t.c.site == site]
    if detail_type is not None:
        where.append(t.c.detail_type == detail_type)
    if since is not None:
        where.append(t.c.at >= since)
    if until is not None:
        where.append(t.c.at < until)
    if after is not None:
        where.append(beyond((t.c.at, t.c.sequence), after, descending=True))
    query = select(t).where(*where).order_by(t.c.at.desc(), t.c.sequence.desc())
    return [_stored(row) for row in tx.execute(query.limit(limit))]


def spread(tx: Tx, targets: Iterable[Target], *, now: datetime, limit: int) -> int:
    """New events are due at each of the targets; how many there were."""
    query = select(t.c.sequence).where(t.c.is_new.is_(True)).order_by(t.c.sequence).limit(limit)
    new = list(tx.execute(query.with_for_update(skip_locked=True)).scalars())
    for sequence in new:
        for target in targets:
            row = {"event_sequence": sequence, "target": target.url, "state": DeliveryState.PENDING}
            insert_if_new(tx, d, row | {"attempt_count": 0, "since": now, "next_at": now})
    if new:
        tx.execute(update(t).where(t.c.sequence.in_(new)).values(is_new=False))
    return len(new)


def claim(tx: Tx, target: str, *, now: datetime, limit: int) -> list[Delivery]:
    """What is due at the target, oldest first, the caller's alone until the lease ends."""
    is_due = (d.c.target == target, d.c.state == DeliveryState.PENDING, d.c.next_at <= now)
    query = select(d.c.event_sequence).where(*is_due).order_by(d.c.next_at, d.c.event_sequence).limit(limit)
    due = list(tx.execute(query.with_for_update(skip_locked=True)).scalars())
    if not due:
        return []
    mine = (d.c.target == target, d.c.event_sequence.in_(due))
    values = {"attempt_count": d.c.attempt_count + 1, "next_at": now + LEASE}
    tx.execute(update(d).where(*mine).values(values))
    return [_delivery(row) for row in tx.execute(_deliveries().where(*mine).order_by(t.c.sequence))]


def has_new_or_older(tx: Tx, before: datetime) -> bool:
    """Is there an event that nobody has seen, or one from before then?"""
    new = select(t.c.sequence).where(t.c.is_new.is_(True)).limit(1)
    old = select(t.c.sequence).where(t.c.at < before).limit(1)
    return any(tx.execute(query).first() is not None for query in (new, old))


def is_due(tx: Tx, target: str, *, now: datetime) -> bool:
    """Is there anything to be sent to the target?"""
    is_it = (d.c.target == target, d.c.state == DeliveryState.PENDING, d.c.next_at <= now)
    return tx.execute(select(d.c.event_sequence).where(*is_it).limit(1)).first() is not None


def mark_delivered(tx: Tx, delivery: Delivery) -> None:
    _update(tx, delivery, state=DeliveryState.DELIVERED, last_error=None)


def mark_failed(tx: Tx, delivery: Delivery, error: str, *, next_at: datetime | None) -> None:
    """It is tried again at `next_at`; None: it is dead until somebody revives it."""
    if next_at is None:
        _update(tx, delivery, state=DeliveryState.DEAD, last_error=error)
    else:
        _update(tx, delivery, next_at=next_at, last_error=error)


def dead(tx: Tx, *, account_id: str, site: str, limit: int) -> list[Delivery]:
    """Deliveries that were given up, newest event first."""
    mine = (t.c.account_id == account_id, t.c.site == site, d.c.state == DeliveryState.DEAD)
    query = _deliveries().where(*mine).order_by(t.c.sequence.desc()).limit(limit)
    return [_delivery(row) for row in tx.execute(query)]


def revive(tx: Tx, *, account_id: str, site: str, now: datetime) -> int:
    """What was given up is due again, as if it were new; how many deliveries that are."""
    mine = select(t.c.sequence).where(t.c.account_id == account_id, t.c.site == site)
    is_dead = (d.c.state == DeliveryState.DEAD, d.c.event_sequence.in_(mine))
    values = {"state": DeliveryState.PENDING, "attempt_count": 0, "since": now, "next_at": now}
    return tx.execute(update(d).where(*is_dead).values(values)).rowcount


def counts(tx: Tx) -> Mapping[tuple[str, DeliveryState], int]:
    """How many deliveries there are, by target and state."""
    query = select(d.c.target, d.c.state, func.count().label("many")).group_by(d.c.target, d.c.state)
    return {(row.target, DeliveryState(row.state)): row.many for row in tx.execute(query)}


def forget(tx: Tx, *, before: datetime, limit: int) -> int:
    """Events from before then are gone, with their deliveries; how many, at most `limit`."""
    old = list(tx.execute(select(t.c.sequence).where(t.c.at < before).limit(limit)).scalars())
    if old:
        tx.execute(delete(d).where(d.c.event_sequence.in_(old)))
        tx.execute(delete(t).where(t.c.sequence.in_(old)))
    return len(old)


def _update(tx: Tx, delivery: Delivery, **values: Any) -> None:
    mine = (d.c.event_sequence == delivery.stored.sequence, d.c.target == delivery.target)
    tx.execute(update(d).where(*mine).values(values))


def _deliveries() -> Any:
    return select(t, d.c.target, d.c.state, d.c.attempt_count, d.c.since, d.c.last_error).join(
        d, d.c.event_sequence == t.c.sequence
    )


def _stored(row: Row[Any]) -> StoredEvent:
    event = Event(
        account_id=row.account_id,
        site=row.site,
        detail_type=row.detail_type,
        at=row.at,
        detail=row.detail,
        resources=tuple(row.resources),
    )
    return StoredEvent(row.sequence, row.id, event)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        stored=_stored(row),
        target=row.target,
        state=DeliveryState(row.state),
        attempt_count=row.attempt_count,
        since=row.since,
        last_error=row.last_error,
    )
