"""The processes of the kill trial: `python kill_actors.py api|scheduler|worker FOLDER CATALOG_URL JOBS_URL`.

They share nothing but the two databases. Each writes what it did, after it did it, as lines appended to one
file per kind of actor; a line is one write, so a kill leaves it whole or absent.
"""

from __future__ import annotations

import os
import random
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, insert, select, update

from safehold.core import log
from safehold.core.clock import SystemClock
from safehold.domain.job_states import ACTIVE, JobState
from safehold.domain.jobs import Job, JobKind
from safehold.jobs.context import JobContext, Runner
from safehold.jobs.engine import EngineSettings
from safehold.jobs.outcome import Outcome
from safehold.jobs.worker import Worker, WorkerSettings, work_until_told
from safehold.records import jobs
from safehold.records.engine import Catalog
from safehold.records.tables import job, setting
from safehold.records.tx import Tx

RESOURCES = 6
STEPS = 4
STEP_SECONDS = 0.12
BACKLOG = 25  # nobody adds jobs beyond so many unfinished ones
TICK_SECONDS = 0.5
ABORT_SHARE = 0.06


def note(folder: Path, name: str, *words: object) -> None:
    line = " ".join(map(str, (f"{time.monotonic():.4f}", os.getpid(), *words))) + "\n"
    descriptor = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


def new_job(job_id: str, resource: int, *, due_at: datetime | None = None) -> Job:
    now = datetime.now(UTC)
    return Job(
        id=job_id,
        kind=JobKind.BACKUP,
        account_id="1" * 12,
        site="us-east-1",
        state=JobState.CREATED,
        resource_arn=f"arn:aws:elasticfilesystem:us-east-1:111111111111:file-system/fs-{resource}",
        resource_type="EFS",
        created_at=now,
        request={},
        start_by=now + timedelta(hours=1),
        due_at=due_at,
        plan_id="plan" if due_at else None,
        rule_id="rule" if due_at else None,
    )


def has_room(tx: Tx) -> bool:
    return tx.execute(select(func.count()).where(job.c.state.in_(ACTIVE))).scalar_one() < BACKLOG


def is_stopping(folder: Path) -> bool:
    return (folder / "stop").exists()


def api(folder: Path, catalog: Catalog) -> None:
    """Accepts jobs, and now and then stops one."""
    while not is_stopping(folder):
        job_id = str(uuid.uuid4())
        with catalog.begin() as tx:
            accepted = has_room(tx)
            if accepted:
                jobs.insert_job(tx, new_job(job_id, random.randrange(RESOURCES)))
        if accepted:
            note(folder, "accepted", job_id)
            if random.random() < ABORT_SHARE:
                time.sleep(random.random())
                ask_to_stop(folder, catalog, job_id)
        time.sleep(random.uniform(0.2, 0.6))


def ask_to_stop(folder: Path, catalog: Catalog, job_id: str) -> None:
    with catalog.begin() as tx:
        asked = update(job).where(job.c.id == job_id, job.c.state.in_(ACTIVE))
        tx.execute(asked.values(abort_requested_at=datetime.now(UTC), state=JobState.ABORTING))
    note(folder, "stopped", job_id)


def scheduler(folder: Path, catalog: Catalog) -> None:
    """Fires every due time of the last minute that has not fired, as one that was down does."""
    while not is_stopping(folder):
        last = int(time.time() / TICK_SECONDS)
        for tick in range(last - 3, last + 1):
            due = datetime.fromtimestamp(tick * TICK_SECONDS, UTC)
            with catalog.begin() as tx:
                made = new_job(str(uuid.uuid4()).upper(), tick % RESOURCES, due_at=due)
                fired = has_room(tx) and jobs.insert_if_new(tx, made)
            if fired:
                note(folder, "accepted", made.id)
        time.sleep(TICK_SECONDS)


def worker(folder: Path, catalog: Catalog, jobs_url: str) -> None:
    def run(context: JobContext) -> Outcome:
        resource = context.job.resource_arn.rpartition("-")[2]
        about = (context.job.id, resource, context.attempt)
        note(folder, "effects", "begin", *about)
        try:
            for step in range(context.find_checkpoint("steps") or 0, STEPS):
                note(folder, "effects", "step", *about, step)
                time.sleep(STEP_SECONDS)
                context.put_checkpoint("steps", step + 1)
                context.progress(step + 1, STEPS)
        finally:
            note(folder, "effects", "end", *about)
        return Outcome(JobState.COMPLETED, size_bytes=STEPS)

    def settle(tx: Tx, ended: Job, outcome: Outcome) -> None:
        """One row per fenced end, without anything that would refuse a second one."""
        row = {"account_id": "settled", "site": ended.id, "name": str(uuid.uuid4()), "value": outcome.state}
        tx.execute(insert(setting).values(**row, updated_at=datetime.now(UTC)))

    settings = WorkerSettings(
        EngineSettings(jobs_url),
        lease_seconds=6.0,
        lifelines=folder / "nodes" if catalog.is_sqlite else None,
    )
    process = Worker(settings, catalog, {JobKind.BACKUP: Runner(run, settle)}, SystemClock())
    os._exit(work_until_told(process, ready=lambda node_id: note(folder, "ready", node_id)))


def main(role: str, folder: Path, catalog_url: str, jobs_url: str) -> None:
    log.configure()
    catalog = Catalog(catalog_url)
    if role == "api":
        api(folder, catalog)
    elif role == "scheduler":
        scheduler(folder, catalog)
    else:
        worker(folder, catalog, jobs_url)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4])
