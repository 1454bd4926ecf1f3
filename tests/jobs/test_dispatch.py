"""New jobs reach the engine, late ones are ended with the right words, forgotten ones are started again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from safehold.core.clock import FixedClock
from safehold.domain.job_messages import BUSY_RESOURCE
from safehold.domain.jobs import JobKind
from safehold.jobs.dispatch import UNHELD_SECONDS, Dispatcher
from safehold.jobs.engine import EngineState
from safehold.records import claims, discards
from safehold.records.engine import Catalog
from tests.jobs.conftest import NOW, NotingEngine, Shelf

HOUR = timedelta(hours=1)


@pytest.fixture
def dispatcher(catalog: Catalog, engine: NotingEngine, clock: FixedClock) -> Dispatcher:
    return Dispatcher(catalog, engine.as_engine(), clock)


def take(catalog: Catalog, shelf: Shelf, job_id: str) -> None:
    with catalog.begin() as tx:
        claims.take(tx, shelf.get(job_id), worker_id="a", now=NOW)


def test_new_jobs_are_started_once_each_on_their_resource(
    dispatcher: Dispatcher, shelf: Shelf, engine: NotingEngine
) -> None:
    shelf.put("backup")
    shelf.put("restore", kind=JobKind.RESTORE, state="PENDING")
    assert dispatcher.hand_over() == 2
    assert engine.started == {"backup": "arn:r", "restore": "restore"}
    assert shelf.get("backup").handed_over_at == NOW
    assert dispatcher.hand_over() == 0


def test_a_job_started_before_a_crash_is_started_again_under_the_same_id(
    dispatcher: Dispatcher, shelf: Shelf, engine: NotingEngine
) -> None:
    shelf.put()
    engine.start("j1", kind=JobKind.BACKUP, partition="arn:r")  # and then the process died
    assert dispatcher.hand_over() == 1
    assert engine.started == {"j1": "arn:r"}


@pytest.mark.parametrize(
    ("is_busy", "message"),
    [
        pytest.param(True, BUSY_RESOURCE, id="its resource was busy"),
        pytest.param(False, "Backup job expired before completion.", id="no worker was free"),
    ],
)
def test_a_job_that_could_not_start_in_time_says_why(
    dispatcher: Dispatcher, shelf: Shelf, catalog: Catalog, clock: FixedClock, is_busy: bool, message: str
) -> None:
    shelf.put("late", start_by=NOW + HOUR)
    shelf.put("other", resource_arn="arn:r" if is_busy else "arn:elsewhere")
    take(catalog, shelf, "other")
    assert dispatcher.end_late() == 0
    clock.at += HOUR + timedelta(seconds=1)
    assert dispatcher.end_late() == 1
    job = shelf.get("late")
    assert (job.state, job.status_message, job.completed_at) == ("EXPIRED", message, clock.at)


def test_a_job_stopped_before_it_began_is_aborted_at_once(dispatcher: Dispatcher, shelf: Shelf) -> None:
    shelf.put(state="ABORTING", abort_requested_at=NOW)
    assert dispatcher.end_late() == 1
    job = shelf.get()
    assert (job.state, job.status_message) == ("ABORTED", "Backup job was stopped by user.")


def test_a_job_that_a_worker_holds_is_left_to_it(
    dispatcher: Dispatcher, shelf: Shelf, catalog: Catalog, clock: FixedClock
) -> None:
    shelf.put(start_by=NOW, complete_by=NOW, abort_requested_at=NOW)
    take(catalog, shelf, "j1")
    clock.at += HOUR
    assert dispatcher.end_late() == 0
    assert shelf.get().state == "PENDING"


def test_a_job_that_began_is_left_to_the_engine_however_late_it_is(
    dispatcher: Dispatcher, shelf: Shelf, clock: FixedClock
) -> None:
    shelf.put(state="RUNNING", attempt=1, complete_by=NOW)
    clock.at += HOUR
    assert dispatcher.end_late() == 0
    assert shelf.get().state == "RUNNING"


@pytest.mark.parametrize("attempt", [0, 1])
def test_what_a_job_left_that_the_engine_gave_up_is_looked_for(
    dispatcher: Dispatcher,
    shelf: Shelf,
    engine: NotingEngine,
    catalog: Catalog,
    clock: FixedClock,
    attempt: int,
) -> None:
    shelf.put(handed_over_at=NOW, state="RUNNING" if attempt else "CREATED", attempt=attempt)
    engine.known["j1"] = EngineState.ENDED
    clock.at += HOUR
    dispatcher.restart_forgotten()
    assert shelf.get().state == "FAILED"
    with catalog.read() as tx:
        noted = discards.due(tx, ended_before=clock.at + HOUR, limit=9)
    assert [job.id for job in noted] == ["j1"] * attempt


@pytest.mark.parametrize(
    ("state", "is_started", "ends"),
    [
        pytest.param(EngineState.MISSING, True, "CREATED", id="forgotten: started again"),
        pytest.param(EngineState.WAITING, False, "CREATED", id="queued: left alone"),
        pytest.param(EngineState.RUNNING, False, "CREATED", id="about to run: left alone"),
        pytest.param(EngineState.ENDED, False, "FAILED", id="given up: failed"),
    ],
)
def test_a_job_that_waits_long_is_looked_up_in_the_engine(
    dispatcher: Dispatcher,
    shelf: Shelf,
    engine: NotingEngine,
    clock: FixedClock,
    state: EngineState,
    is_started: bool,
    ends: str,
) -> None:
    shelf.put(handed_over_at=NOW)
    engine.known["j1"] = state
    assert dispatcher.restart_forgotten() == 0, "not yet"
    clock.at += timedelta(seconds=UNHELD_SECONDS + 1)
    dispatcher.restart_forgotten()
    assert ("j1" in engine.started) is is_started
    assert shelf.get().state == ends
