"""Vaults as rows."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Row, delete, func, select, update

from safehold.domain.vaults import Vault, VaultState, VaultType
from safehold.records.dialect import insert_if_new as insert_row_if_new
from safehold.records.keyset import beyond
from safehold.records.tables import amendment
from safehold.records.tables import vault as t
from safehold.records.tables_locking import vault_locking
from safehold.records.tables_vaults import restore_access, vault_notification, vault_policy, vault_team
from safehold.records.tx import Tx


def insert_if_new(tx: Tx, vault: Vault) -> bool:
    """Store a new vault; False when the account and site have one of that name."""
    return insert_row_if_new(tx, t, asdict(vault))


def find(tx: Tx, *, account_id: str, site: str, name: str) -> Vault | None:
    where = (t.c.account_id == account_id, t.c.site == site, t.c.name == name)
    return _one(tx.execute(select(t).where(*where)).one_or_none())


def find_by_arn(tx: Tx, arn: str) -> Vault | None:
    return _one(tx.execute(select(t).where(t.c.arn == arn)).one_or_none())


def lock_by_arn(tx: Tx, arn: str) -> Vault | None:
    """The same, and nobody else changes or deletes the vault until this transaction ends."""
    return _one(tx.execute(select(t).where(t.c.arn == arn).with_for_update()).one_or_none())


def find_by_id(tx: Tx, vault_id: str) -> Vault | None:
    return _one(tx.execute(select(t).where(t.c.id == vault_id)).one_or_none())


def page(
    tx: Tx,
    *,
    account_id: str,
    site: str,
    vault_type: VaultType | None = None,
    after: str | None = None,
    limit: int,
) -> list[Vault]:
    """Vaults by name, at most `limit`, beyond the name `after`."""
    query = select(t).where(t.c.account_id == account_id, t.c.site == site).order_by(t.c.name)
    if vault_type is not None:
        query = query.where(t.c.vault_type == vault_type)
    if after is not None:
        query = query.where(beyond((t.c.name,), (after,), descending=False))
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def every(tx: Tx) -> list[Vault]:
    """All vaults of the installation, oldest first: for those who look after the stores."""
    return [_from_row(row) for row in tx.execute(select(t).order_by(t.c.created_at, t.c.id))]


def set_state(tx: Tx, vault_id: str, state: VaultState, *, from_state: VaultState) -> None:
    """The vault is in that state, if it is still in the other one."""
    tx.execute(update(t).where(t.c.id == vault_id, t.c.state == from_state).values(state=state))


def count(tx: Tx, *, account_id: str, site: str) -> int:
    """How many vaults there are; at most a few hundred."""
    query = select(func.count()).select_from(t).where(t.c.account_id == account_id, t.c.site == site)
    return tx.execute(query).scalar_one()


def key_arns(tx: Tx, *, account_id: str, site: str) -> list[tuple[str, datetime]]:
    """Keys that vaults there name, each with the moment since when."""
    query = select(t.c.key_arn, func.min(t.c.created_at).label("since"))
    mine = query.where(t.c.account_id == account_id, t.c.site == site)
    rows = tx.execute(mine.group_by(t.c.key_arn).order_by(t.c.key_arn))
    return [(row.key_arn, row.since) for row in rows]


def delete_empty(tx: Tx, vault_id: str) -> bool:
    """The vault is gone; False, and nothing done, when it holds recovery points.

    RACE: a backup may finish meanwhile. Both change the vault's row, so one of them waits for the other:
    either the point is counted here, or it finds no vault.
    """
    is_empty = select(t.c.id).where(t.c.id == vault_id, t.c.point_count == 0).with_for_update()
    if tx.execute(is_empty).first() is None:
        return False
    tx.execute(delete(amendment).where(amendment.c.vault_id == vault_id))
    for table in (vault_locking, vault_policy, vault_notification, vault_team, restore_access):
        tx.execute(delete(table).where(table.c.vault_id == vault_id))
    tx.execute(delete(t).where(t.c.id == vault_id))
    return True


def _one(row: Row[tuple[object, ...]] | None) -> Vault | None:
    return None if row is None else _from_row(row)


def _from_row(row: Row[tuple[object, ...]]) -> Vault:
    values = dict(row._mapping)
    return Vault(
        **values | {"vault_type": VaultType(row.vault_type), "state": VaultState(row.state)},
    )
