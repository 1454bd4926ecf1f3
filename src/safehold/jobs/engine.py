"""Our narrow face of the job engine, DBOS: durable steps, one job per resource, limits per kind.

The catalog's job rows are the truth; the engine only makes them happen. Its library is imported when an
engine is launched and not before. It is one per process: so is `JobEngine`.

What it does not give, and where that is: finding dead workers (nodes.py), aborting (the flag that
`JobContext.check` reads; cancelling in the engine would free the resource while the step still runs),
one holder per resource whatever happens (records/claims.py).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from safehold.domain.jobs import JobKind
from safehold.jobs.outcome import Outcome
from safehold.jobs.queues import Queues
from safehold.jobs.steps import JobSteps
from safehold.records.changes import file_of

if TYPE_CHECKING:
    from dbos import DBOSConfig, Queue

APPLICATION = "safehold"
# INVARIANT: the workflow's shape, its name and its version stay as they are for ever, so that jobs begun by
# one release are finished by the next one. What changes, changes inside a runner.
VERSION = "1"
WORKFLOW = "job"
PREPARE, RUN, FINISH = "prepare", "run", "finish"
OVER = "over"  # the result of a workflow whose job had ended before, or is parked

ENDED_STATUSES = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")


class EngineState(StrEnum):
    """What the engine knows of a job."""

    MISSING = "missing"
    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """url           `sqlite:///path` or a PostgreSQL URL; the engine makes its own tables there
    limits        how many jobs of a kind one worker runs at a time
    poll_seconds  at least so long between two looks into a queue, four times that for the rarer kinds
    """

    url: str
    limits: Mapping[JobKind, int] = field(default_factory=lambda: dict.fromkeys(JobKind, 2))
    poll_seconds: float = 0.12


class JobEngine:
    """Starts jobs and runs their steps here. One per process; `launch` comes first, `close` last."""

    def __init__(self, settings: EngineSettings, steps: JobSteps, *, worker_id: str) -> None:
        self._settings = settings
        self._steps = steps
        self._worker_id = worker_id
        self._workflow: Any = None
        self._queues = Queues(settings.url, settings.poll_seconds)
        self._running: set[str] = set()
        self._idle = threading.Condition()

    def launch(self) -> None:
        """From now on queued jobs run here. Takes seconds: imports the library, makes its tables."""
        _use_wal(self._settings.url)
        _take_over_logging()
        from dbos import DBOS
        from dbos._queue import queue_worker_thread  # what the library's own threads run

        engine = DBOS(config=self._config())
        self._workflow = self._register()
        DBOS.listen_queues([])  # its own threads only ever wait for time to pass; see queues.py
        DBOS.launch()
        registered = {kind: self._register_queue(kind) for kind in JobKind}
        self._queues.start(registered, lambda bell, queue: queue_worker_thread(bell, engine, queue))

    def start(
        self, job_id: str, *, kind: JobKind, partition: str, priority: int = 100, run_id: str | None = None
    ) -> None:
        """The job is queued; one of the same kind and partition runs at a time, lower priority first.

        Again with the same id changes nothing, even after the job has ended: what was parked is started
        under a `run_id` of its own. Without one that is the job's.
        """
        from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

        with (
            SetWorkflowID(run_id or job_id),
            SetEnqueueOptions(queue_partition_key=partition, priority=priority),
        ):
            DBOS.enqueue_workflow(kind.value, self._workflow, job_id)
        self._queues.ring(kind)

    def status(self, run_id: str) -> EngineState:
        """What the engine knows of a job, or of a run of one that was parked."""
        return self.statuses([run_id])[run_id]

    def statuses(self, run_ids: Sequence[str]) -> dict[str, EngineState]:
        """The same for many; every id asked for is in the answer."""
        from dbos import DBOS

        found = dict.fromkeys(run_ids, EngineState.MISSING)
        if not run_ids:
            return found
        for one in DBOS.list_workflows(workflow_ids=list(run_ids), load_input=False, load_output=False):
            found[one.workflow_id] = _state(one.status)
        return found

    def hand_over(self, worker_id: str) -> None:
        """Queue again what a dead worker was running; whoever is free goes on at the last finished step.

        May be done twice: a job that somebody runs again already is no longer the dead worker's.
        """
        from dbos import DBOS

        DBOS._recover_pending_workflows([worker_id])

    def workers(self) -> set[str]:
        """Every worker that the engine believes to be running something."""
        from dbos import DBOS

        running = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {one.executor_id for one in running if one.executor_id}

    def forget_ended(self, *, before: datetime, limit: int = 500) -> int:
        """Remove the engine's notes on jobs that ended before then; how many were removed."""
        from dbos import DBOS

        old = DBOS.list_workflows(
            status=list(ENDED_STATUSES),
            completed_before=before.isoformat(),
            limit=limit,
            load_input=False,
            load_output=False,
        )
        if old:
            DBOS.delete_workflows([one.workflow_id for one in old])
        return len(old)

    def close(self, *, grace_seconds: float) -> bool:
        """Nothing new starts; true when every running step has ended within the grace, false when some go on.

        Set the steps' `stopping` before: it is what makes them end. A step that goes on (it never looks) ends
        with its process, and its job goes on elsewhere.
        """
        from dbos import DBOS

        self._queues.stop()
        with self._idle:
            is_idle = self._idle.wait_for(lambda: not self._running, timeout=grace_seconds)
        if is_idle:
            self.hand_over(self._worker_id)
        DBOS.destroy(destroy_registry=True)
        return is_idle

    def _register_queue(self, kind: JobKind) -> Queue:
        from dbos import DBOS

        return DBOS.register_queue(
            kind.value,
            worker_concurrency=self._settings.limits.get(kind, 1),
            partition_concurrency=1,
            polling_interval_sec=self._queues.poll_seconds(kind),
            on_conflict="always_update",
        )

    def _config(self) -> DBOSConfig:
        from dbos import DBOSPortableJSONSerializer

        return {
            "name": APPLICATION,
            "system_database_url": self._settings.url.replace("postgresql+psycopg://", "postgresql://"),
            "application_version": VERSION,
            "executor_id": self._worker_id,
            "db_engine_kwargs": {"hide_parameters": True},  # no values in its errors, which are logged
            "serializer": DBOSPortableJSONSerializer(),  # the default would be pickle
            "log_level": "WARNING",
            "use_listen_notify": False,  # we use neither its messages nor its events
            "scheduler_polling_interval_sec": 3600.0,
        }

    def _register(self) -> Any:
        """The frozen workflow. Steps return JSON and are found again by name and position."""
        from dbos import DBOS

        steps = self._steps

        @DBOS.step(name=PREPARE)
        def prepare(job_id: str) -> bool:
            return steps.prepare(job_id)

        @DBOS.step(name=RUN)
        def run(job_id: str) -> dict[str, Any] | None:
            outcome = steps.run(job_id)
            return None if outcome is None else outcome.to_json()

        @DBOS.step(name=FINISH)
        def finish(job_id: str, outcome: dict[str, Any]) -> bool:
            steps.finish(job_id, Outcome.from_json(outcome))
            return True

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)
        def job(job_id: str) -> str:
            with _Running(self, job_id):
                if not prepare(job_id):
                    return OVER
                outcome = run(job_id)
                if outcome is None:
                    return OVER
                finish(job_id, outcome)
                return str(outcome["state"])

        return job


class _Running:
    """The jobs whose code runs in this process now; `close` waits for them."""

    def __init__(self, engine: JobEngine, job_id: str) -> None:
        self._engine = engine
        self._job_id = job_id

    def __enter__(self) -> None:
        with self._engine._idle:
            self._engine._running.add(self._job_id)

    def __exit__(self, *_: object) -> None:
        with self._engine._idle:
            self._engine._running.discard(self._job_id)
            self._engine._idle.notify_all()


def _state(status: str) -> EngineState:
    if status in ENDED_STATUSES:
        return EngineState.ENDED
    return EngineState.RUNNING if status == "PENDING" else EngineState.WAITING


def _use_wal(url: str) -> None:
    """Readers and writers of the SQLite file do not wait for each other. The file remembers the mode."""
    path = file_of(url)
    if path is not None:
        connection = sqlite3.connect(path, timeout=30)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()


def _take_over_logging() -> None:
    """The library's lines go the way of all others; it would write to stderr in a form of its own."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
