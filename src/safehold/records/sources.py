"""Sources as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, Row, insert, or_, select
from sqlalchemy import delete as delete_from
from sqlalchemy import update as update_in

from safehold.core.errors import ResourceNotFound
from safehold.domain.sources import Source
from safehold.records.keyset import beyond
from safehold.records.tables import source as t
from safehold.records.tx import Tx


def insert_source(tx: Tx, source: Source) -> None:
    """Store a new source. Its name must be free: `find` it first in the same transaction."""
    tx.execute(insert(t).values(asdict(source) | {"settings": dict(source.settings)}))


def find(tx: Tx, source_id: str) -> Source | None:
    row = tx.execute(select(t).where(t.c.id == source_id)).one_or_none()
    return None if row is None else _from_row(row)


def find_by_name(tx: Tx, name: str, *, account_id: str, site: str) -> Source | None:
    query = select(t).where(t.c.account_id == account_id, t.c.site == site, t.c.name == name)
    row = tx.execute(query).one_or_none()
    return None if row is None else _from_row(row)


def get_by_name(tx: Tx, name: str, *, account_id: str, site: str) -> Source:
    """The source. Raises ResourceNotFound."""
    source = find_by_name(tx, name, account_id=account_id, site=site)
    if source is None:
        raise ResourceNotFound(f"Cannot find source {name}.")
    return source


def page(tx: Tx, *, account_id: str, site: str, after: tuple[str] | None = None, limit: int) -> list[Source]:
    """Sources of an account and site by name, beyond the last page's end."""
    query = select(t).where(t.c.account_id == account_id, t.c.site == site).order_by(t.c.name)
    if after is not None:
        query = query.where(beyond((t.c.name,), after, descending=False))
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def due_for_discovery(tx: Tx, *, asked_before: datetime) -> list[Source]:
    """Sources of every account and site that were last asked before that time, or never."""
    query = select(t).where(_is_due(asked_before)).order_by(t.c.discovered_at, t.c.id)
    return [_from_row(row) for row in tx.execute(query)]


def claim_discovery(tx: Tx, source_id: str, *, asked_before: datetime, now: datetime) -> bool:
    """True for the one worker that may ask the source now."""
    query = update_in(t).where(t.c.id == source_id, _is_due(asked_before)).values(discovered_at=now)
    return tx.execute(query).rowcount == 1


def update_discovered(tx: Tx, source_id: str, *, at: datetime, error: str | None) -> None:
    """Note when the source was asked, and what went wrong."""
    tx.execute(update_in(t).where(t.c.id == source_id).values(discovered_at=at, discovery_error=error))


def update_settings(tx: Tx, source_id: str, settings: Mapping[str, object]) -> None:
    """The source has these settings instead of those it had."""
    tx.execute(update_in(t).where(t.c.id == source_id).values(settings=dict(settings)))


def delete(tx: Tx, source_id: str) -> None:
    """Forget the source; `resources.mark_orphaned` is for what it held."""
    tx.execute(delete_from(t).where(t.c.id == source_id))


def _is_due(asked_before: datetime) -> ColumnElement[bool]:
    return or_(t.c.discovered_at.is_(None), t.c.discovered_at < asked_before)


def _from_row(row: Row[tuple[object, ...]]) -> Source:
    return Source(**row._mapping)
