"""Settings of an account in a site as rows: small JSON values by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from safehold.records.dialect import insert_into
from safehold.records.tables import setting as t
from safehold.records.tx import Tx

Value = str | int | bool | None | list[str] | Mapping[str, bool] | Mapping[str, str]


def put(tx: Tx, account_id: str, site: str, values: Mapping[str, Value], *, now: datetime) -> None:
    """These settings have these values; others stay."""
    for name, value in values.items():
        row = {"account_id": account_id, "site": site, "name": name, "value": value, "updated_at": now}
        query = insert_into(tx, t).values(row)
        newest = {"value": query.excluded.value, "updated_at": query.excluded.updated_at}
        tx.execute(query.on_conflict_do_update(index_elements=["account_id", "site", "name"], set_=newest))


def with_prefix(tx: Tx, account_id: str, site: str, prefix: str) -> dict[str, Value]:
    """Settings that were ever put whose names begin so, by what comes behind the prefix."""
    where = (t.c.account_id == account_id, t.c.site == site, t.c.name.startswith(prefix, autoescape=True))
    rows = tx.execute(select(t.c.name, t.c.value).where(*where).order_by(t.c.name))
    return {row.name.removeprefix(prefix): row.value for row in rows}


OPT_IN = "opt-in/"  # and a resource type: a bool, `ResourceTypeOptInPreference` of the region settings


def opted_out(tx: Tx, account_id: str, site: str) -> set[str]:
    """Resource types that the site's settings switch off; a type never set is switched on."""
    return {name for name, is_on in with_prefix(tx, account_id, site, OPT_IN).items() if is_on is False}
