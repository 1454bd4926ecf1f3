"""What keeps recovery points' objects in the stores, as rows: a cache of what the objects carry."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, or_, select, update

from safehold.domain.locking import RENEWED_BEFORE
from safehold.domain.recovery_points import PointStatus, RecoveryPoint
from safehold.domain.vaults import Vault
from safehold.records import recovery_points
from safehold.records.dialect import put_row
from safehold.records.tables import recovery_point as point
from safehold.records.tables_locking import point_lock as t
from safehold.records.tx import Tx


def put_until(tx: Tx, point_id: str, *, vault_id: str, until: datetime) -> None:
    """All objects of the point are kept until then."""
    _put(tx, point_id, vault_id, {"until": until})


def put_held(tx: Tx, point_id: str, *, vault_id: str, is_held: bool) -> None:
    """The store's legal hold is on all objects of the point, or off."""
    _put(tx, point_id, vault_id, {"is_held": is_held})


def forget_until(tx: Tx, point_id: str) -> None:
    """Until when the point's objects are kept is to be seen to again: they are others now."""
    tx.execute(update(t).where(t.c.recovery_point_id == point_id).values(until=None))


def _put(tx: Tx, point_id: str, vault_id: str, values: dict[str, datetime | bool]) -> None:
    put_row(tx, t, {"recovery_point_id": point_id, "vault_id": vault_id, **values})


def until(tx: Tx, point_id: str) -> datetime | None:
    """Until when the point's objects are kept, as far as is known."""
    return tx.execute(select(t.c.until).where(t.c.recovery_point_id == point_id)).scalar_one_or_none()


def kept_too_short(tx: Tx, vault: Vault, *, now: datetime, limit: int) -> list[RecoveryPoint]:
    """Points of a locked vault whose objects must be kept longer than they are (domain/locking.py)."""
    return _short(tx, vault, forever_until=now + RENEWED_BEFORE, now=now, limit=limit)


def overdue(tx: Tx, vault: Vault, *, forever_until: datetime, now: datetime) -> bool:
    """Is there a point without an end whose lock ends before then?"""
    found = _short(tx, vault, forever_until=forever_until, now=now, limit=1000)
    return any(each.delete_at is None for each in found)


def _short(
    tx: Tx, vault: Vault, *, forever_until: datetime, now: datetime, limit: int
) -> list[RecoveryPoint]:
    is_short = or_(
        and_(point.c.delete_at > now, or_(t.c.until.is_(None), t.c.until < point.c.delete_at)),
        and_(point.c.delete_at.is_(None), or_(t.c.until.is_(None), t.c.until < forever_until)),
    )
    query = (
        select(point)
        .outerjoin(t, t.c.recovery_point_id == point.c.id)
        .where(point.c.vault_id == vault.id, point.c.status != PointStatus.DELETING, is_short)
        .order_by(point.c.created_at, point.c.id)
    )
    return [recovery_points.from_row(row) for row in tx.execute(query.limit(limit))]
