"""Plans as rows: one for the plan, one for each version of its document. Nothing is ever removed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, insert, select, update

from safehold.core.errors import ResourceNotFound
from safehold.domain.plans import PlanDocument, PlanVersion, document_digest
from safehold.records.keyset import beyond
from safehold.records.tables import plan as t
from safehold.records.tables import plan_version as v
from safehold.records.tx import Tx


def insert_plan(tx: Tx, plan: PlanVersion) -> None:
    """Store a new plan with its first version."""
    tx.execute(
        insert(t).values(
            id=plan.id,
            account_id=plan.account_id,
            site=plan.site,
            arn=plan.arn,
            name=plan.document.name,
            version_id=plan.version_id,
            document_digest=document_digest(plan.document),
            creator_request_id=plan.creator_request_id,
            created_at=plan.created_at,
        )
    )
    _insert_version(tx, plan, position=1)


def replace_document(tx: Tx, plan: PlanVersion) -> None:
    """Store the plan's new version and make it the current one; older ones stay readable."""
    current = {
        "name": plan.document.name,
        "version_id": plan.version_id,
        "document_digest": document_digest(plan.document),
    }
    # ORDER: the plan's row first. Whoever else replaces it waits here, so that positions stay unique.
    tx.execute(update(t).where(t.c.id == plan.id).values(current))
    last = tx.execute(select(func.max(v.c.position)).where(v.c.plan_id == plan.id)).scalar_one()
    _insert_version(tx, plan, position=last + 1)


def correct_version(tx: Tx, plan: PlanVersion) -> None:
    """Store what the plan's current version should have said; it stays that version."""
    is_it = (v.c.plan_id == plan.id, v.c.version_id == plan.version_id)
    tx.execute(update(v).where(*is_it).values(document=plan.document.to_json()))


def mark_deleted(tx: Tx, plan_id: str, *, now: datetime) -> None:
    """The plan is no longer active; its versions stay readable."""
    tx.execute(update(t).where(t.c.id == plan_id).values(deleted_at=now))


def mark_executed(tx: Tx, plan_id: str, *, now: datetime) -> None:
    tx.execute(update(t).where(t.c.id == plan_id).values(last_execution_at=now))


def find_active(tx: Tx, plan_id: str, *, account_id: str, site: str) -> PlanVersion | None:
    """The current version of a plan that was not deleted."""
    query = _current().where(t.c.id == plan_id, *_is_of(account_id, site), t.c.deleted_at.is_(None))
    return _one(tx.execute(query).one_or_none())


def get_active(tx: Tx, plan_id: str, *, account_id: str, site: str) -> PlanVersion:
    """The same; raises ResourceNotFound."""
    plan = find_active(tx, plan_id, account_id=account_id, site=site)
    if plan is None:
        raise missing(plan_id)
    return plan


def get_version(tx: Tx, plan_id: str, version_id: str, *, account_id: str, site: str) -> PlanVersion:
    """That version of a plan, deleted or not; raises ResourceNotFound."""
    query = _every_version().where(t.c.id == plan_id, v.c.version_id == version_id, *_is_of(account_id, site))
    plan = _one(tx.execute(query).one_or_none())
    if plan is None:
        raise missing(plan_id)
    return plan


def find_same(tx: Tx, document: PlanDocument, *, account_id: str, site: str) -> PlanVersion | None:
    """An active plan whose document says the same."""
    same = t.c.document_digest == document_digest(document)
    query = _current().where(*_is_of(account_id, site), same, t.c.deleted_at.is_(None))
    return _one(tx.execute(query.order_by(t.c.created_at, t.c.id).limit(1)).one_or_none())


def find_by_request(tx: Tx, creator_request_id: str, *, account_id: str, site: str) -> PlanVersion | None:
    """The active plan that a request of that id made."""
    asked = t.c.creator_request_id == creator_request_id
    query = _current().where(*_is_of(account_id, site), asked, t.c.deleted_at.is_(None))
    return _one(tx.execute(query.order_by(t.c.created_at, t.c.id).limit(1)).one_or_none())


