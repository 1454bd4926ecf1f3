"""Restore testing plans and their selections as rows."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, select, update

from safehold.core.errors import ResourceNotFound
from safehold.domain.restore_testing import (
    PointChoice,
    RestoreTestingPlan,
    RestoreTestingSelection,
    TagCondition,
)
from safehold.records.dialect import insert_if_new
from safehold.records.keyset import beyond
from safehold.records.tables_restore_testing import restore_testing_plan as p
from safehold.records.tables_restore_testing import restore_testing_selection as s
from safehold.records.tx import Tx

_PLAN_FIELDS = tuple(field.name for field in fields(RestoreTestingPlan))
_SELECTION_FIELDS = tuple(field.name for field in fields(RestoreTestingSelection))


def insert_plan_if_new(tx: Tx, plan: RestoreTestingPlan) -> bool:
    """Store a new plan; False when the account and site have one of that name."""
    return insert_if_new(tx, p, _plan_values(plan))


def find_plan(tx: Tx, name: str, *, account_id: str, site: str) -> RestoreTestingPlan | None:
    where = (p.c.account_id == account_id, p.c.site == site, p.c.name == name)
    return _one_plan(tx.execute(select(p).where(*where)).one_or_none())


def get_plan(tx: Tx, name: str, *, account_id: str, site: str) -> RestoreTestingPlan:
    """The plan of that name; raises ResourceNotFound."""
    plan = find_plan(tx, name, account_id=account_id, site=site)
    if plan is None:
        raise ResourceNotFound(f"Cannot find restore testing plan {name}", context=name)
    return plan


def find_plan_by_arn(tx: Tx, arn: str) -> RestoreTestingPlan | None:
    return _one_plan(tx.execute(select(p).where(p.c.arn == arn)).one_or_none())


def update_plan(tx: Tx, plan: RestoreTestingPlan) -> None:
    """The row of that id says what `plan` says."""
    tx.execute(update(p).where(p.c.id == plan.id).values(_plan_values(plan)))


def mark_executed(tx: Tx, plan_id: str, *, now: datetime) -> None:
    tx.execute(update(p).where(p.c.id == plan_id).values(last_execution_at=now))


def delete_plan(tx: Tx, plan_id: str) -> None:
    """The plan is gone; its selections must be gone before."""
    tx.execute(delete(p).where(p.c.id == plan_id))


def page_of_plans(
    tx: Tx, *, account_id: str, site: str, after: str | None = None, limit: int
) -> list[RestoreTestingPlan]:
    """Plans by name, beyond the name `after`."""
    query = select(p).where(p.c.account_id == account_id, p.c.site == site).order_by(p.c.name)
    if after is not None:
        query = query.where(beyond((p.c.name,), (after,), descending=False))
    return [_plan(row) for row in tx.execute(query.limit(limit))]


def every_plan(tx: Tx) -> list[RestoreTestingPlan]:
    """All plans of the installation: for who runs them."""
    return [_plan(row) for row in tx.execute(select(p).order_by(p.c.id))]


def count_plans(tx: Tx, *, account_id: str, site: str) -> int:
    where = (p.c.account_id == account_id, p.c.site == site)
    return tx.execute(select(func.count()).select_from(p).where(*where)).scalar_one()


def insert_selection_if_new(tx: Tx, selection: RestoreTestingSelection) -> bool:
    """Store a new selection; False when its plan has one of that name."""
    return insert_if_new(tx, s, _selection_values(selection))


def find_selection(tx: Tx, plan_id: str, name: str) -> RestoreTestingSelection | None:
    row = tx.execute(select(s).where(s.c.plan_id == plan_id, s.c.name == name)).one_or_none()
    return None if row is None else _selection(row)


def get_selection(tx: Tx, plan_id: str, name: str) -> RestoreTestingSelection:
    """The plan's selection of that name; raises ResourceNotFound."""
    selection = find_selection(tx, plan_id, name)
    if selection is None:
        raise ResourceNotFound(f"Cannot find restore testing selection {name}", context=name)
    return selection


def update_selection(tx: Tx, selection: RestoreTestingSelection) -> None:
    is_it = (s.c.plan_id == selection.plan_id, s.c.name == selection.name)
    tx.execute(update(s).where(*is_it).values(_selection_values(selection)))


def delete_selection(tx: Tx, plan_id: str, name: str) -> None:
    tx.execute(delete(s).where(s.c.plan_id == plan_id, s.c.name == name))


def page_of_selections(
    tx: Tx, plan_id: str, *, after: str | None = None, limit: int
) -> list[RestoreTestingSelection]:
    """The plan's selections by name, beyond the name `after`."""
    query = select(s).where(s.c.plan_id == plan_id).order_by(s.c.name)
    if after is not None:
        query = query.where(beyond((s.c.name,), (after,), descending=False))
    return [_selection(row) for row in tx.execute(query.limit(limit))]


def count_selections(tx: Tx, plan_id: str) -> int:
    return tx.execute(select(func.count()).select_from(s).where(s.c.plan_id == plan_id)).scalar_one()


def _plan_values(plan: RestoreTestingPlan) -> dict[str, Any]:
    values = {name: getattr(plan, name) for name in _PLAN_FIELDS}
    return values | {"points": msgspec.to_builtins(plan.points)}


def _one_plan(row: Row[Any] | None) -> RestoreTestingPlan | None:
    return None if row is None else _plan(row)


def _plan(row: Row[Any]) -> RestoreTestingPlan:
    values = {name: getattr(row, name) for name in _PLAN_FIELDS}
    return RestoreTestingPlan(**values | {"points": msgspec.convert(row.points, PointChoice)})


def _selection_values(selection: RestoreTestingSelection) -> dict[str, Any]:
    values = {name: getattr(selection, name) for name in _SELECTION_FIELDS}
    documents = ("resource_arns", "equals", "not_equals")
    return values | {name: msgspec.to_builtins(values[name]) for name in documents}


def _selection(row: Row[Any]) -> RestoreTestingSelection:
    values = {name: getattr(row, name) for name in _SELECTION_FIELDS}
    conditions = tuple[TagCondition, ...]
    return RestoreTestingSelection(
        **values
        | {
            "resource_arns": tuple(row.resource_arns),
            "equals": msgspec.convert(row.equals, conditions),
            "not_equals": msgspec.convert(row.not_equals, conditions),
        }
    )
