"""Roles as rows."""

from __future__ import annotations

from sqlalchemy import Row, insert, select

from safehold.domain.roles import Role
from safehold.records.tables import role as t
from safehold.records.tx import Tx


def insert_role(tx: Tx, role: Role) -> None:
    """Store a new role."""
    tx.execute(
        insert(t).values(
            arn=role.arn,
            account_id=role.account_id,
            role_id=role.role_id,
            path=role.path,
            name=role.name,
            trust_policy=dict(role.trust_policy),
            created_at=role.created_at,
        )
    )


def find(tx: Tx, arn: str) -> Role | None:
    """The role of that ARN, in whatever account; see `domain.roles.check_assumable`."""
    row = tx.execute(select(t).where(t.c.arn == arn)).one_or_none()
    return None if row is None else _from_row(row)


def _from_row(row: Row[tuple[object, ...]]) -> Role:
    return Role(
        arn=row.arn,
        account_id=row.account_id,
        role_id=row.role_id,
        path=row.path,
        name=row.name,
        trust_policy=row.trust_policy,
        created_at=row.created_at,
    )
