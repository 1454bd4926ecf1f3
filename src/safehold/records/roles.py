"""Roles as rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from safehold.domain.roles import DEFAULT_SESSION_SECONDS, Role
from safehold.records.dialect import insert_if_new as insert_row_if_new
from safehold.records.tables import role as t
from safehold.records.tx import Tx


def insert_role(tx: Tx, role: Role) -> None:
    """Store a new role."""
    tx.execute(insert(t).values(_values(role)))


def insert_if_new(tx: Tx, role: Role) -> bool:
    """Store a new role; False when the account has one of that name."""
    return insert_row_if_new(tx, t, _values(role))


def find(tx: Tx, arn: str) -> Role | None:
    """The role of that ARN, in whatever account; see `domain.roles.check_assumable`."""
    row = tx.execute(select(t).where(t.c.arn == arn)).one_or_none()
    return None if row is None else _from_row(row)


def find_by_name(tx: Tx, *, account_id: str, name: str) -> Role | None:
    """The account's role of that name, whatever its path."""
    row = tx.execute(select(t).where(t.c.account_id == account_id, t.c.name == name)).one_or_none()
    return None if row is None else _from_row(row)


def page(
    tx: Tx, *, account_id: str, path_prefix: str = "/", after: str | None = None, limit: int
) -> list[Role]:
    """Roles by name, at most `limit`, beyond the name `after`."""
    query = select(t).where(t.c.account_id == account_id, t.c.name > (after or ""))
    query = query.where(t.c.path.startswith(path_prefix, autoescape=True))
    return [_from_row(row) for row in tx.execute(query.order_by(t.c.name).limit(limit))]


def update_role(tx: Tx, arn: str, **values: Any) -> None:
    """Change a role's description, trust policy or longest session."""
    tx.execute(update(t).where(t.c.arn == arn).values(values))


def delete_role(tx: Tx, arn: str) -> None:
    tx.execute(delete(t).where(t.c.arn == arn))


def _values(role: Role) -> dict[str, Any]:
    return asdict(role) | {"trust_policy": dict(role.trust_policy)}


def _from_row(row: Row[tuple[object, ...]]) -> Role:
    values = dict(row._mapping)
    values["max_session_seconds"] = row.max_session_seconds or DEFAULT_SESSION_SECONDS
    return Role(**values)
