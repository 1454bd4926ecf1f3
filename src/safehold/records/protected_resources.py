"""What has recovery points, by vault: kept up with the points, so that no list looks through them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, case, delete, select, update

from safehold.domain.recovery_points import RecoveryPoint
from safehold.records.dialect import insert_into
from safehold.records.keyset import beyond
from safehold.records.tables import protected_resource as t
from safehold.records.tables import vault
from safehold.records.tx import Tx


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """last_* tell of the newest point that still exists."""

    resource_arn: str
    resource_type: str
    resource_name: str | None
    last_backup_at: datetime
    last_vault_arn: str
    last_point_arn: str


def add_point(tx: Tx, point: RecoveryPoint) -> None:
    """The resource has one more point in the vault."""
    row = {
        "vault_id": point.vault_id,
        "resource_arn": point.resource_arn,
        "account_id": point.account_id,
        "site": point.site,
        "point_count": 1,
        **_last(point),
    }
    query = insert_into(tx, t).values(row)
    is_newer = query.excluded.last_backup_at >= t.c.last_backup_at
    changed: dict[str, Any] = {
        name: case((is_newer, query.excluded[name]), else_=t.c[name]) for name in _last(point)
    }
    changed["point_count"] = t.c.point_count + 1
    tx.execute(query.on_conflict_do_update(index_elements=["vault_id", "resource_arn"], set_=changed))


def remove_point(tx: Tx, point: RecoveryPoint, *, newest: RecoveryPoint | None) -> None:
    """The resource has one point less in the vault; `newest` is the newest of those left, None: none is."""
    here = (t.c.vault_id == point.vault_id, t.c.resource_arn == point.resource_arn)
    if newest is None:
        tx.execute(delete(t).where(*here))
    else:
        tx.execute(update(t).where(*here).values(point_count=t.c.point_count - 1, **_last(newest)))


def find(tx: Tx, *, account_id: str, site: str, resource_arn: str) -> ProtectedResource | None:
    """The resource, as its newest point in any vault of the account and site tells."""
    where = (t.c.account_id == account_id, t.c.site == site, t.c.resource_arn == resource_arn)
    found = _resources(tx, *where)
    return found[0] if found else None


def page(
    tx: Tx, *, account_id: str, site: str, after: str | None = None, limit: int
) -> list[ProtectedResource]:
    """Resources that have points in any vault of the account and site, by ARN."""
    mine = (t.c.account_id == account_id, t.c.site == site)
    arns = select(t.c.resource_arn).where(*mine).distinct().order_by(t.c.resource_arn)
    if after is not None:
        arns = arns.where(t.c.resource_arn > after)
    wanted = list(tx.execute(arns.limit(limit)).scalars())
    if not wanted:
        return []
    return _resources(tx, *mine, t.c.resource_arn >= wanted[0], t.c.resource_arn <= wanted[-1])


def page_of_vault(tx: Tx, *, vault_id: str, after: str | None = None, limit: int) -> list[ProtectedResource]:
    """Resources that have points in the vault, by ARN, as their points there tell."""
    where: list[ColumnElement[bool]] = [t.c.vault_id == vault_id]
    if after is not None:
        where.append(beyond((t.c.resource_arn,), (after,), descending=False))
    rows = tx.execute(_with_vault().where(*where).order_by(t.c.resource_arn).limit(limit))
    return [_from_row(row) for row in rows]


def _resources(tx: Tx, *where: ColumnElement[bool]) -> list[ProtectedResource]:
    """Of each resource the row that was backed up last, in the order of ARNs."""
    query = _with_vault().where(*where).order_by(t.c.resource_arn)
    newest: dict[str, ProtectedResource] = {}
    for row in tx.execute(query):
        found = _from_row(row)
        known = newest.get(found.resource_arn)
        if known is None or known.last_backup_at < found.last_backup_at:
            newest[found.resource_arn] = found
    return list(newest.values())


def _with_vault() -> Any:
    return select(t, vault.c.arn.label("vault_arn")).join(vault, vault.c.id == t.c.vault_id)


def _last(point: RecoveryPoint) -> dict[str, Any]:
    return {
        "resource_type": point.resource_type,
        "resource_name": point.resource_name,
        "last_point_arn": point.arn,
        "last_backup_at": point.created_at,
    }


def _from_row(row: Row[Any]) -> ProtectedResource:
    return ProtectedResource(
        resource_arn=row.resource_arn,
        resource_type=row.resource_type,
        resource_name=row.resource_name,
        last_backup_at=row.last_backup_at,
        last_vault_arn=row.vault_arn,
        last_point_arn=row.last_point_arn,
    )
