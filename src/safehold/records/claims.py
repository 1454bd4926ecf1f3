"""Who holds which job: taking one, letting go, and the jobs that nobody holds and that time has run out for.

The database decides races: an attempt owns a job by (worker, attempt), a resource has one holder by a
unique column, and a node that was taken for dead can take nothing any more.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.exc import IntegrityError

from safehold.domain.job_states import ACTIVE, JobEvent, exclusive_key, follow
from safehold.domain.jobs import Job
from safehold.records import events
from safehold.records.jobs import from_row, tell, update_fenced
from safehold.records.tables import job as t
from safehold.records.tables import node
from safehold.records.tx import Tx


class Refusal(StrEnum):
    """Why a job could not be taken."""

    ENDED = "it has ended, or was never there"
    HELD = "another worker holds it"
    BUSY = "another job holds its resource"
    REAPED = "this worker was taken for dead"


def find_locked(tx: Tx, job_id: str) -> Job | None:
    """The job, which nobody else can change until this transaction ends."""
    row = tx.execute(select(t).where(t.c.id == job_id).with_for_update()).one_or_none()
    return None if row is None else from_row(row)


def take(tx: Tx, job: Job, *, worker_id: str, now: datetime) -> Job | Refusal:
    """Begin an attempt at `job` (as `find_locked` gave it): from now on only its fenced updates count."""
    state = follow(job.kind, job.state, JobEvent.CLAIM)
    if state is None:
        return Refusal.ENDED
    if job.worker_id not in (None, worker_id):
        return Refusal.HELD
    if not _is_alive(tx, worker_id):
        return Refusal.REAPED
    values = {"state": state, "worker_id": worker_id, "attempt": job.attempt + 1}
    # Taken by an attempt whose worker died as it parked the job, it is in the engine all the same.
    values |= {"resume_at": None, "handed_over_at": job.handed_over_at or now}
    taken = _take(tx, job, **values, started_at=job.started_at or now)
    if isinstance(taken, Job) and taken.state != job.state:
        events.add_of_jobs(tx, [taken])
    return taken


def _take(tx: Tx, job: Job, **values: Any) -> Job | Refusal:
    key = exclusive_key(job)
    if key is not None and _holder_of(tx, key, except_id=job.id) is not None:
        return Refusal.BUSY
    try:
        with tx.begin_nested():  # RACE: two workers may both have seen the resource free
            taken = update(t).where(t.c.id == job.id).values(**values, held_key=key).returning(*t.c)
            return from_row(tx.execute(taken).one())
    except IntegrityError:
        return Refusal.BUSY


def _is_alive(tx: Tx, worker_id: str) -> bool:
    # RACE: the row lock keeps a reaper from declaring us dead until this claim is committed for it to see.
    query = select(node.c.reaped_at).where(node.c.id == worker_id).with_for_update(read=True)
    row = tx.execute(query).one_or_none()
    return row is not None and row.reaped_at is None


def _holder_of(tx: Tx, key: str, *, except_id: str) -> str | None:
    return tx.execute(select(t.c.id).where(t.c.held_key == key, t.c.id != except_id)).scalar()


def is_resource_busy(tx: Tx, job: Job) -> bool:
    """Does another job hold what this one needs for itself?"""
    key = exclusive_key(job)
    return key is not None and _holder_of(tx, key, except_id=job.id) is not None


def move_fenced(tx: Tx, job: Job, event: JobEvent, **values: Any) -> bool:
    """Change a job's state by an event, if this attempt still owns it; False when it does not."""
    now = find_locked(tx, job.id)
    state = None if now is None else follow(now.kind, now.state, event)
    if now is None or state is None or not update_fenced(tx, job, state=state, **values):
        return False
    if state != now.state:
        tell(tx, job.id)
    return True


def let_go(tx: Tx, job: Job) -> bool:
    """Give up a job that this attempt owns, unfinished: another may take it."""
    return update_fenced(tx, job, worker_id=None, held_key=None)


def park(tx: Tx, job: Job, *, resume_at: datetime, message: str) -> bool:
    """Give up a job that this attempt owns until then; nobody is to take it before. As `update_fenced`."""
    values = {"parked_count": job.parked_count + 1, "resume_at": resume_at, "handed_over_at": None}
    return update_fenced(tx, job, worker_id=None, held_key=None, status_message=message, **values)


def let_go_all(tx: Tx, worker_id: str) -> int:
    """Take from a dead worker all that it held; how many jobs that were."""
    held = update(t).where(t.c.worker_id == worker_id, t.c.state.in_(ACTIVE))
    return tx.execute(held.values(worker_id=None, held_key=None)).rowcount


def workers_holding(tx: Tx) -> set[str]:
    """Every worker that some unfinished job names as its own."""
    query = select(t.c.worker_id).where(t.c.worker_id.is_not(None), t.c.state.in_(ACTIVE)).distinct()
    return {worker_id for (worker_id,) in tx.execute(query)}


def end_unheld(tx: Tx, job: Job, event: JobEvent, *, message: str, now: datetime) -> bool:
    """End a job that nobody holds; False when somebody took it since `job` was read."""
    state = follow(job.kind, job.state, event)
    if state is None:
        return False
    seen = (t.c.id == job.id, t.c.worker_id.is_(None), t.c.attempt == job.attempt, t.c.state == job.state)
    values = {"state": state, "status_message": message, "completed_at": now}
    has_ended = tx.execute(update(t).where(*seen).values(**values)).rowcount == 1
    if has_ended:
        tell(tx, job.id)
    return has_ended


def unheld_and_late(tx: Tx, *, now: datetime, limit: int) -> list[Job]:
    """Jobs that nobody ever began and whose start window, or completion window, has ended."""
    late = or_(t.c.start_by < now, t.c.complete_by < now)
    return _unheld(tx, and_(t.c.attempt == 0, late), limit=limit)


def unheld_and_aborted(tx: Tx, *, limit: int) -> list[Job]:
    """Jobs that were told to stop before anybody began them, or while they were parked."""
    is_idle = or_(t.c.attempt == 0, t.c.resume_at.is_not(None))
    return _unheld(tx, and_(t.c.abort_requested_at.is_not(None), is_idle), limit=limit)


def parked_and_late(tx: Tx, *, now: datetime, limit: int) -> list[Job]:
    """Parked jobs whose completion window has ended."""
    return _unheld(tx, and_(t.c.resume_at.is_not(None), t.c.complete_by < now), limit=limit)


def unheld_since(tx: Tx, *, before: datetime, limit: int) -> list[Job]:
    """Jobs that were handed to the engine before then and that nobody holds, longest waiting first."""
    return _unheld(tx, t.c.handed_over_at < before, limit=limit)


def _unheld(tx: Tx, condition: ColumnElement[bool], *, limit: int) -> list[Job]:
    query = select(t).where(t.c.worker_id.is_(None), t.c.state.in_(ACTIVE), condition)
    return [from_row(row) for row in tx.execute(query.order_by(t.c.created_at, t.c.id).limit(limit))]
