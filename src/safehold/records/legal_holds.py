"""Legal holds as rows, and which recovery points they cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from safehold.domain.legal_holds import STANDING, HoldStatus, LegalHold, Scope
from safehold.domain.recovery_points import PointStatus, RecoveryPoint
from safehold.records import recovery_points
from safehold.records.held_points import covered_by, is_covered, is_heeded
from safehold.records.keyset import beyond
from safehold.records.tables import recovery_point as point
from safehold.records.tables_locking import legal_hold as t
from safehold.records.tables_locking import legal_hold_scope, point_lock
from safehold.records.tx import Tx

_FIELDS = tuple(field.name for field in fields(LegalHold))


def insert_hold(tx: Tx, hold: LegalHold, scopes: Sequence[Scope]) -> None:
    """The hold stands from this transaction on."""
    lists = {"vault_names": list(hold.vault_names), "resource_arns": list(hold.resource_arns)}
    tx.execute(insert(t).values(asdict(hold) | lists))
    for number, scope in enumerate(scopes):
        where = {"hold_id": hold.id, "number": number, "account_id": hold.account_id, "site": hold.site}
        tx.execute(insert(legal_hold_scope).values(where | asdict(scope)))


def find(tx: Tx, hold_id: str, *, account_id: str, site: str, to_change: bool = False) -> LegalHold | None:
    """to_change: nobody else changes it until this transaction ends."""
    query = select(t).where(t.c.id == hold_id, t.c.account_id == account_id, t.c.site == site)
    row = tx.execute(query.with_for_update() if to_change else query).one_or_none()
    return None if row is None else _from_row(row)


def find_by_arn(tx: Tx, arn: str) -> LegalHold | None:
    row = tx.execute(select(t).where(t.c.arn == arn)).one_or_none()
    return None if row is None else _from_row(row)


def page(
    tx: Tx, *, account_id: str, site: str, after: tuple[datetime, str] | None, limit: int
) -> list[LegalHold]:
    """Holds of the account and site, newest first."""
    query = select(t).where(t.c.account_id == account_id, t.c.site == site)
    query = query.order_by(t.c.created_at.desc(), t.c.id.desc())
    if after is not None:
        query = query.where(beyond((t.c.created_at, t.c.id), after, descending=True))
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def count_standing(tx: Tx, *, account_id: str, site: str) -> int:
    where = (t.c.account_id == account_id, t.c.site == site, t.c.status.in_(STANDING))
    return tx.execute(select(func.count()).select_from(t).where(*where)).scalar_one()


def in_status(tx: Tx, status: HoldStatus) -> list[LegalHold]:
    """All holds of the installation that are in that state."""
    return [_from_row(row) for row in tx.execute(select(t).where(t.c.status == status).order_by(t.c.id))]


def are_any(tx: Tx) -> bool:
    """Does a hold stand, or do stores hold what none covers any more?"""
    is_standing = select(t.c.id).where(t.c.status.in_(STANDING)).limit(1)
    is_held = select(point_lock.c.recovery_point_id).where(point_lock.c.is_held).limit(1)
    return tx.execute(is_standing).first() is not None or tx.execute(is_held).first() is not None


def update_hold(tx: Tx, hold_id: str, *, from_status: HoldStatus, **values: Any) -> bool:
    """Change columns of a hold; False when it is in another state by now."""
    query = update(t).where(t.c.id == hold_id, t.c.status == from_status).values(values)
    return tx.execute(query).rowcount == 1


def are_over(tx: Tx, moment: datetime) -> bool:
    """Are there records of canceled holds that were to be kept until then?"""
    over = (t.c.status == HoldStatus.CANCELED, t.c.retain_until < moment)
    return tx.execute(select(t.c.id).where(*over).limit(1)).first() is not None


def forget_before(tx: Tx, moment: datetime) -> list[LegalHold]:
    """Records of canceled holds that were to be kept until then are gone; answers which."""
    over = (t.c.status == HoldStatus.CANCELED, t.c.retain_until < moment)
    found = [_from_row(row) for row in tx.execute(select(t).where(*over))]
    ids = [hold.id for hold in found]
    tx.execute(delete(legal_hold_scope).where(legal_hold_scope.c.hold_id.in_(ids)))
    tx.execute(delete(t).where(t.c.id.in_(ids)))
    return found


def page_of_points(
    tx: Tx, hold_id: str, *, after: recovery_points.After | None, limit: int
) -> list[RecoveryPoint]:
    """Points that the hold covers, newest first."""
    query = select(point).where(covered_by(hold_id)).order_by(point.c.created_at.desc(), point.c.id.desc())
    if after is not None:
        query = query.where(beyond((point.c.created_at, point.c.id), after, descending=True))
    return [recovery_points.from_row(row) for row in tx.execute(query.limit(limit))]


def is_point_held(tx: Tx, point_id: str) -> bool:
    """Does a hold keep the point from being deleted?"""
    return tx.execute(select(point.c.id).where(point.c.id == point_id, is_heeded())).first() is not None


def to_hold(tx: Tx, *, limit: int) -> list[RecoveryPoint]:
    """Points that a standing hold covers and the stores do not hold yet."""
    is_on = select(point_lock.c.recovery_point_id).where(point_lock.c.is_held)
    query = (
        select(point)
        .where(is_covered(), point.c.status != PointStatus.DELETING, point.c.id.not_in(is_on))
        .order_by(point.c.created_at, point.c.id)
    )
    return [recovery_points.from_row(row) for row in tx.execute(query.limit(limit))]


def to_release(tx: Tx, *, limit: int) -> list[RecoveryPoint]:
    """Points that the stores hold and no standing hold covers any more."""
    query = (
        select(point)
        .join(point_lock, point_lock.c.recovery_point_id == point.c.id)
        .where(point_lock.c.is_held, ~is_covered())
        .order_by(point.c.created_at, point.c.id)
    )
    return [recovery_points.from_row(row) for row in tx.execute(query.limit(limit))]


def covered_ids(tx: Tx, vault_id: str) -> set[str]:
    """Ids of the vault's points that a standing hold covers."""
    return set(tx.execute(select(point.c.id).where(point.c.vault_id == vault_id, is_covered())).scalars())


def _from_row(row: Row[Any]) -> LegalHold:
    values = {name: getattr(row, name) for name in _FIELDS}
    lists = {name: tuple(values[name]) for name in ("vault_names", "resource_arns")}
    return LegalHold(**values | lists | {"status": HoldStatus(row.status)})