def page(
    tx: Tx,
    *,
    account_id: str,
    site: str,
    include_deleted: bool,
    after: tuple[datetime, str] | None = None,
    limit: int,
) -> list[PlanVersion]:
    """Plans in the order of their creation, each in its current version, beyond the last page's end."""
    query = _current().where(*_is_of(account_id, site)).order_by(t.c.created_at, t.c.id)
    if not include_deleted:
        query = query.where(t.c.deleted_at.is_(None))
    if after is not None:
        query = query.where(beyond((t.c.created_at, t.c.id), after, descending=False))
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def versions(tx: Tx, plan_id: str, *, after: int | None = None, limit: int) -> list[tuple[int, PlanVersion]]:
    """A plan's versions with their positions, newest first, below the position `after`."""
    query = _every_version(v.c.position).where(t.c.id == plan_id).order_by(v.c.position.desc())
    if after is not None:
        query = query.where(v.c.position < after)
    return [(row.position, _from_row(row)) for row in tx.execute(query.limit(limit))]


def count_versions(tx: Tx, plan_id: str) -> int:
    return tx.execute(select(func.count()).select_from(v).where(v.c.plan_id == plan_id)).scalar_one()


def count_active(tx: Tx, *, account_id: str, site: str) -> int:
    query = select(func.count()).select_from(t).where(*_is_of(account_id, site), t.c.deleted_at.is_(None))
    return tx.execute(query).scalar_one()


def exists(tx: Tx, plan_id: str, *, account_id: str, site: str) -> bool:
    """Was there ever such a plan?"""
    query = select(t.c.id).where(t.c.id == plan_id, *_is_of(account_id, site))
    return tx.execute(query).first() is not None


def active_version_ids(tx: Tx) -> dict[str, str]:
    """Version ids of all active plans of the installation, by plan id: cheap, to see what has changed."""
    rows = tx.execute(select(t.c.id, t.c.version_id).where(t.c.deleted_at.is_(None)))
    return {row.id: row.version_id for row in rows}


def active(tx: Tx, plan_ids: Collection[str] | None = None) -> list[PlanVersion]:
    """Active plans of the installation in their current versions: all of them, or those of `plan_ids`."""
    query = _current().where(t.c.deleted_at.is_(None)).order_by(t.c.id)
    found = [_from_row(row) for row in tx.execute(query if plan_ids is None else _among(query, plan_ids))]
    return found if plan_ids is None else [plan for plan in found if plan.id in plan_ids]


def active_with_prefix(tx: Tx, prefix: str, *, account_id: str) -> list[PlanVersion]:
    """The account's active plans, of all sites, whose ids begin so."""
    mine = (t.c.account_id == account_id, t.c.deleted_at.is_(None))
    query = _current().where(*mine, t.c.id.startswith(prefix, autoescape=True)).order_by(t.c.id)
    return [_from_row(row) for row in tx.execute(query)]


def _among(query: Select[Any], plan_ids: Collection[str]) -> Select[Any]:
    few = 500  # well under SQLite's limit on variables; more are sifted by the caller
    return query.where(t.c.id.in_(list(plan_ids))) if len(plan_ids) <= few else query


def _insert_version(tx: Tx, plan: PlanVersion, *, position: int) -> None:
    tx.execute(
        insert(v).values(
            plan_id=plan.id,
            version_id=plan.version_id,
            position=position,
            document=plan.document.to_json(),
            creator_request_id=plan.creator_request_id,
            created_at=plan.version_created_at,
        )
    )


_COLUMNS = (
    t.c.id,
    t.c.account_id,
    t.c.site,
    t.c.arn,
    v.c.version_id,
    v.c.document,
    t.c.created_at,
    v.c.created_at.label("version_created_at"),
    t.c.creator_request_id,
    t.c.deleted_at,
    t.c.last_execution_at,
)


def _every_version(*more: Any) -> Select[Any]:
    return select(*_COLUMNS, *more).join_from(t, v, t.c.id == v.c.plan_id)


def _current() -> Select[Any]:
    return _every_version().where(t.c.version_id == v.c.version_id)


def _is_of(account_id: str, site: str) -> tuple[Any, Any]:
    return (t.c.account_id == account_id, t.c.site == site)


def missing(plan_id: str) -> ResourceNotFound:
    """The error for a plan or version that is not there."""
    return ResourceNotFound(
        f"Failed reading Backup plan with provided version: there is no backup plan {plan_id}"
    )


def _one(row: Row[Any] | None) -> PlanVersion | None:
    return None if row is None else _from_row(row)


def _from_row(row: Row[Any]) -> PlanVersion:
    values = {column.key: getattr(row, column.key) for column in _COLUMNS}
    return PlanVersion(**values | {"document": PlanDocument.from_json(row.document)})
