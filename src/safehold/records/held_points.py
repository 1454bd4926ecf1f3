"""Which recovery points legal holds cover, as conditions on their table for the statements of others."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, or_

from safehold.domain.legal_holds import HEEDED, STANDING, HoldStatus
from safehold.records.tables import recovery_point as point
from safehold.records.tables_locking import legal_hold, legal_hold_scope


def is_heeded() -> ColumnElement[bool]:
    """A hold keeps the point from being deleted."""
    return _is_in_one(HEEDED)


def is_covered() -> ColumnElement[bool]:
    """A hold stands that covers the point: the stores are to hold it."""
    return _is_in_one(STANDING)


def covered_by(hold_id: str) -> ColumnElement[bool]:
    """That hold covers the point, whatever state it is in."""
    return exists().where(legal_hold_scope.c.hold_id == hold_id, _matches())


def _is_in_one(statuses: Sequence[HoldStatus]) -> ColumnElement[bool]:
    is_one = and_(legal_hold.c.id == legal_hold_scope.c.hold_id, legal_hold.c.status.in_(statuses))
    return exists().where(is_one, _matches())


def _matches() -> ColumnElement[bool]:
    s = legal_hold_scope.c
    return and_(
        s.account_id == point.c.account_id,
        s.site == point.c.site,
        or_(s.vault_id.is_(None), s.vault_id == point.c.vault_id),
        or_(s.resource_arn.is_(None), s.resource_arn == point.c.resource_arn),
        or_(s.from_at.is_(None), point.c.created_at >= s.from_at),
        or_(s.before.is_(None), point.c.created_at < s.before),
    )
