"""From the catalog to the engine: hands new jobs over, ends those whose time ran out before they began.

The job table is the outbox. Several workers may dispatch at once: starting a job twice starts it once, and
ending one is fenced in the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from safehold.core import log
from safehold.core.clock import Clock
from safehold.domain.job_messages import BUSY_RESOURCE, NOT_COMPLETED, NOT_STARTED, STOPPED
from safehold.domain.job_states import JobEvent, exclusive_key
from safehold.domain.jobs import Job
from safehold.jobs.engine import EngineState, JobEngine
from safehold.records import checkpoints, claims, discards, jobs
from safehold.records.engine import Catalog

_log = log.get(__name__)

BATCH = 100
UNHELD_SECONDS = 30.0  # handed over for so long and held by nobody: is it still in the engine?
GAVE_UP = "The job engine gave this job up; the worker's log says why."


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Looks at the catalog whenever it is told to; keeps nothing between two looks."""

    catalog: Catalog
    engine: JobEngine
    clock: Clock

    def hand_over(self) -> int:
        """Every job that nobody has handed over yet is in the engine; how many were."""
        with self.catalog.read() as tx:
            waiting = jobs.waiting(tx, now=self.clock.now(), limit=BATCH)
        for job in waiting:
            # ORDER: start, then note it: a crash between the two starts it again, which changes nothing.
            self._start(job)
            with self.catalog.begin() as tx:
                jobs.mark_handed_over(tx, job, now=self.clock.now())
        return len(waiting)

    def end_late(self) -> int:
        """Jobs that never began and whose window is over are EXPIRED, those told to stop are ABORTED; so are
        parked ones.

        Others that began are the engine's, held or not: the steps end them and take back what they left.
        """
        now = self.clock.now()
        with self.catalog.read() as tx:
            late = claims.unheld_and_late(tx, now=now, limit=BATCH)
            aborted = claims.unheld_and_aborted(tx, limit=BATCH)
            parked = claims.parked_and_late(tx, now=now, limit=BATCH)
        ended = [self._end(job, JobEvent.ABORT, STOPPED[job.kind]) for job in aborted]
        ended += [self._end(job, JobEvent.EXPIRE, NOT_COMPLETED[job.kind]) for job in parked]
        return sum(ended) + sum(self._expire(job) for job in late)

    def restart_forgotten(self) -> int:
        """Jobs that wait for an engine that forgot them are started again; what it gave up has FAILED."""
        before = self.clock.now() - timedelta(seconds=UNHELD_SECONDS)
        with self.catalog.read() as tx:
            unheld = claims.unheld_since(tx, before=before, limit=BATCH)
        known = self.engine.statuses([run_id(job) for job in unheld])
        forgotten = [job for job in unheld if known[run_id(job)] is EngineState.MISSING]
        for job in forgotten:
            self._start(job)
        given_up = [job for job in unheld if known[run_id(job)] is EngineState.ENDED]
        return len(forgotten) + sum(self._end(job, JobEvent.FAIL, GAVE_UP) for job in given_up)

    def _start(self, job: Job) -> None:
        priority = int(job.request.get("priority", 100))
        partition = exclusive_key(job) or job.id
        self.engine.start(job.id, kind=job.kind, partition=partition, priority=priority, run_id=run_id(job))

    def _expire(self, job: Job) -> bool:
        with self.catalog.read() as tx:
            is_busy = claims.is_resource_busy(tx, job)
        return self._end(job, JobEvent.EXPIRE, BUSY_RESOURCE if is_busy else NOT_STARTED[job.kind])

    def _end(self, job: Job, event: JobEvent, message: str) -> bool:
        with self.catalog.begin() as tx:
            is_ended = claims.end_unheld(tx, job, event, message=message, now=self.clock.now())
            if is_ended and job.attempt > 0:
                checkpoints.delete_all(tx, job.id)
                discards.note(tx, job.id)  # its attempts may have left something behind
        if is_ended:
            _log.info("a job that nobody held was ended", extra={"job_id": job.id, "message_text": message})
        return is_ended


def run_id(job: Job) -> str:
    """What the engine calls it: after each parking it is new to the engine, which runs nothing twice."""
    return f"{job.id}.{job.parked_count}" if job.parked_count else job.id
