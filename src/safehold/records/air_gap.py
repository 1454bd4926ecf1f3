"""Approval teams of air-gapped vaults and restore access to them, as rows."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select

from safehold.domain.air_gap import RestoreAccess, Team
from safehold.domain.vaults import Vault
from safehold.records import vaults
from safehold.records.dialect import put_row
from safehold.records.keyset import beyond
from safehold.records.tables import vault
from safehold.records.tables_vaults import restore_access as t
from safehold.records.tables_vaults import vault_team
from safehold.records.tx import Tx

_ACCESS = tuple(field.name for field in fields(RestoreAccess))
_TEAM = tuple(field.name for field in fields(Team))


def team(tx: Tx, vault_id: str) -> Team | None:
    row = tx.execute(select(vault_team).where(vault_team.c.vault_id == vault_id)).one_or_none()
    return None if row is None else Team(**{name: getattr(row, name) for name in _TEAM})


def put_team(tx: Tx, vault_id: str, wanted: Team) -> None:
    """The vault's team and the latest request about it are these."""
    put_row(tx, vault_team, {"vault_id": vault_id, **asdict(wanted)})


def insert_access(tx: Tx, access: RestoreAccess) -> None:
    tx.execute(insert(t).values(asdict(access)))


def find_access(tx: Tx, vault_id: str) -> RestoreAccess | None:
    """What that vault gives access to; None for every vault that is not for it."""
    row = tx.execute(select(t).where(t.c.vault_id == vault_id)).one_or_none()
    return None if row is None else _access(row)


def page_of_source(
    tx: Tx, source_vault_id: str, *, after: tuple[datetime, str] | None, limit: int
) -> list[tuple[RestoreAccess, Vault]]:
    """Restore access to that vault, newest first, each with the vault that gives it."""
    query = select(t).join(vault, vault.c.id == t.c.vault_id).where(t.c.source_vault_id == source_vault_id)
    query = query.order_by(t.c.created_at.desc(), t.c.vault_id.desc())
    if after is not None:
        query = query.where(beyond((t.c.created_at, t.c.vault_id), after, descending=True))
    found = [_access(row) for row in tx.execute(query.limit(limit))]
    known = [(access, vaults.find_by_id(tx, access.vault_id)) for access in found]
    return [(access, each) for access, each in known if each is not None]


def _access(row: Row[Any]) -> RestoreAccess:
    return RestoreAccess(**{name: getattr(row, name) for name in _ACCESS})
