"""What the attempts at a job left in a vault is taken back when the job has ended without a result.

A worker that was taken for dead may write its point after the job has ended elsewhere. So each such job is
looked at twice: at its end, if that is known to be needed, and again when no attempt can live any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from safehold.core import log
from safehold.core.clock import Clock
from safehold.core.errors import SafeholdError
from safehold.domain.jobs import Job, JobKind
from safehold.jobs.context import Runner
from safehold.records import discards, jobs
from safehold.records.engine import Catalog

_log = log.get(__name__)

TROUBLE = "what a job left cannot be taken back yet"
BATCH = 500
SETTLED = timedelta(minutes=10)  # many times any lease: no attempt at a job that ended so long ago writes
TRIED = timedelta(days=7)  # a store that was away for so long since is not waited for


@dataclass(frozen=True, slots=True)
class Discarder:
    """Several workers may have one each: taking back twice does no harm."""

    catalog: Catalog
    runners: Mapping[JobKind, Runner]
    clock: Clock

    def discard_now(self, job_id: str) -> None:
        """Take back what the job left. Trouble is only logged: `discard_due` tries again later."""
        try:
            with self.catalog.read() as tx:
                job = jobs.find(tx, job_id)
            if job is not None:
                self._discard(job)
        except SafeholdError as error:
            _log.warning(TROUBLE, extra={"job_id": job_id, "error": str(error)})

    def discard_due(self) -> int:
        """Look at all jobs whose time for it has come; how many were. One vault's trouble stops no other."""
        now = self.clock.now()
        with self.catalog.read() as tx:
            due = discards.due(tx, ended_before=now - SETTLED, limit=BATCH)
        troubled: set[str | None] = set()
        done = 0
        for job in due:
            if job.vault_arn in troubled:
                continue
            try:
                self._discard(job)
            except SafeholdError as error:
                troubled.add(job.vault_arn)
                _log.warning(TROUBLE, extra={"job_id": job.id, "error": str(error)})
                if job.completed_at is None or job.completed_at > now - TRIED:
                    continue
            with self.catalog.begin() as tx:
                discards.forget(tx, job.id)
            done += 1
        return done

    def _discard(self, job: Job) -> None:
        runner = self.runners.get(job.kind)
        if runner is not None and runner.discard is not None:
            runner.discard(job)
