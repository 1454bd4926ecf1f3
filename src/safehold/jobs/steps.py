"""The three steps that every job consists of, for ever: prepare, run, finish. They know no engine.

Each may run again, in another process, after a crash anywhere: so each takes the job first (unless this
process holds it already), and all that it writes about the job is fenced by worker and attempt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from safehold.core import log
from safehold.core.clock import Clock
from safehold.core.errors import JobAborted, JobExpired, SafeholdError
from safehold.domain.job_states import JobEvent, ending, has_ended
from safehold.domain.jobs import Job, JobKind
from safehold.jobs.context import JobContext, Runner
from safehold.jobs.discarding import Discarder
from safehold.jobs.outcome import SUCCESS, Outcome, expired, failed, stopped
from safehold.jobs.patience import Interrupted, Parked, patiently
from safehold.jobs.troubles import storable
from safehold.records import checkpoints, claims, discards
from safehold.records.claims import Refusal
from safehold.records.engine import Catalog
from safehold.records.tx import Tx

T = TypeVar("T")
_log = log.get(__name__)

BUSY_WAIT_SECONDS = 0.3  # between two tries to take a job whose resource another one still holds
MAX_ATTEMPTS = 50  # a job that takes its worker down with it ends here, FAILED


class JobSteps:
    """Runs jobs' steps for one worker. Threads share it; each job is in one thread at a time.

    stopping  set from outside when this worker must let go of everything
    confirm   returns once it is sure that this worker was not taken for dead, raises Interrupted if it was
    """

    def __init__(
        self,
        catalog: Catalog,
        runners: Mapping[JobKind, Runner],
        *,
        worker_id: str,
        clock: Clock,
        stopping: threading.Event,
        confirm: Callable[[], None] = lambda: None,
    ) -> None:
        self._catalog = catalog
        self._runners = runners
        self._worker_id = worker_id
        self._clock = clock
        self._stopping = stopping
        self._confirm = confirm
        self._held: dict[str, Job] = {}
        self._discards = Discarder(catalog, runners, clock)

    def prepare(self, job_id: str) -> bool:
        """The job is this worker's and may run; False when it has ended already."""
        return self._guarded(job_id, lambda: self._hold(job_id) is not None)

    def run(self, job_id: str) -> Outcome | None:
        """Do the job's work; how it ended, or None when it had ended already, or is parked."""
        return self._guarded(job_id, lambda: self._run(job_id))

    def finish(self, job_id: str, outcome: Outcome) -> None:
        """The job has ended as `outcome` says, unless it had ended before."""
        self._guarded(job_id, lambda: self._finish(job_id, outcome))

    def _guarded(self, job_id: str, step: Callable[[], T]) -> T:
        """Let go of the job if this attempt ends here, whatever ended it: nothing stays held by nobody.

        After Interrupted, whoever takes it next repeats the step; after anything else (a bug) the engine is
        done with the job, and the dispatcher ends it as given up.
        """
        try:
            return step()
        except BaseException:
            self._let_go(job_id)
            raise

    def _transact(self, work: Callable[[Tx], T]) -> T:
        def once() -> T:
            with self._catalog.begin() as tx:
                return work(tx)

        return patiently(once, stopping=self._stopping)

    def _hold(self, job_id: str) -> Job | None:
        """The job, held; None when it has ended. Waits while its resource is held by another job."""
        if job_id in self._held:
            return self._held[job_id]
        while not self._stopping.is_set():
            taken = self._transact(lambda tx: self._take(tx, job_id))
            if isinstance(taken, Job):
                self._held[job_id] = taken
                return taken
            if taken is Refusal.ENDED:
                return None
            if taken is Refusal.REAPED:
                break
            self._stopping.wait(BUSY_WAIT_SECONDS)
        raise Interrupted(f"{job_id} cannot be taken: the worker stops")

    def _take(self, tx: Tx, job_id: str) -> Job | Refusal:
        job = claims.find_locked(tx, job_id)
        if job is None or has_ended(job.state):
            return Refusal.ENDED
        now = self._clock.now()
        if job.attempt == 0 and job.start_by is not None and now > job.start_by:
            return Refusal.BUSY if claims.is_resource_busy(tx, job) else self._expire(tx, job)
        return claims.take(tx, job, worker_id=self._worker_id, now=now)

    def _expire(self, tx: Tx, job: Job) -> Refusal:
        message = expired(job.kind).status_message or ""
        claims.end_unheld(tx, job, JobEvent.EXPIRE, message=message, now=self._clock.now())
        return Refusal.ENDED

    def _run(self, job_id: str) -> Outcome | None:
        job = self._hold(job_id)
        if job is None:
            return None
        if job.attempt - job.parked_count > MAX_ATTEMPTS:
            return failed(f"The job was interrupted {MAX_ATTEMPTS} times and is given up.")
        context = JobContext(
            self._begin(job),
            catalog=self._catalog,
            clock=self._clock,
            stopping=self._stopping,
            confirm=self._confirm,
        )
        try:
            return self._outcome_of(context)
        except Parked as parked:
            self._park(context.job, parked)
            return None

    def _park(self, job: Job, parked: Parked) -> None:
        """Nobody holds the job until it is due: the engine is done with it, and gets it again under a new id.

        # INVARIANT: one transaction. Whoever dies before it goes on at once, whoever dies after it has only
        # an engine that repeats this step: it finds the job parked, looks, and parks it again.
        """
        resume_at = self._clock.now() + timedelta(seconds=parked.seconds)
        message = storable(parked.message)
        if not self._transact(lambda tx: claims.park(tx, job, resume_at=resume_at, message=message)):
            raise Interrupted(f"another attempt has taken over {job.id}")
        self._held.pop(job.id, None)

    def _begin(self, job: Job) -> Job:
        """The job's row says that it runs; its completion window begins with its first attempt."""
        values: dict[str, Any] = {}
        window = job.request.get("completion_window_minutes")
        if job.complete_by is None and window is not None and job.started_at is not None:
            values["complete_by"] = job.started_at + timedelta(minutes=float(window))
        if not self._transact(lambda tx: claims.move_fenced(tx, job, JobEvent.RUN, **values)):
            raise Interrupted(f"another attempt has taken over {job.id}")
        return replace(job, **values)

    def _outcome_of(self, context: JobContext) -> Outcome:
        job = context.job
        runner = self._runners.get(job.kind)
        if runner is None:
            return failed(f"This worker cannot run jobs of the kind {job.kind}.")
        try:
            context.check()
            return runner.run(context)
        except JobExpired:
            return expired(job.kind)
        except JobAborted:
            return stopped(job.kind)
        except SafeholdError as error:
            _log.warning("job failed", extra={"job_id": job.id, "error": str(error)})
            return failed(f"{error} {error.hint}".strip(), category=type(error).__name__)
        except Exception:
            _log.exception("job failed in a way that nobody foresaw", extra={"job_id": job.id})
            return failed("Internal error; the worker's log has its trace.", category="InternalError")

    def _finish(self, job_id: str, outcome: Outcome) -> None:
        job = self._hold(job_id)
        if job is None:
            return
        ended_as = self._end_as(job, outcome)
        self._held.pop(job_id, None)
        # A first attempt made nothing visible, as far as anybody knows. ORDER: only when the job has ended:
        # what is taken back is never taken for its own by an attempt that comes later.
        if not ended_as.is_good and (job.attempt > 1 or ended_as is not outcome):
            self._discards.discard_now(job.id)

    def _end_as(self, job: Job, outcome: Outcome) -> Outcome:
        """How the job has ended: as `outcome` says, or FAILED when its results cannot be entered."""
        try:
            is_ended = self._transact(lambda tx: self._end(tx, job, outcome))
        except SafeholdError as error:
            _log.warning("a job's results cannot be entered", extra={"job_id": job.id, "error": str(error)})
            message = f"{error} {error.hint}".strip()
            refused = replace(failed(message, category=type(error).__name__), facts=outcome.facts)
            is_ended = self._transact(lambda tx: self._end(tx, job, refused))
            outcome = refused
        if not is_ended:
            raise Interrupted(f"another attempt has taken over {job.id}")
        return outcome

    def _end(self, tx: Tx, job: Job, outcome: Outcome) -> bool:
        is_ended = claims.move_fenced(tx, job, ending(outcome.state), **self._final_values(outcome))
        if is_ended:
            runner = self._runners.get(job.kind)
            if runner is not None and runner.settle is not None:
                runner.settle(tx, job, outcome)
            checkpoints.delete_all(tx, job.id)
            if runner is not None and runner.discard is not None and not outcome.is_good:
                discards.note(tx, job.id)
        return is_ended

    def _final_values(self, outcome: Outcome) -> dict[str, Any]:
        category = outcome.message_category or (
            SUCCESS if outcome.is_good and not outcome.status_message else None
        )
        values: dict[str, Any] = {
            "status_message": outcome.status_message,
            "message_category": category,
            "completed_at": self._clock.now(),
            "expected_completion_at": None,
            "held_key": None,
            "result": {**outcome.facts, "created_resource_arn": outcome.created_resource_arn},
        }
        if outcome.recovery_point_arn is not None:
            values["recovery_point_arn"] = outcome.recovery_point_arn
        if outcome.size_bytes is not None:
            values["size_bytes"] = outcome.size_bytes
        return values | ({"percent_done": 100.0} if outcome.is_good else {})

    def _let_go(self, job_id: str) -> None:
        job = self._held.pop(job_id, None)
        if job is None:
            return
        try:
            with self._catalog.begin() as tx:
                claims.let_go(tx, job)
        except Exception:  # the reaper frees what we could not
            _log.exception("could not let go of a job", extra={"job_id": job_id})
