"""What a runner learns from its context, and how seldom the database is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import event

from safehold.core.clock import FixedClock
from safehold.core.errors import JobAborted, JobExpired
from safehold.domain.job_states import JobEvent
from safehold.jobs.context import JobContext
from safehold.jobs.patience import Interrupted
from safehold.records import claims
from safehold.records.engine import Catalog
from tests.jobs.conftest import NOW, Shelf


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def context(catalog: Catalog, clock: FixedClock, shelf: Shelf, stopping: threading.Event) -> JobContext:
    shelf.put(complete_by=NOW + timedelta(hours=1))
    with catalog.begin() as tx:
        job = claims.take(tx, shelf.get(), worker_id="a", now=NOW)
        assert not isinstance(job, claims.Refusal)
        claims.move_fenced(tx, job, JobEvent.RUN)
    return JobContext(job, catalog=catalog, clock=clock, stopping=stopping)


def statements(catalog: Catalog) -> list[str]:
    seen: list[str] = []
    event.listen(catalog.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    return seen


def test_the_database_is_asked_once_a_second_at_most(
    context: JobContext, catalog: Catalog, clock: FixedClock
) -> None:
    seen = statements(catalog)
    for _ in range(1000):
        context.check()
    assert sum("SELECT" in statement for statement in seen) == 1
    clock.at += timedelta(seconds=1)
    context.check()
    assert sum("SELECT" in statement for statement in seen) == 2


def test_progress_is_written_once_a_second_at_most(
    context: JobContext, catalog: Catalog, clock: FixedClock, shelf: Shelf
) -> None:
    seen = statements(catalog)
    for done in range(1, 500):
        context.progress(done, 1000)
    assert sum("UPDATE" in statement for statement in seen) == 1
    assert shelf.get().bytes_done == 1
    clock.at += timedelta(seconds=10)
    context.progress(500, 1000, "half of it")
    job = shelf.get()
    assert (job.bytes_done, job.percent_done, job.status_message) == (500, 50.0, "half of it")
    assert job.expected_completion_at == clock.at + timedelta(seconds=10)


def test_a_job_told_to_stop_learns_it_within_a_second_and_every_time_after(
    context: JobContext, clock: FixedClock, shelf: Shelf
) -> None:
    context.check()
    shelf.change(abort_requested_at=NOW, state="ABORTING")
    context.check()
    clock.at += timedelta(seconds=1)
    for _ in range(2):
        with pytest.raises(JobAborted):
            context.check()


def test_a_job_whose_window_ends_learns_it(context: JobContext, clock: FixedClock) -> None:
    clock.at += timedelta(hours=1)
    context.check()
    clock.at += timedelta(seconds=1)
    with pytest.raises(JobExpired):
        context.check()


def test_a_worker_that_stops_interrupts_at_once(context: JobContext, stopping: threading.Event) -> None:
    context.check()
    stopping.set()
    with pytest.raises(Interrupted):
        context.check()


@pytest.mark.parametrize(
    "notice",
    [
        pytest.param(lambda context: context.check(), id="when it checks"),
        pytest.param(lambda context: context.progress(1, 2), id="when it tells its progress"),
        pytest.param(lambda context: context.put_checkpoint("x", 1), id="when it keeps a note"),
    ],
)
def test_an_attempt_that_lost_its_job_is_interrupted(
    context: JobContext, catalog: Catalog, notice: Callable[[JobContext], None]
) -> None:
    with catalog.begin() as tx:
        claims.let_go_all(tx, "a")
    with pytest.raises(Interrupted):
        notice(context)
    with pytest.raises(Interrupted):
        context.check()


def test_interruption_is_not_taken_for_the_trouble_of_one_item(
    context: JobContext, stopping: threading.Event
) -> None:
    def one_item() -> None:
        try:
            context.check()
        except Exception:
            pytest.fail("a runner that collects errors would have swallowed it")

    stopping.set()
    with pytest.raises(Interrupted):
        one_item()


def test_checkpoints_are_kept_for_the_next_attempt(context: JobContext) -> None:
    assert context.find_checkpoint("packs") is None
    context.put_checkpoint("packs", ["a", "b"])
    assert context.find_checkpoint("packs") == ["a", "b"]
