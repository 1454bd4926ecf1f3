"""The fence between writers that commit and collection that revokes them: one row for each intent.

Whoever comes first decides, and the other learns of it. A revocation is never forgotten.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, select, update

from safehold.records.dialect import insert_if_new
from safehold.records.tables import writer_intent as t
from safehold.records.tx import Tx


class _Fenced(NamedTuple):
    points: list[str]
    is_revoked: bool


def admit(tx: Tx, intent_id: str, *, vault_id: str, point_id: str, now: datetime) -> bool:
    """The point stands; False when the intent was revoked before it was admitted. Again changes nothing."""
    fenced = _locked(tx, intent_id, vault_id=vault_id, now=now)
    if point_id in fenced.points:
        return True
    if fenced.is_revoked:
        return False
    points = [*fenced.points, point_id]
    tx.execute(update(t).where(t.c.id == intent_id).values(points=points, seen_at=now))
    return True


def revoke(tx: Tx, intent_id: str, *, vault_id: str, now: datetime) -> list[str]:
    """From now on the intent admits nothing more; returns what it had admitted."""
    fenced = _locked(tx, intent_id, vault_id=vault_id, now=now)
    if not fenced.is_revoked:
        tx.execute(update(t).where(t.c.id == intent_id).values(revoked_at=now))
    return fenced.points


def forget_before(tx: Tx, moment: datetime) -> int:
    """Drop those that nobody asked for since and that were not revoked; returns how many they were.

    What they admitted stands in the vault by then, and collection admits that again before it revokes.
    """
    return tx.execute(delete(t).where(t.c.seen_at < moment, t.c.revoked_at.is_(None))).rowcount


def _locked(tx: Tx, intent_id: str, *, vault_id: str, now: datetime) -> _Fenced:
    """The intent's row, made when it is new, which nobody else can change until this transaction ends."""
    insert_if_new(tx, t, {"id": intent_id, "vault_id": vault_id, "points": [], "seen_at": now})
    row = tx.execute(select(t).where(t.c.id == intent_id).with_for_update()).one()
    return _Fenced(list(row.points), row.revoked_at is not None)
