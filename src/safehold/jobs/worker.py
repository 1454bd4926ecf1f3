"""One worker: joins the others, runs jobs through the engine, watches the others, stops when told to.

Three loops, so that none keeps another waiting: one beats and reaps, one dispatches, one keeps up what is
no job. A loop catches everything, logs it with its trace and goes on: a worker that dies of a bug takes its
jobs down with it.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from pathlib import Path

from safehold.core import log
from safehold.core.clock import Clock
from safehold.core.ids import new_id
from safehold.domain.jobs import JobKind
from safehold.jobs.context import Runner
from safehold.jobs.dispatch import Dispatcher
from safehold.jobs.engine import EngineSettings, JobEngine
from safehold.jobs.nodes import Membership
from safehold.jobs.steps import JobSteps
from safehold.jobs.wake import Wakeup
from safehold.records.engine import Catalog
from safehold.records.nodes import Node

_log = log.get(__name__)

NET_SECONDS = 30.0  # between two looks for what fell through: strangers' jobs, jobs the engine forgot
FORGET_SECONDS = 3600.0
UPKEEP_SECONDS = 0.5
HISTORY_DAYS = 7  # of the engine's own notes; the job rows stay


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Work that is no job and comes due again and again. Every worker does it: it bears being done twice."""

    name: str
    every_seconds: float
    work: Callable[[], object]


class Ending(IntEnum):
    """Why a worker ended; also its process's exit code."""

    TOLD = 0
    REAPED = 3  # the others took it for dead: start a fresh one


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """engine         where the engine keeps its notes, and its limits
    lease_seconds  silence after which a worker is taken for dead
    grace_seconds  how long running jobs may take to let go when the worker is told to stop
    lifelines      a folder on this machine that all its workers share, or None when they are on several
    """

    engine: EngineSettings
    lease_seconds: float = 15.0
    grace_seconds: float = 8.0
    lifelines: Path | None = None


@dataclass(slots=True)
class Worker:
    """Runs jobs in this process until `stopping` is set. `run` once.

    let_go  called when no job is taken any more: gives up what the process kept for the next one
    """

    settings: WorkerSettings
    catalog: Catalog
    runners: Mapping[JobKind, Runner]
    clock: Clock
    upkeep: Sequence[Upkeep] = ()
    stopping: threading.Event = field(default_factory=threading.Event)
    let_go: Callable[[], object] = lambda: None

    def run(self, *, ready: Callable[[str], None] = lambda node_id: None) -> Ending:
        """Work until told to stop, or until taken for dead; `ready` gets the node's id once jobs can run.

        Afterwards a step that did not let go in time may still run: end the process.
        """
        node = self._node()
        members = Membership(
            self.catalog, node, self.clock, self.settings.lease_seconds, self.settings.lifelines
        )
        members.join()
        halt = threading.Event()  # ends the steps of this process: told to stop, or reaped
        steps = JobSteps(
            self.catalog,
            self.runners,
            worker_id=node.id,
            clock=self.clock,
            stopping=halt,
            confirm=lambda: members.confirm(halt),
        )
        engine = JobEngine(self.settings.engine, steps, worker_id=node.id)
        launched = threading.Event()
        watch = threading.Thread(
            target=self._watch, args=(members, engine, launched, halt), name="watch", daemon=True
        )
        watch.start()  # ORDER: before the launch, which may take longer than a lease on a crowded machine
        engine.launch()
        launched.set()
        keeper = threading.Thread(target=self._keep_up, args=(halt,), name="upkeep", daemon=True)
        keeper.start()
        ready(node.id)
        self._dispatch(Dispatcher(self.catalog, engine, self.clock), engine, halt)
        self._stop(engine, members, watch)
        return Ending.REAPED if members.reaped.is_set() else Ending.TOLD

    def _node(self) -> Node:
        now = self.clock.now()
        host = socket.gethostname()
        # A new id at each start: what an earlier process of ours held is a dead node's, never silently ours.
        node_id = f"worker-{host}-{os.getpid()}-{new_id()[:8]}"
        return Node(node_id, "worker", host, os.getpid(), now, now)

    def _watch(
        self, members: Membership, engine: JobEngine, launched: threading.Event, halt: threading.Event
    ) -> None:
        every = _Every(self.clock)
        pause = min(1.0, self.settings.lease_seconds / 4)
        while not halt.is_set():
            _survive("beat", members.beat)
            if members.reaped.is_set():
                _log.error("taken for dead by the others: stopping", extra={"node_id": members.node.id})
                halt.set()
                return
            if launched.is_set():
                _survive("reap", lambda: members.reap(engine))
                if every.is_due("strangers", NET_SECONDS):
                    _survive("reap strangers", lambda: members.reap_strangers(engine))
            if self.stopping.wait(pause):
                halt.set()

    def _dispatch(self, dispatcher: Dispatcher, engine: JobEngine, halt: threading.Event) -> None:
        every = _Every(self.clock)
        wakeup = Wakeup(self.catalog.url, halt)
        while not halt.is_set():
            _survive("hand over", dispatcher.hand_over)
            if every.is_due("late", 1.0):
                _survive("end late jobs", dispatcher.end_late)
            if every.is_due("forgotten", NET_SECONDS):
                _survive("restart forgotten jobs", dispatcher.restart_forgotten)
            if every.is_due("history", FORGET_SECONDS):
                before = self.clock.now() - timedelta(days=HISTORY_DAYS)
                _survive("forget history", lambda: engine.forget_ended(before=before))  # noqa: B023
            wakeup.wait()
        wakeup.close()

    def _keep_up(self, halt: threading.Event) -> None:
        every = _Every(self.clock)
        while not halt.wait(UPKEEP_SECONDS):
            for upkeep in self.upkeep:
                if every.is_due(upkeep.name, upkeep.every_seconds):
                    _survive(upkeep.name, upkeep.work)

    def _stop(self, engine: JobEngine, members: Membership, watch: threading.Thread) -> None:
        watch.join(timeout=5)
        is_idle = engine.close(grace_seconds=self.settings.grace_seconds)
        _survive("let go", self.let_go)
        if is_idle:
            _survive("leave", members.leave)
        else:
            _log.warning("a job did not let go in time; others take it when this process has ended")


class _Every:
    """Says when something is due again. The first time it is due at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def is_due(self, what: str, seconds: float) -> bool:
        now = self._clock.monotonic()
        if what in self._last and now - self._last[what] < seconds:
            return False
        self._last[what] = now
        return True


def _calm_collector() -> None:
    """Python's cycle collector looks less often: backups make millions of small values and no cycles.

    Each of its full runs would walk all of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _survive(what: str, work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:
        _log.exception("%s failed, will be tried again", what)


def work_until_told(worker: Worker, *, ready: Callable[[str], None] = lambda node_id: None) -> Ending:
    """Run a worker as this process's main work: SIGTERM and SIGINT stop it.

    The caller ends the process with `os._exit(ending)` after flushing its output: threads of jobs that did
    not let go would keep an orderly exit waiting for ever.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stopping.set())
    return worker.run(ready=ready)
