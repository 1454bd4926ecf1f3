"""What vaults have beside their row: access policies and notifications."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from safehold.records.dialect import put_row
from safehold.records.tables_vaults import vault_notification, vault_policy
from safehold.records.tx import Tx


@dataclass(frozen=True, slots=True)
class Notification:
    """Which events of a vault go to which topic."""

    topic_arn: str
    events: tuple[str, ...]


def put_policy(tx: Tx, vault_id: str, policy: str, *, now: datetime) -> None:
    """The vault has this policy, as text, instead of another."""
    put_row(tx, vault_policy, {"vault_id": vault_id, "policy": policy, "updated_at": now})


def policy(tx: Tx, vault_id: str) -> str | None:
    """As it was given; None: it has none."""
    query = select(vault_policy.c.policy).where(vault_policy.c.vault_id == vault_id)
    return tx.execute(query).scalar_one_or_none()


def delete_policy(tx: Tx, vault_id: str) -> bool:
    """The vault has no policy; False when it had none."""
    return tx.execute(delete(vault_policy).where(vault_policy.c.vault_id == vault_id)).rowcount == 1


def put_notification(tx: Tx, vault_id: str, *, topic_arn: str, events: Sequence[str], now: datetime) -> None:
    """The vault's events go there, and no others."""
    values = {"topic_arn": topic_arn, "events": list(events), "updated_at": now}
    put_row(tx, vault_notification, {"vault_id": vault_id, **values})


def notification(tx: Tx, vault_id: str) -> Notification | None:
    """Where the vault's events go; None: nowhere."""
    t = vault_notification
    row = tx.execute(select(t).where(t.c.vault_id == vault_id)).one_or_none()
    return None if row is None else Notification(row.topic_arn, tuple(row.events))


def delete_notification(tx: Tx, vault_id: str) -> bool:
    """The vault's events go nowhere; False when they did before."""
    t = vault_notification
    return tx.execute(delete(t).where(t.c.vault_id == vault_id)).rowcount == 1
