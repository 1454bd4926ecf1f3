"""What a runner is given: its job, a way to say how far it is, and to learn that it should stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn, Protocol, TypeVar

from safehold.core.clock import Clock
from safehold.core.errors import JobAborted, JobExpired
from safehold.domain.jobs import Job
from safehold.jobs.outcome import Outcome
from safehold.jobs.patience import Interrupted, Parked, patiently
from safehold.jobs.troubles import storable
from safehold.records import checkpoints, jobs
from safehold.records.engine import Catalog
from safehold.records.tx import Tx

T = TypeVar("T")

READ_SECONDS = 1.0  # between two looks at the abort flag
WRITE_SECONDS = 1.0  # between two writes of progress


class Settle(Protocol):
    def __call__(self, tx: Tx, job: Job, outcome: Outcome) -> None:
        """Write what must become visible together with the job's end, and only if it ends."""


@dataclass(frozen=True, slots=True)
class Runner:
    """How one kind of job is done.

    run     does the work and returns how it ended. May run again after a crash, from its start: every
            effect must be idempotent. Raises SafeholdError for what cannot be done (the job is then FAILED)
            and lets JobAborted, Interrupted and Parked through.
    discard takes back what the attempts at a job may have made visible, when the job has ended otherwise
            than COMPLETED or PARTIAL. Runs after that end, more than once, for any job of the kind that was
            ever begun. None when nothing can be taken back.
    settle  runs in the transaction that ends the job, once at most; None when there is nothing to write.
    """

    run: Callable[[JobContext], Outcome]
    settle: Settle | None = None
    discard: Callable[[Job], None] | None = None


class JobContext:
    """One attempt at a job. A runner's threads may share it."""

    def __init__(
        self,
        job: Job,
        *,
        catalog: Catalog,
        clock: Clock,
        stopping: threading.Event,
        confirm: Callable[[], None] = lambda: None,
    ) -> None:
        """`job` is the row as this attempt took it; for the rest see `JobSteps`."""
        self.job = job
        self._catalog = catalog
        self._clock = clock
        self._stopping = stopping
        self._confirm = confirm
        self._is_lost = False
        self._lock = threading.Lock()
        self._look_due = _Due(READ_SECONDS, clock)
        self._write_due = _Due(WRITE_SECONDS, clock)
        self._end: JobAborted | None = None

    @property
    def attempt(self) -> int:
        """1 for the first attempt."""
        return self.job.attempt

    @property
    def worker_id(self) -> str:
        return self.job.worker_id or ""

    def check(self) -> None:
        """Return at once if the work shall go on; costs a database read once a second at most.

        Call it between any two pieces of work that take less than a second. Raises JobAborted when the job
        was told to stop, JobExpired when its completion window is over, Interrupted when it is over here.
        """
        if self._stopping.is_set() or self._is_lost:
            raise Interrupted(f"the attempt at {self.job.id} ends here")
        self._confirm()
        with self._lock:
            if self._end is None and self._look_due.is_now():
                self._look()
            if self._end is not None:
                raise self._end

    def park(self, seconds: float, message: str) -> NoReturn:
        """End this attempt: the job goes on after so much time, in whatever worker is free then.

        Until then it holds no worker and is RUNNING, with `message` as what it waits for. What the next
        attempt shall know is for `put_checkpoint`. As `check` first.
        """
        self.check()
        raise Parked(seconds, message)

    def progress(self, bytes_done: int, bytes_total: int | None = None, message: str | None = None) -> None:
        """Show how far the job is: at most one write a second, the rest is dropped. Then as `check`."""
        with self._lock:
            if self._write_due.is_now():
                self._write(self._progress_values(bytes_done, bytes_total, message))
        self.check()

    def find_checkpoint(self, name: str) -> Any:
        """The JSON value that an earlier moment of this job kept under that name, or None."""
        return self.transact(lambda tx: checkpoints.find(tx, self.job.id, name))

    def put_checkpoint(self, name: str, value: Any) -> None:
        """Keep a JSON value for the attempts to come, until the job has ended."""
        if not self.transact(lambda tx: checkpoints.put(tx, self.job, name, value)):
            self._lose()

    def transact(self, work: Callable[[Tx], T]) -> T:
        """Waits for a catalog that is away: an outage makes jobs late, it does not make them fail."""

        def once() -> T:
            with self._catalog.begin() as tx:
                return work(tx)

        return patiently(once, stopping=self._stopping)

    def _find_job(self) -> Job | None:
        with self._catalog.read() as tx:
            return jobs.find(tx, self.job.id)

    def _look(self) -> None:
        row = patiently(self._find_job, stopping=self._stopping)
        if row is None or (row.worker_id, row.attempt) != (self.job.worker_id, self.job.attempt):
            self._lose()
        elif row.abort_requested_at is not None:
            self._end = JobAborted(f"job {row.id} was told to stop")
        elif row.complete_by is not None and self._clock.now() > row.complete_by:
            self._end = JobExpired(f"job {row.id} was not done at {row.complete_by.isoformat()}")

    def _write(self, values: dict[str, Any]) -> None:
        if not self.transact(lambda tx: jobs.update_fenced(tx, self.job, **values)):
            self._lose()

    def _lose(self) -> None:
        self._is_lost = True
        raise Interrupted(f"another attempt has taken over {self.job.id}")

    def _progress_values(self, done: int, total: int | None, message: str | None) -> dict[str, Any]:
        values: dict[str, Any] = {"bytes_done": done}
        if message is not None:
            values["status_message"] = storable(message)
        if total:
            values["percent_done"] = round(min(100.0, 100.0 * done / total), 2)
            values["expected_completion_at"] = self._expected(done, total)
        return values

    def _expected(self, done: int, total: int) -> datetime | None:
        if done <= 0 or self.job.started_at is None:
            return None
        now = self._clock.now()
        elapsed = (now - self.job.started_at).total_seconds()
        return now + timedelta(seconds=elapsed * max(0, total - done) / done)


class _Due:
    """True at the first call and then once per `seconds`."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._last: float | None = None

    def is_now(self) -> bool:
        now = self._clock.monotonic()
        if self._last is not None and now - self._last < self._seconds:
            return False
        self._last = now
        return True
