"""What a runner is given: its job, a way to say how far it is, and to learn that it should stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from safehold.core.clock import Clock
from safehold.core.errors import JobAborted, JobExpired
from safehold.domain.jobs import Job
from safehold.jobs.outcome import Outcome
from safehold.records import checkpoints, jobs
from safehold.records.engine import Catalog
from safehold.records.tx import Tx

READ_SECONDS = 1.0  # between two looks at the abort flag
WRITE_SECONDS = 1.0  # between two writes of progress


class Interrupted(BaseException):
    """This attempt ends here and the job goes on elsewhere: the worker stops, or has lost the job.

    Not an Exception: a runner that collects the troubles of single items must not take this for one.
    """


class Settle(Protocol):
    def __call__(self, tx: Tx, job: Job, outcome: Outcome) -> None:
        """Write what must become visible together with the job's end, and only if it ends."""


@dataclass(frozen=True, slots=True)
class Runner:
    """How one kind of job is done.

    run     does the work and returns how it ended. May run again after a crash, from its start: every
            effect must be idempotent. Raises SafeholdError for what cannot be done (the job is then FAILED)
            and lets JobAborted and Interrupted through.
    discard runs instead of `run` going on, when the job is told to stop or its time is over: takes back what
            an earlier attempt may have made visible. None when nothing can be.
    settle  runs in the transaction that ends the job, once at most; None when there is nothing to write.
    """

    run: Callable[[JobContext], Outcome]
    settle: Settle | None = None
    discard: Callable[[JobContext], None] | None = None


class JobContext:
    """One attempt at a job. A runner's threads may share it."""

    def __init__(
        self, job: Job, *, catalog: Catalog, clock: Clock, stopping: threading.Event, lost: threading.Event
    ) -> None:
        """`job` is the row as this attempt took it; `stopping` is set when the worker stops or was given up;
        `lost` is set here once another attempt has taken the job over."""
        self.job = job
        self._catalog = catalog
        self._clock = clock
        self._stopping = stopping
        self._lost = lost
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
        if self._stopping.is_set() or self._lost.is_set():
            raise Interrupted(f"the attempt at {self.job.id} ends here")
        with self._lock:
            if self._end is None and self._look_due.is_now():
                self._look()
            if self._end is not None:
                raise self._end

    def progress(self, bytes_done: int, bytes_total: int | None = None, message: str | None = None) -> None:
        """Show how far the job is: at most one write a second, the rest is dropped. Then as `check`."""
        with self._lock:
            if self._write_due.is_now():
                self._write(self._progress_values(bytes_done, bytes_total, message))
        self.check()

    def find_checkpoint(self, name: str) -> Any:
        """The JSON value that an earlier moment of this job kept under that name, or None."""
        with self._catalog.read() as tx:
            return checkpoints.find(tx, self.job.id, name)

    def put_checkpoint(self, name: str, value: Any) -> None:
        """Keep a JSON value for the attempts to come, until the job has ended."""
        with self._catalog.begin() as tx:
            is_kept = checkpoints.put(tx, self.job, name, value)
        if not is_kept:
            self._lose()

    def _look(self) -> None:
        with self._catalog.read() as tx:
            row = jobs.find(tx, self.job.id)
        if row is None or (row.worker_id, row.attempt) != (self.job.worker_id, self.job.attempt):
            self._lose()
        elif row.abort_requested_at is not None:
            self._end = JobAborted(f"job {row.id} was told to stop")
        elif row.complete_by is not None and self._clock.now() > row.complete_by:
            self._end = JobExpired(f"job {row.id} was not done at {row.complete_by.isoformat()}")

    def _write(self, values: dict[str, Any]) -> None:
        with self._catalog.begin() as tx:
            is_written = jobs.update_fenced(tx, self.job, **values)
        if not is_written:
            self._lose()

    def _lose(self) -> None:
        self._lost.set()
        raise Interrupted(f"another attempt has taken over {self.job.id}")

    def _progress_values(self, done: int, total: int | None, message: str | None) -> dict[str, Any]:
        values: dict[str, Any] = {"bytes_done": done}
        if message is not None:
            values["status_message"] = message
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
