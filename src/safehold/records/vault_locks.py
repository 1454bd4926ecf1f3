"""Locks of vaults as rows, and what their stores have done for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import or_, select, update

from safehold.domain.job_states import JobState
from safehold.domain.vaults import Vault
from safehold.records.dialect import put_row
from safehold.records.tables import job, vault
from safehold.records.tables_locking import vault_locking as t
from safehold.records.tx import Tx


@dataclass(frozen=True, slots=True)
class Locking:
    """checked_at  when it was last looked whether the vault's place keeps what it says
    trouble     why the store does not keep what the lock promises; None: all is well
    done, total how many objects were made final; `after` is the last of them
    final_at    when all of them were
    """

    checked_at: datetime | None = None
    trouble: str | None = None
    done: int = 0
    total: int = 0
    after: str = ""
    final_at: datetime | None = None


def put_lock(tx: Tx, changed: Vault) -> None:
    """The vault's row says of its lock what `changed` says. The caller holds the row."""
    names = ("is_locked", "min_retention_days", "max_retention_days", "lock_date")
    values = {name: getattr(changed, name) for name in names}
    tx.execute(update(vault).where(vault.c.id == changed.id).values(values))


def mark_final(tx: Tx, vault_id: str) -> None:
    """The vault's lock is final, whatever any clock says from now on."""
    tx.execute(update(vault).where(vault.c.id == vault_id, vault.c.is_locked).values(lock_is_final=True))


def of(tx: Tx, vault_id: str) -> Locking:
    """What is known of the vault's store."""
    row = tx.execute(select(t).where(t.c.vault_id == vault_id)).one_or_none()
    if row is None:
        return Locking()
    return Locking(row.checked_at, row.trouble, row.done, row.total, row.after, row.final_at)


def put(tx: Tx, vault_id: str, locking: Locking) -> None:
    put_row(tx, t, {"vault_id": vault_id, **asdict(locking)})


def has_older_writers(tx: Tx, locked: Vault) -> bool:
    """Does a job still run that may have begun to write before the vault's lock was final?"""
    running = (JobState.RUNNING, JobState.ABORTING, JobState.PENDING, JobState.CREATED)
    began = or_(job.c.started_at.is_(None), job.c.started_at <= locked.lock_date)
    query = select(job.c.id).where(
        job.c.vault_arn == locked.arn, job.c.state.in_(running), job.c.worker_id.is_not(None), began
    )
    return tx.execute(query.limit(1)).first() is not None
