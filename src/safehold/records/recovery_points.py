"""Recovery points as rows. A row is written by the last step of a backup and by nothing else.

What follows from a point (the vault's count, what is protected) changes in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, Row, Select, delete, insert, select, update

from safehold.core.errors import ResourceNotFound
from safehold.domain.backup_requests import CreatedBy
from safehold.domain.events import of_point
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.recovery_points import PointStatus, RecoveryPoint, StorageClass
from safehold.records import events, point_indexes, point_scans, protected_resources, tags
from safehold.records.dialect import in_batches
from safehold.records.held_points import is_heeded
from safehold.records.keyset import beyond
from safehold.records.tables import recovery_point as t
from safehold.records.tables import vault
from safehold.records.tables_locking import point_lock
from safehold.records.tx import Tx

After: TypeAlias = tuple[datetime, str]  # (created_at, id) of the last page's last point

_FIELDS = tuple(field.name for field in fields(RecoveryPoint))
_FIELDS_OF = attrgetter(*_FIELDS)  # a page of a thousand points asks for 27,000: in one call each


def insert_if_new(tx: Tx, point: RecoveryPoint, *, is_news: bool = True) -> bool:
    """The point is there and counted; False when it was before, as after a step that runs twice.

    is_news  it was made just now, which is an event; a row that comes back from its vault is none

    Raises ResourceNotFound when its vault is gone.
    """
    # ORDER: the vault's row first, here and in `forget`: two transactions never wait for each other.
    if not _count(tx, point.vault_id, +1):
        raise ResourceNotFound(f"The backup vault of recovery point {point.arn} does not exist.")
    if find(tx, vault_id=point.vault_id, arn=point.arn) is not None:
        _count(tx, point.vault_id, -1)
        return False
    tx.execute(insert(t).values(_values(point)))
    protected_resources.add_point(tx, point)
    if is_news:
        tell(tx, point, str(point.status), at=point.completed_at or point.created_at)
    return True


def tell(tx: Tx, point: RecoveryPoint, status: str, *, at: datetime) -> None:
    """Something became of the point, in AWS's word for it: that is an event."""
    vault_arn = tx.execute(select(vault.c.arn).where(vault.c.id == point.vault_id)).scalar()
    if vault_arn is not None:
        events.add(tx, of_point(point, vault_arn, status, at=at))


def find(tx: Tx, *, vault_id: str, arn: str) -> RecoveryPoint | None:
    return _one(tx, select(t).where(t.c.vault_id == vault_id, t.c.arn == arn))


def find_by_id(tx: Tx, point_id: str) -> RecoveryPoint | None:
    return _one(tx, select(t).where(t.c.id == point_id))


def of_many(tx: Tx, point_ids: Iterable[str]) -> dict[str, RecoveryPoint]:
    """Those of these points that there are, by id."""
    found: dict[str, RecoveryPoint] = {}
    for batch in in_batches(point_ids):
        query = select(t).where(t.c.id.in_(batch))
        found |= {row.id: from_row(row) for row in tx.execute(query)}
    return found


def find_by_arn(tx: Tx, arn: str, *, account_id: str) -> RecoveryPoint | None:
    """The account's point of that ARN, whatever vault it is in."""
    return _one(tx, select(t).where(t.c.arn == arn, t.c.account_id == account_id).limit(1))


def latest_of_resource(tx: Tx, *, vault_id: str, resource_arn: str) -> RecoveryPoint | None:
    """The newest usable point of the resource in that vault: what the next backup builds upon."""
    usable = (PointStatus.COMPLETED, PointStatus.AVAILABLE, PointStatus.PARTIAL)
    query = _newest_first().where(
        t.c.vault_id == vault_id, t.c.resource_arn == resource_arn, t.c.status.in_(usable)
    )
    return _one(tx, query.limit(1))


def page_of_vault(
    tx: Tx,
    *,
    vault_id: str,
    resource_arn: str | None = None,
    resource_type: str | None = None,
    plan_id: str | None = None,
    parent_arn: str | None = None,
    created_before: datetime | None = None,
    created_after: datetime | None = None,
    after: After | None = None,
    limit: int,
) -> list[RecoveryPoint]:
    """The vault's points, newest first, at most `limit`; `after` is where the last page ended.

    A point that arrives while a client pages is neither shown twice nor hides another. Each single filter has
    an index of its own; with several at once one index is read and the rest compared.
    """
    equal = {"resource_arn": resource_arn, "resource_type": resource_type, "plan_id": plan_id}
    where: list[ColumnElement[bool]] = [t.c.vault_id == vault_id]
    where += [t.c[name] == value for name, value in equal.items() if value is not None]
    if parent_arn is not None:
        where.append(t.c.parent_arn == parent_arn)
    if created_before is not None:
        where.append(t.c.created_at < created_before)
    if created_after is not None:
        where.append(t.c.created_at > created_after)
    return _page(tx, where, after, limit)


