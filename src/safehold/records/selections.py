"""Selections as rows. They are made and removed, never changed."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select

from safehold.domain.selection import Selection, SelectionDocument
from safehold.records.dialect import insert_if_new as insert_row_if_new
from safehold.records.keyset import beyond
from safehold.records.tables import selection as t
from safehold.records.tx import Tx

_FIELDS = tuple(field.name for field in fields(Selection))


def insert_if_new(tx: Tx, selection: Selection) -> bool:
    """Store a new selection; False when its plan has one of that name."""
    values = {
        "id": selection.id,
        "plan_id": selection.plan_id,
        "name": selection.document.name,
        "role_arn": selection.document.role_arn,
        "document": selection.document.to_json(),
        "creator_request_id": selection.creator_request_id,
        "created_at": selection.created_at,
    }
    return insert_row_if_new(tx, t, values)


def find(tx: Tx, plan_id: str, selection_id: str) -> Selection | None:
    where = (t.c.plan_id == plan_id, t.c.id == selection_id)
    return _one(tx.execute(select(t).where(*where)).one_or_none())


def find_by_name(tx: Tx, plan_id: str, name: str) -> Selection | None:
    return _one(tx.execute(select(t).where(t.c.plan_id == plan_id, t.c.name == name)).one_or_none())


def remove(tx: Tx, plan_id: str, selection_id: str) -> bool:
    """The plan has no such selection any more; False when it had none."""
    where = (t.c.plan_id == plan_id, t.c.id == selection_id)
    return tx.execute(delete(t).where(*where).returning(t.c.id)).first() is not None


def of_plan(tx: Tx, plan_id: str) -> list[Selection]:
    """The plan's selections, oldest first."""
    query = select(t).where(t.c.plan_id == plan_id).order_by(t.c.created_at, t.c.id)
    return [_from_row(row) for row in tx.execute(query)]


def page(tx: Tx, plan_id: str, *, after: tuple[datetime, str] | None = None, limit: int) -> list[Selection]:
    """The same, at most `limit`, beyond the last page's end."""
    query = select(t).where(t.c.plan_id == plan_id).order_by(t.c.created_at, t.c.id)
    if after is not None:
        query = query.where(beyond((t.c.created_at, t.c.id), after, descending=False))
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def count(tx: Tx, plan_id: str) -> int:
    return tx.execute(select(func.count()).select_from(t).where(t.c.plan_id == plan_id)).scalar_one()


def _one(row: Row[Any] | None) -> Selection | None:
    return None if row is None else _from_row(row)


def _from_row(row: Row[Any]) -> Selection:
    values = {name: getattr(row, name) for name in _FIELDS}
    return Selection(**values | {"document": SelectionDocument.from_json(row.document)})
