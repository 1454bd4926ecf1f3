"""Tiering configurations as rows."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import msgspec
from sqlalchemy import Row, delete, select, update

from safehold.domain.tiering import TieredResources, TieringConfiguration
from safehold.records.dialect import insert_if_new as insert_row_if_new
from safehold.records.keyset import beyond
from safehold.records.tables_vaults import tiering_configuration as t
from safehold.records.tx import Tx

_FIELDS = tuple(field.name for field in fields(TieringConfiguration))


def insert_if_new(tx: Tx, wanted: TieringConfiguration) -> bool:
    """Store it; False when its name is taken, or its vault has one."""
    return insert_row_if_new(tx, t, _values(wanted))


def find(tx: Tx, name: str, *, account_id: str, site: str) -> TieringConfiguration | None:
    query = select(t).where(t.c.account_id == account_id, t.c.site == site, t.c.name == name)
    return _one(tx.execute(query).one_or_none())


def find_by_arn(tx: Tx, arn: str) -> TieringConfiguration | None:
    return _one(tx.execute(select(t).where(t.c.arn == arn)).one_or_none())


def find_of_vault(tx: Tx, vault_name: str, *, account_id: str, site: str) -> TieringConfiguration | None:
    """The one that is for that vault, by name, or for all."""
    query = select(t).where(t.c.account_id == account_id, t.c.site == site, t.c.vault_name == vault_name)
    return _one(tx.execute(query).one_or_none())


def replace_configuration(tx: Tx, changed: TieringConfiguration) -> None:
    """The configuration of that ARN is this one."""
    tx.execute(update(t).where(t.c.arn == changed.arn).values(_values(changed)))


def delete_configuration(tx: Tx, arn: str) -> None:
    tx.execute(delete(t).where(t.c.arn == arn))


def page(tx: Tx, *, account_id: str, site: str, after: str | None, limit: int) -> list[TieringConfiguration]:
    """Configurations by name, at most `limit`, beyond the name `after`."""
    query = select(t).where(t.c.account_id == account_id, t.c.site == site).order_by(t.c.name)
    if after is not None:
        query = query.where(beyond((t.c.name,), (after,), descending=False))
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def _values(configuration: TieringConfiguration) -> dict[str, Any]:
    return asdict(configuration) | {"selections": msgspec.to_builtins(configuration.selections)}


def _one(row: Row[Any] | None) -> TieringConfiguration | None:
    return None if row is None else _from_row(row)


def _from_row(row: Row[Any]) -> TieringConfiguration:
    values = {name: getattr(row, name) for name in _FIELDS}
    selections = msgspec.convert(row.selections, tuple[TieredResources, ...])
    return TieringConfiguration(**values | {"selections": selections})
