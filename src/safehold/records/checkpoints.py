"""A running job's own notes, so that its next attempt goes on where this one stopped."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select

from safehold.domain.jobs import Job
from safehold.records.dialect import put_row
from safehold.records.tables import checkpoint as t
from safehold.records.tables import job
from safehold.records.tx import Tx


def put(tx: Tx, owner: Job, name: str, value: Any) -> bool:
    """Keep a note (any JSON value) under a name; False, and nothing kept, when the attempt lost the job."""
    owned = select(job.c.id).where(
        job.c.id == owner.id, job.c.worker_id == owner.worker_id, job.c.attempt == owner.attempt
    )
    if tx.execute(owned.with_for_update()).one_or_none() is None:
        return False
    put_row(tx, t, {"job_id": owner.id, "name": name, "value": value})
    return True


def find(tx: Tx, job_id: str, name: str) -> Any:
    """The note's value, or None."""
    return tx.execute(select(t.c.value).where(t.c.job_id == job_id, t.c.name == name)).scalar()


def delete_all(tx: Tx, job_id: str) -> None:
    """Forget the notes of a job that has ended."""
    tx.execute(delete(t).where(t.c.job_id == job_id))
