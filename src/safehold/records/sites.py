"""Sites as rows: what the API calls Regions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update

from safehold.domain.vaults import check_site_name
from safehold.records.dialect import insert_if_new
from safehold.records.tables import site as t
from safehold.records.tx import Tx


def insert_site(tx: Tx, name: str, *, storage_url: str, now: datetime) -> None:
    """Store a new site."""
    tx.execute(insert(t).values(name=name, storage_url=storage_url, created_at=now))


def ensure(tx: Tx, name: str, *, now: datetime) -> None:
    """The site exists: a new one keeps its vaults where the installation's first site does.

    Raises InvalidParameterValue for what cannot name a site.
    """
    if tx.execute(select(t.c.name).where(t.c.name == name)).first() is not None:
        return
    check_site_name(name)
    first = select(t.c.storage_url, t.c.cold_storage_url).order_by(t.c.created_at, t.c.name).limit(1)
    insert_if_new(tx, t, {**tx.execute(first).one()._mapping, "name": name, "created_at": now})


def follow_storage(tx: Tx, url: str) -> bool:
    """Sites that keep their vaults where the first one does keep them at `url` now; True if that is news."""
    first = tx.execute(select(t.c.storage_url).order_by(t.c.created_at, t.c.name).limit(1)).scalar()
    if first in (None, url):
        return False
    tx.execute(update(t).where(t.c.storage_url == first).values(storage_url=url))
    return True


def set_cold_storage(tx: Tx, url: str) -> bool:
    """Sites that keep their vaults where the first one does keep what is cold at `url`; True if that is news.

    It is never unset: what was moved there is needed.
    """
    first = select(t.c.storage_url).order_by(t.c.created_at, t.c.name).limit(1).scalar_subquery()
    is_other = t.c.cold_storage_url.is_(None) | (t.c.cold_storage_url != url)
    changed = update(t).where(t.c.storage_url == first, is_other).values(cold_storage_url=url)
    return tx.execute(changed).rowcount > 0


def cold_storage_url(tx: Tx, name: str) -> str | None:
    """Where what the site's vaults have in cold storage lives; None when nothing was said of that."""
    return tx.execute(select(t.c.cold_storage_url).where(t.c.name == name)).scalar()


def storage_url(tx: Tx, name: str) -> str | None:
    """Where the site's vaults live; None for a site that nothing was ever made in."""
    return tx.execute(select(t.c.storage_url).where(t.c.name == name)).scalar()


def names(tx: Tx) -> list[str]:
    """All sites, in the order in which they were made."""
    return list(tx.execute(select(t.c.name).order_by(t.c.created_at, t.c.name)).scalars())
