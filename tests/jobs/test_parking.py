"""A job that waits for something outside holds no worker, outlives all of them, and can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from safehold.core.clock import FixedClock
from safehold.domain.job_states import JobState
from safehold.domain.jobs import JobKind
from safehold.jobs.context import JobContext, Runner
from safehold.jobs.dispatch import UNHELD_SECONDS, Dispatcher
from safehold.jobs.engine import EngineState
from safehold.jobs.outcome import Outcome
from safehold.jobs.patience import Interrupted
from safehold.jobs.steps import MAX_ATTEMPTS, JobSteps
from safehold.records import checkpoints, claims, discards, jobs
from safehold.records.engine import Catalog
from tests.jobs.conftest import NOW, NotingEngine, Shelf
from tests.jobs.test_worker import Workers, wait_until, workers

__all__ = ["workers"]
MINUTE = timedelta(minutes=1)
WAITS = "Waiting for the archive."


@dataclass
class Gate:
    """What jobs wait for."""

    is_open: bool = False
    meanwhile: Callable[[JobContext], object] = lambda context: None
    attempts: list[int] = field(default_factory=list)

    def run(self, context: JobContext) -> Outcome:
        self.attempts.append(context.attempt)
        self.meanwhile(context)
        if not self.is_open:
            context.put_checkpoint("place", context.attempt)
            context.park(60, WAITS)
        return Outcome(JobState.COMPLETED, facts={"place": context.find_checkpoint("place")})


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def make_steps(catalog: Catalog, clock: FixedClock, gate: Gate) -> Callable[[str], JobSteps]:
    def make(worker_id: str = "a") -> JobSteps:
        runners = {kind: Runner(gate.run, discard=lambda job: None) for kind in JobKind}
        return JobSteps(catalog, runners, worker_id=worker_id, clock=clock, stopping=threading.Event())

    return make


@pytest.fixture
def steps(make_steps: Callable[[str], JobSteps]) -> JobSteps:
    return make_steps("a")


@pytest.fixture
def dispatcher(catalog: Catalog, engine: NotingEngine, clock: FixedClock) -> Dispatcher:
    return Dispatcher(catalog, engine.as_engine(), clock)


@pytest.fixture
def parked(dispatcher: Dispatcher, steps: JobSteps, shelf: Shelf) -> Shelf:
    """With a job that was handed over, began and waits."""
    shelf.put(kind=JobKind.RESTORE, state="PENDING")
    dispatcher.hand_over()
    assert steps.prepare("j1")
    assert steps.run("j1") is None
    return shelf


def finish(steps: JobSteps, job_id: str = "j1") -> None:
    assert steps.prepare(job_id)
    outcome = steps.run(job_id)
    assert outcome is not None
    steps.finish(job_id, outcome)


def test_a_parked_job_runs_says_what_it_waits_for_and_is_held_by_nobody(
    parked: Shelf, catalog: Catalog
) -> None:
    job = parked.get()
    assert (job.state, job.status_message, job.worker_id) == ("RUNNING", WAITS, None)
    assert (job.parked_count, job.resume_at, job.completed_at) == (1, NOW + MINUTE, None)
    with catalog.read() as tx:
        assert claims.workers_holding(tx) == set()


def test_it_is_handed_over_again_when_it_is_due_as_something_new_to_the_engine(
    parked: Shelf, dispatcher: Dispatcher, engine: NotingEngine, clock: FixedClock
) -> None:
    assert dispatcher.hand_over() == 0
    clock.at += MINUTE
    assert (dispatcher.hand_over(), dispatcher.hand_over()) == (1, 0)
    assert set(engine.started) == {"j1", "j1.1"}


def test_whichever_worker_takes_it_goes_on_where_it_was(
    parked: Shelf,
    dispatcher: Dispatcher,
    make_steps: Callable[[str], JobSteps],
    clock: FixedClock,
    gate: Gate,
) -> None:
    clock.at += MINUTE
    dispatcher.hand_over()
    gate.is_open = True
    finish(make_steps("b"))
    job = parked.get()
    assert (job.state, job.started_at, job.resume_at) == ("COMPLETED", NOW, None)
    assert (job.result or {})["place"] == 1


def test_what_waits_in_the_engine_for_a_free_worker_is_not_given_up(
    parked: Shelf, dispatcher: Dispatcher, engine: NotingEngine, clock: FixedClock
) -> None:
    engine.known = {"j1": EngineState.ENDED}
    clock.at += timedelta(seconds=UNHELD_SECONDS + 1)
    assert dispatcher.restart_forgotten() == 0  # it is parked
    clock.at += MINUTE
    dispatcher.hand_over()
    engine.known["j1.1"] = EngineState.WAITING
    clock.at += timedelta(seconds=UNHELD_SECONDS + 1)
    assert dispatcher.restart_forgotten() == 0
    del engine.known["j1.1"]
    del engine.started["j1.1"]
    assert dispatcher.restart_forgotten() == 1
    assert "j1.1" in engine.started
    assert parked.get().state == "RUNNING"


def test_one_that_was_parked_again_since_is_still_to_be_handed_over(
    parked: Shelf, dispatcher: Dispatcher, steps: JobSteps, catalog: Catalog, clock: FixedClock
) -> None:
    """A dispatcher that is slow says of an earlier parking that it is in the engine."""
    clock.at += MINUTE
    seen = parked.get()
    dispatcher.hand_over()
    assert steps.prepare("j1")
    assert steps.run("j1") is None
    with catalog.begin() as tx:
        jobs.mark_handed_over(tx, seen, now=clock.at)
    clock.at += MINUTE
    assert dispatcher.hand_over() == 1


def test_a_worker_killed_right_after_parking_leaves_an_engine_that_only_looks_once_more(
    parked: Shelf,
    dispatcher: Dispatcher,
    make_steps: Callable[[str], JobSteps],
    clock: FixedClock,
    gate: Gate,
) -> None:
    """The engine has not heard that the step ended, and repeats it elsewhere."""
    other = make_steps("b")
    assert other.run("j1") is None
    job = parked.get()
    assert (job.parked_count, job.attempt, job.worker_id) == (2, 2, None)
    clock.at += MINUTE
    dispatcher.hand_over()
    gate.is_open = True
    finish(other)
    assert parked.get().state == "COMPLETED"


def test_while_such_an_engine_looks_nobody_else_is_given_the_job(
    parked: Shelf,
    dispatcher: Dispatcher,
    make_steps: Callable[[str], JobSteps],
    clock: FixedClock,
    gate: Gate,
) -> None:
    def look(context: JobContext) -> None:
        clock.at += MINUTE
        assert dispatcher.hand_over() == 0

    gate.meanwhile = look
    assert make_steps("b").run("j1") is None
    assert gate.attempts == [1, 2]


def test_a_worker_that_lost_the_job_does_not_park_it(
    steps: JobSteps, shelf: Shelf, catalog: Catalog, gate: Gate
) -> None:
    shelf.put(kind=JobKind.RESTORE, state="PENDING")

    def lose(context: JobContext) -> None:
        with catalog.begin() as tx:
            claims.let_go_all(tx, "a")
            job = claims.find_locked(tx, "j1")
            assert job is not None
            assert not isinstance(claims.take(tx, job, worker_id="b", now=NOW), claims.Refusal)

    gate.meanwhile = lose
    with pytest.raises(Interrupted):
        steps.run("j1")
    assert (shelf.get().worker_id, shelf.get().parked_count) == ("b", 0)


def test_a_parked_job_that_is_told_to_stop_stops_at_once(
    parked: Shelf, dispatcher: Dispatcher, steps: JobSteps, catalog: Catalog
) -> None:
    assert dispatcher.end_late() == 0
    parked.change(abort_requested_at=NOW)
    assert dispatcher.end_late() == 1
    job = parked.get()
    assert (job.state, job.status_message) == ("ABORTED", "Restore job was stopped by user.")
    with catalog.read() as tx:
        assert [job.id for job in discards.due(tx, ended_before=NOW + MINUTE, limit=9)] == ["j1"]
        assert checkpoints.find(tx, "j1", "place") is None
    assert not steps.prepare("j1")  # should the engine have it already


def test_a_parked_job_whose_window_ends_expires(
    parked: Shelf, dispatcher: Dispatcher, clock: FixedClock
) -> None:
    parked.change(complete_by=NOW + MINUTE)
    clock.at += MINUTE
    assert dispatcher.end_late() == 0
    clock.at += MINUTE
    assert dispatcher.end_late() == 1
    assert parked.get().status_message == "Restore job expired before completion."
    assert parked.get().state == "FAILED"


def test_who_waits_long_was_not_interrupted_often(
    parked: Shelf, steps: JobSteps, gate: Gate, dispatcher: Dispatcher, clock: FixedClock
) -> None:
    for _ in range(MAX_ATTEMPTS + 1):
        clock.at += MINUTE
        dispatcher.hand_over()
        assert steps.prepare("j1")
        assert steps.run("j1") is None
    gate.is_open = True
    finish(steps)
    assert parked.get().state == "COMPLETED"


@pytest.mark.slow
def test_while_one_restore_is_parked_another_runs_in_the_one_place_and_a_kill_loses_neither(
    workers: Workers, tmp_path: Path
) -> None:
    shelf, gate = Shelf(workers.catalog), tmp_path / "gate"
    worker = workers.start()
    for name in ("parked", "stopped"):
        request = {"seconds": 0.1, "gate": str(gate)}
        shelf.put(name, request=request, kind=JobKind.RESTORE, state="PENDING")
    wait_until(lambda: min(shelf.get(name).parked_count for name in ("parked", "stopped")) > 0)
    shelf.put("other", request={"seconds": 0.2}, kind=JobKind.RESTORE, state="PENDING")
    wait_until(lambda: shelf.get("other").state == "COMPLETED")
    assert shelf.get("parked").state == "RUNNING"
    assert shelf.get("parked").status_message == "Waiting for the gate."

    shelf.change("stopped", abort_requested_at=datetime.now(UTC))
    wait_until(lambda: shelf.get("stopped").state == "ABORTED")

    worker.kill()
    worker.wait()
    workers.start(lease=3)
    seen = shelf.get("parked").parked_count
    wait_until(lambda: shelf.get("parked").parked_count > seen)
    gate.touch()
    wait_until(lambda: shelf.get("parked").state == "COMPLETED")
