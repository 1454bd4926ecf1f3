"""Resources as rows: what discovery found, and since when it is lost."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Row, select, update

from safehold.core.errors import ResourceNotFound
from safehold.domain.resources import Resource
from safehold.records.dialect import insert_if_new
from safehold.records.keyset import beyond
from safehold.records.tables import resource as t
from safehold.records.tx import Tx


def upsert(tx: Tx, resource: Resource) -> bool:
    """Store what was found; True when it was not known. A known one keeps `found_at` and is lost no more."""
    values = asdict(resource) | {"facts": dict(resource.facts), "lost_at": None}
    if insert_if_new(tx, t, values):
        return True
    changing = {key: value for key, value in values.items() if key not in ("arn", "found_at")}
    tx.execute(update(t).where(t.c.arn == resource.arn).values(changing))
    return False


def mark_lost(tx: Tx, *, source_id: str, still_there: Collection[str], now: datetime) -> list[str]:
    """Resources of the source that are not among `still_there` are lost from now on; answers their ARNs."""
    query = select(t.c.arn).where(t.c.source_id == source_id, t.c.lost_at.is_(None))
    lost = sorted(set(tx.execute(query).scalars()) - set(still_there))
    for arn in lost:
        tx.execute(update(t).where(t.c.arn == arn).values(lost_at=now))
    return lost


def mark_orphaned(tx: Tx, *, source_id: str, now: datetime) -> None:
    """The source was removed: nobody finds its resources any more. Their backups stay."""
    mark_lost(tx, source_id=source_id, still_there=(), now=now)
    tx.execute(update(t).where(t.c.source_id == source_id).values(source_id=None))


def find(tx: Tx, arn: str) -> Resource | None:
    row = tx.execute(select(t).where(t.c.arn == arn)).one_or_none()
    return None if row is None else _from_row(row)


def get(tx: Tx, arn: str, *, account_id: str, site: str) -> Resource:
    """The resource, lost or not; raises ResourceNotFound when that account and site never had it."""
    resource = find(tx, arn)
    if resource is None or (resource.account_id, resource.site) != (account_id, site):
        raise ResourceNotFound(
            f"Cannot find resource {arn}. Add a source that holds it (safehold source add)."
        )
    return resource


def of_source(tx: Tx, source_id: str) -> list[Resource]:
    """What the source holds now, by ARN."""
    query = select(t).where(t.c.source_id == source_id, t.c.lost_at.is_(None)).order_by(t.c.arn)
    return [_from_row(row) for row in tx.execute(query)]


def present(tx: Tx, *, account_id: str, site: str) -> list[Resource]:
    """Every resource that is there now, by ARN: what selections choose from."""
    where = (t.c.account_id == account_id, t.c.site == site, t.c.lost_at.is_(None))
    return [_from_row(row) for row in tx.execute(select(t).where(*where).order_by(t.c.arn))]


def page(
    tx: Tx,
    *,
    account_id: str,
    site: str,
    resource_type: str | None = None,
    after: tuple[str] | None = None,
    limit: int,
) -> list[Resource]:
    """Resources by ARN, lost ones too, beyond the last page's end."""
    query = select(t).where(t.c.account_id == account_id, t.c.site == site).order_by(t.c.arn)
    if resource_type is not None:
        query = query.where(t.c.resource_type == resource_type)
    if after is not None:
        query = query.where(beyond((t.c.arn,), after, descending=False))
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def _from_row(row: Row[tuple[object, ...]]) -> Resource:
    return Resource(**row._mapping)