def page_of_resource(
    tx: Tx, *, account_id: str, site: str, resource_arn: str, after: After | None = None, limit: int
) -> list[RecoveryPoint]:
    """The resource's points in all vaults of the account and site, newest first."""
    where = [t.c.account_id == account_id, t.c.site == site, t.c.resource_arn == resource_arn]
    return _page(tx, where, after, limit)


def has_children(tx: Tx, point: RecoveryPoint) -> bool:
    query = select(t.c.id).where(t.c.vault_id == point.vault_id, t.c.parent_arn == point.arn)
    return tx.execute(query.limit(1)).first() is not None


def lock(tx: Tx, point_id: str) -> RecoveryPoint | None:
    """The point, which nobody else changes until this transaction ends."""
    return _one(tx, select(t).where(t.c.id == point_id).with_for_update())


def update_point(tx: Tx, point_id: str, **values: Any) -> bool:
    """Change columns of a point (status, restored_at, ...); False when there is none."""
    changed = {name: msgspec.to_builtins(v) if isinstance(v, Lifecycle) else v for name, v in values.items()}
    return tx.execute(update(t).where(t.c.id == point_id).values(changed)).rowcount == 1


def expired(tx: Tx, *, now: datetime, limit: int) -> list[RecoveryPoint]:
    """Points whose retention has ended and that nobody deletes yet, the longest overdue first.

    A vault lock lets points expire, a legal hold does not: what one covers is left out.
    """
    standing = (PointStatus.COMPLETED, PointStatus.AVAILABLE, PointStatus.PARTIAL, PointStatus.STOPPED)
    found: list[RecoveryPoint] = []
    for status in standing:
        over = (t.c.status == status, t.c.delete_at <= now, ~is_heeded())
        query = select(t).where(*over).order_by(t.c.delete_at, t.c.id)
        found += [from_row(row) for row in tx.execute(query.limit(limit))]
    return sorted(found, key=lambda point: (point.delete_at or now, point.id))[:limit]


def deleting(tx: Tx, *, limit: int) -> list[RecoveryPoint]:
    """Points that are to go: their deletion stands among the amendments until it is written."""
    query = select(t).where(t.c.status == PointStatus.DELETING).order_by(t.c.delete_at, t.c.id)
    return [from_row(row) for row in tx.execute(query.limit(limit))]


def forget(tx: Tx, point_id: str) -> bool:
    """No list shows the point any more, its vault counts one less; False when it was forgotten before."""
    point = find_by_id(tx, point_id)
    if point is None:
        return False
    _count(tx, point.vault_id, 0)  # ORDER: see insert_if_new
    if tx.execute(delete(t).where(t.c.id == point_id)).rowcount != 1:
        return False
    _count(tx, point.vault_id, -1)
    tags.delete_all(tx, point.arn)
    tx.execute(delete(point_lock).where(point_lock.c.recovery_point_id == point_id))
    point_indexes.forget(tx, point.id)
    point_scans.forget(tx, point.id)
    newest = _newest_first().where(t.c.vault_id == point.vault_id, t.c.resource_arn == point.resource_arn)
    protected_resources.remove_point(tx, point, newest=_one(tx, newest.limit(1)))
    return True


def _count(tx: Tx, vault_id: str, difference: int) -> bool:
    changed = update(vault).where(vault.c.id == vault_id).values(point_count=vault.c.point_count + difference)
    return tx.execute(changed).rowcount == 1


def _newest_first() -> Select[Any]:
    return select(t).order_by(t.c.created_at.desc(), t.c.id.desc())


def _page(tx: Tx, where: list[ColumnElement[bool]], after: After | None, limit: int) -> list[RecoveryPoint]:
    query = _newest_first().where(*where)
    if after is not None:
        query = query.where(beyond((t.c.created_at, t.c.id), after, descending=True))
    return [from_row(row) for row in tx.execute(query.limit(limit))]


def _one(tx: Tx, query: Select[Any]) -> RecoveryPoint | None:
    row = tx.execute(query).one_or_none()
    return None if row is None else from_row(row)


def _values(point: RecoveryPoint) -> dict[str, Any]:
    values = {name: getattr(point, name) for name in _FIELDS}
    for name in ("lifecycle", "created_by", "restore_metadata", "facts"):
        value = values[name]
        values[name] = dict(value) if isinstance(value, Mapping) else msgspec.to_builtins(value)
    return values


def from_row(row: Row[Any]) -> RecoveryPoint:
    """The point that a row of its table holds."""
    values = dict(zip(_FIELDS, _FIELDS_OF(row), strict=True))
    values["status"] = PointStatus(row.status)
    values["storage_class"] = StorageClass(row.storage_class)
    values["lifecycle"] = None if row.lifecycle is None else msgspec.convert(row.lifecycle, Lifecycle)
    values["created_by"] = None if row.created_by is None else msgspec.convert(row.created_by, CreatedBy)
    return RecoveryPoint(**values)
