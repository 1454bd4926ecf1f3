"""Frameworks as rows."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, select, update

from safehold.core.errors import ResourceNotFound
from safehold.domain.frameworks import Control, DeploymentStatus, Framework
from safehold.records.dialect import insert_if_new as insert_row_if_new
from safehold.records.keyset import beyond
from safehold.records.tables_audit import framework as t
from safehold.records.tx import Tx

_FIELDS = tuple(field.name for field in fields(Framework))


def insert_if_new(tx: Tx, framework: Framework) -> bool:
    """Store a new framework; False when the account and site have one of that name."""
    return insert_row_if_new(tx, t, _values(framework))


def find(tx: Tx, name: str, *, account_id: str, site: str) -> Framework | None:
    where = (t.c.account_id == account_id, t.c.site == site, t.c.name == name)
    return _one(tx.execute(select(t).where(*where)).one_or_none())


def get(tx: Tx, name: str, *, account_id: str, site: str) -> Framework:
    """The framework of that name; raises ResourceNotFound."""
    found = find(tx, name, account_id=account_id, site=site)
    if found is None:
        raise ResourceNotFound(f"Cannot find framework {name}", context=name)
    return found


def find_by_arn(tx: Tx, arn: str) -> Framework | None:
    return _one(tx.execute(select(t).where(t.c.arn == arn)).one_or_none())


def update_framework(tx: Tx, framework: Framework) -> None:
    tx.execute(update(t).where(t.c.id == framework.id).values(_values(framework)))


def remove(tx: Tx, framework_id: str) -> None:
    tx.execute(delete(t).where(t.c.id == framework_id))


def page(tx: Tx, *, account_id: str, site: str, after: str | None = None, limit: int) -> list[Framework]:
    """Frameworks by name, beyond the name `after`."""
    query = select(t).where(t.c.account_id == account_id, t.c.site == site).order_by(t.c.name)
    if after is not None:
        query = query.where(beyond((t.c.name,), (after,), descending=False))
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def counts(tx: Tx, *, account_id: str, site: str) -> tuple[int, int]:
    """How many frameworks there are, and how many controls in all of them."""
    query = select(func.count(), func.coalesce(func.sum(t.c.control_count), 0)).select_from(t)
    row = tx.execute(query.where(t.c.account_id == account_id, t.c.site == site)).one()
    return int(row[0]), int(row[1])


def _values(framework: Framework) -> dict[str, Any]:
    values = {name: getattr(framework, name) for name in _FIELDS}
    controls = msgspec.to_builtins(framework.controls)
    return values | {"controls": controls, "control_count": len(framework.controls)}


def _one(row: Row[Any] | None) -> Framework | None:
    return None if row is None else _from_row(row)


def _from_row(row: Row[Any]) -> Framework:
    values = {name: getattr(row, name) for name in _FIELDS}
    values["controls"] = msgspec.convert(row.controls, tuple[Control, ...])
    values["deployment_status"] = DeploymentStatus(row.deployment_status)
    return Framework(**values)
