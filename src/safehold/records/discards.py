"""Jobs that ended without a result and whose attempts may have left something in a vault: to be taken back.

A note stands from the transaction that ends the job until the vault was looked at, as a checkpoint of that
job does while it runs, and in the same table.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from safehold.domain.jobs import Job
from safehold.records.dialect import insert_if_new
from safehold.records.jobs import from_row
from safehold.records.tables import checkpoint as t
from safehold.records.tables import job
from safehold.records.tx import Tx

NAME = "discard"


def note(tx: Tx, job_id: str) -> None:
    """The job that ends in this transaction is to be looked at; again changes nothing."""
    insert_if_new(tx, t, {"job_id": job_id, "name": NAME, "value": True})


def due(tx: Tx, *, ended_before: datetime, limit: int) -> list[Job]:
    """Noted jobs that ended before then, the one that waits longest first."""
    noted = select(job).join(t, t.c.job_id == job.c.id).where(t.c.name == NAME)
    query = noted.where(job.c.completed_at < ended_before).order_by(job.c.completed_at, job.c.id)
    return [from_row(row) for row in tx.execute(query.limit(limit))]


def forget(tx: Tx, job_id: str) -> None:
    """The job was looked at."""
    tx.execute(delete(t).where(t.c.job_id == job_id, t.c.name == NAME))
