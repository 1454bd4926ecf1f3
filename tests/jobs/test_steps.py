"""The three steps of a job, each of which may be run again anywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import insert

from safehold.core.clock import FixedClock
from safehold.core.errors import (
    JobAborted,
    JobExpired,
    ResourceNotFound,
    SourceMissing,
    StoreFull,
    StoreUnavailable,
)
from safehold.domain.job_states import JobState
from safehold.domain.jobs import Job, JobKind
from safehold.jobs.context import JobContext, Runner
from safehold.jobs.discarding import SETTLED, Discarder
from safehold.jobs.outcome import Outcome
from safehold.jobs.patience import Interrupted
from safehold.jobs.steps import MAX_ATTEMPTS, JobSteps
from safehold.records import claims, discards
from safehold.records.engine import Catalog
from safehold.records.tables import tag
from safehold.records.tx import Tx
from tests.jobs.conftest import NOW, Shelf

DONE = Outcome(JobState.COMPLETED, size_bytes=7, recovery_point_arn="arn:point", facts={"files": 3})


@pytest.fixture
def make_steps(catalog: Catalog, clock: FixedClock) -> Callable[..., JobSteps]:
    def make(
        run: Callable[[JobContext], Outcome] = lambda context: DONE,
        *,
        worker_id: str = "a",
        settle: Callable[[Tx, Job, Outcome], None] | None = None,
        discard: Callable[[Job], None] | None = None,
        stopping: threading.Event | None = None,
    ) -> JobSteps:
        runners = {kind: Runner(run, settle, discard) for kind in JobKind}
        stopping = stopping or threading.Event()
        return JobSteps(catalog, runners, worker_id=worker_id, clock=clock, stopping=stopping)

    return make


def do_all(steps: JobSteps, job_id: str = "j1") -> None:
    if steps.prepare(job_id):
        outcome = steps.run(job_id)
        assert outcome is not None
        steps.finish(job_id, Outcome.from_json(outcome.to_json()))


def raising(error: BaseException) -> Callable[[JobContext], Outcome]:
    def run(context: JobContext) -> Outcome:
        raise error

    return run


def test_a_job_passes_from_created_to_completed(make_steps: Callable[..., JobSteps], shelf: Shelf) -> None:
    shelf.put()
    seen: list[str] = []

    def run(context: JobContext) -> Outcome:
        seen.append(shelf.get().state)
        return DONE

    steps = make_steps(run)
    assert steps.prepare("j1")
    seen.append(shelf.get().state)
    do_all(steps)
    job = shelf.get()
    assert seen == ["PENDING", "RUNNING"]
    assert (job.state, job.percent_done, job.size_bytes, job.message_category) == (
        "COMPLETED",
        100.0,
        7,
        "SUCCESS",
    )
    assert (job.recovery_point_arn, job.completed_at, job.attempt) == ("arn:point", NOW, 1)
    assert job.result == {"files": 3, "created_resource_arn": None}


@pytest.mark.parametrize(
    ("kind", "error", "state", "message"),
    [
        pytest.param("backup", SourceMissing("/x is gone"), "FAILED", "/x is gone", id="a source's error"),
        pytest.param(
            "backup", StoreFull("disk full"), "FAILED", f"disk full {StoreFull.hint}", id="with a hint"
        ),
        pytest.param(
            "backup", JobAborted("stop"), "ABORTED", "Backup job was stopped by user.", id="stopped"
        ),
        pytest.param(
            "restore", JobAborted("stop"), "ABORTED", "Restore job was stopped by user.", id="restore"
        ),
        pytest.param(
            "backup", JobExpired("late"), "EXPIRED", "Backup job expired before completion.", id="too long"
        ),
        pytest.param(
            "restore", JobExpired("late"), "FAILED", "Restore job expired before completion.", id="no EXPIRED"
        ),
        pytest.param(
            "backup", KeyError("x"), "FAILED", "Internal error; the worker's log has its trace.", id="a bug"
        ),
    ],
)
def test_what_a_runner_raises_is_how_the_job_ends(
    make_steps: Callable[..., JobSteps], shelf: Shelf, kind: str, error: Exception, state: str, message: str
) -> None:
    shelf.put(kind=JobKind(kind), state="PENDING")
    do_all(make_steps(raising(error)))
    job = shelf.get()
    assert (job.state, job.status_message) == (state, message)
    assert job.percent_done is None


def test_a_job_that_is_interrupted_is_let_go_and_finished_by_another(
    make_steps: Callable[..., JobSteps], shelf: Shelf
) -> None:
    shelf.put()
    with pytest.raises(Interrupted):
        do_all(make_steps(raising(Interrupted()), worker_id="a"))
    job = shelf.get()
    assert (job.state, job.worker_id) == ("RUNNING", None)
    do_all(make_steps(worker_id="b"))
    job = shelf.get()
    assert (job.state, job.worker_id, job.attempt) == ("COMPLETED", "b", 2)


def test_a_worker_that_lost_its_job_cannot_finish_it(
    make_steps: Callable[..., JobSteps], shelf: Shelf, catalog: Catalog
) -> None:
    shelf.put()
    zombie = make_steps(worker_id="a")
    assert zombie.prepare("j1")
    outcome = zombie.run("j1")
    with catalog.begin() as tx:
        claims.let_go_all(tx, "a")  # as a reaper does
    other = make_steps(worker_id="b")
    assert other.prepare("j1")
    with pytest.raises(Interrupted):
        zombie.finish("j1", outcome or DONE)
    job = shelf.get()
    assert (job.state, job.worker_id) == ("RUNNING", "b")


def test_finishing_twice_settles_once(make_steps: Callable[..., JobSteps], shelf: Shelf) -> None:
    settled: list[str] = []
    steps = make_steps(settle=lambda tx, job, outcome: settled.append(job.id))
    shelf.put()
    do_all(steps)
    steps.finish("j1", DONE)
    make_steps(worker_id="b", settle=lambda tx, job, outcome: settled.append(job.id)).finish("j1", DONE)
    assert settled == ["j1"]


def test_what_settle_wrote_is_gone_when_the_end_was_not_written(
    make_steps: Callable[..., JobSteps], shelf: Shelf, catalog: Catalog
) -> None:
    def settle(tx: Tx, job: Job, outcome: Outcome) -> None:
        tx.execute(insert(tag).values(arn="arn:point", key="k", value="v"))
        raise RuntimeError("the process dies here")

    shelf.put()
    with pytest.raises(RuntimeError):
        do_all(make_steps(settle=settle))
    assert (shelf.get().state, shelf.get().worker_id) == ("RUNNING", None)
    with catalog.read() as tx:
        assert tx.execute(tag.select()).all() == []


def test_a_job_that_a_bug_ended_keeps_its_resource_from_nobody(
    make_steps: Callable[..., JobSteps], shelf: Shelf
) -> None:
    def settle(tx: Tx, job: Job, outcome: Outcome) -> None:
        if job.id == "j1":
            raise RuntimeError("a bug")

    shelf.put("j1")
    shelf.put("j2")
    steps = make_steps(settle=settle)
    with pytest.raises(RuntimeError):
        do_all(steps, "j1")
    stopping = threading.Event()
    threading.Timer(5, stopping.set).start()  # so that a resource that is held fails this test, not hangs it
    do_all(make_steps(worker_id="b", stopping=stopping), "j2")
    assert shelf.get("j2").state == "COMPLETED"


def refuse_results(tx: Tx, job: Job, outcome: Outcome) -> None:
    if outcome.state is JobState.COMPLETED:
        raise ResourceNotFound("The backup vault does not exist.")


def test_a_job_whose_results_cannot_be_entered_has_failed_and_they_are_taken_back(
    make_steps: Callable[..., JobSteps], shelf: Shelf
) -> None:
    discarded: list[tuple[str, str]] = []
    shelf.put("j1")
    shelf.put("j2")
    steps = make_steps(settle=refuse_results, discard=lambda job: discarded.append((job.id, job.state)))
    do_all(steps, "j1")
    job = shelf.get("j1")
    assert (job.state, job.status_message) == ("FAILED", "The backup vault does not exist.")
    assert (job.recovery_point_arn, job.percent_done) == (None, None)
    assert discarded == [("j1", "FAILED")]
    do_all(steps, "j2")
    assert shelf.get("j2").state == "FAILED", "its resource is free again"


@pytest.mark.parametrize(
    ("attempts_before", "error", "is_discarded"),
    [
        pytest.param(0, SourceMissing("gone"), False, id="a first attempt made nothing visible"),
        pytest.param(1, SourceMissing("gone"), True, id="failed"),
        pytest.param(1, JobAborted("stop"), True, id="stopped"),
        pytest.param(1, JobExpired("late"), True, id="too late"),
        pytest.param(1, KeyError("x"), True, id="a bug"),
        pytest.param(MAX_ATTEMPTS, None, True, id="given up"),
        pytest.param(1, None, False, id="completed"),
    ],
)
def test_what_earlier_attempts_made_stands_only_if_the_job_completes(
    make_steps: Callable[..., JobSteps],
    shelf: Shelf,
    attempts_before: int,
    error: Exception | None,
    is_discarded: bool,
) -> None:
    discarded: list[str] = []
    shelf.put(state="RUNNING", attempt=attempts_before)
    run = raising(error) if error else lambda context: DONE
    do_all(make_steps(run, discard=lambda job: discarded.append(job.id)))
    assert discarded == (["j1"] if is_discarded else [])


def test_a_vault_that_cannot_be_told_does_not_keep_the_job_from_ending(
    make_steps: Callable[..., JobSteps], shelf: Shelf, catalog: Catalog, clock: FixedClock
) -> None:
    troubles: list[Exception] = [StoreUnavailable("the disk is not there")]
    discarded: list[str] = []

    def discard(job: Job) -> None:
        if troubles:
            raise troubles.pop()
        discarded.append(job.id)

    shelf.put(state="RUNNING", attempt=1)
    do_all(make_steps(raising(SourceMissing("gone")), discard=discard))
    assert shelf.get().state == "FAILED"
    discarder = Discarder(catalog, {JobKind.BACKUP: Runner(lambda context: DONE, None, discard)}, clock)
    assert discarder.discard_due() == 0, "not yet"
    clock.at += SETTLED + timedelta(seconds=1)
    assert (discarder.discard_due(), discarded) == (1, ["j1"])
    assert (discarder.discard_due(), discarded) == (0, ["j1"])


@pytest.mark.parametrize(("days", "is_kept"), [(6, True), (8, False)])
def test_a_vault_that_stays_away_is_asked_for_a_week(
    catalog: Catalog, shelf: Shelf, clock: FixedClock, days: int, is_kept: bool
) -> None:
    def discard(job: Job) -> None:
        raise StoreUnavailable("the disk is not there")

    shelf.put(state="FAILED", completed_at=NOW)
    with catalog.begin() as tx:
        discards.note(tx, "j1")
    clock.at += timedelta(days=days)
    Discarder(catalog, {JobKind.BACKUP: Runner(lambda context: DONE, None, discard)}, clock).discard_due()
    with catalog.read() as tx:
        assert bool(discards.due(tx, ended_before=clock.at, limit=9)) is is_kept


def test_texts_that_are_no_unicode_are_stored_as_escapes(
    make_steps: Callable[..., JobSteps], shelf: Shelf
) -> None:
    facts = {"troubles": [["a\udce9", "zero \0"]], "b\ud800": 1}
    outcome = Outcome(JobState.COMPLETED, "caf\udce9 skipped", facts=facts)
    shelf.put()
    do_all(make_steps(lambda context: outcome))
    job = shelf.get()
    assert (job.state, job.status_message) == ("COMPLETED", "caf\\xe9 skipped")
    assert job.result is not None
    assert job.result["troubles"] == [["a\\xe9", "zero \\x00"]]


def test_a_job_that_has_ended_is_neither_run_nor_changed(
    make_steps: Callable[..., JobSteps], shelf: Shelf
) -> None:
    ended = shelf.put(state="ABORTED")
    steps = make_steps(raising(AssertionError("must not run")))
    assert not steps.prepare("j1")
    assert steps.run("j1") is None
    steps.finish("j1", DONE)
    assert shelf.get() == ended


def test_a_job_past_its_start_window_expires_instead_of_starting(
    make_steps: Callable[..., JobSteps], shelf: Shelf, clock: FixedClock
) -> None:
    shelf.put(start_by=NOW)
    clock.at = NOW + timedelta(seconds=1)
    assert not make_steps().prepare("j1")
    assert shelf.get().state == "EXPIRED"


def test_a_job_told_to_stop_before_its_run_does_not_begin_it(
    make_steps: Callable[..., JobSteps], shelf: Shelf
) -> None:
    shelf.put(state="ABORTING", abort_requested_at=NOW)
    do_all(make_steps(raising(AssertionError("must not run"))))
    assert shelf.get().state == "ABORTED"


def test_what_was_done_before_the_stop_was_seen_stays_done(
    make_steps: Callable[..., JobSteps], shelf: Shelf
) -> None:
    shelf.put()
    steps = make_steps()
    assert steps.prepare("j1")
    outcome = steps.run("j1")
    assert outcome is not None
    shelf.change(abort_requested_at=NOW, state="ABORTING")
    steps.finish("j1", outcome)
    assert shelf.get().state == "COMPLETED"


def test_a_resource_held_by_another_job_is_waited_for(
    make_steps: Callable[..., JobSteps], shelf: Shelf
) -> None:
    shelf.put("j1")
    shelf.put("j2")
    first = make_steps(worker_id="a")
    assert first.prepare("j1")
    waiting = threading.Thread(target=do_all, args=(make_steps(worker_id="b"), "j2"))
    waiting.start()
    waiting.join(0.1)
    assert shelf.get("j2").state == "CREATED"
    do_all(first)
    waiting.join(10)
    assert shelf.get("j2").state == "COMPLETED"


def test_a_wait_for_a_resource_ends_when_the_worker_stops(
    make_steps: Callable[..., JobSteps], shelf: Shelf
) -> None:
    shelf.put("j1")
    shelf.put("j2")
    assert make_steps(worker_id="a").prepare("j1")
    stopping = threading.Event()
    steps = make_steps(worker_id="b", stopping=stopping)
    threading.Timer(0.1, stopping.set).start()
    with pytest.raises(Interrupted):
        steps.prepare("j2")


def test_a_job_that_takes_its_worker_down_each_time_is_given_up(
    make_steps: Callable[..., JobSteps], shelf: Shelf
) -> None:
    shelf.put(attempt=MAX_ATTEMPTS, state="RUNNING")
    do_all(make_steps(raising(AssertionError("must not run"))))
    assert shelf.get().state == "FAILED"


def test_the_completion_window_begins_with_the_first_attempt(
    make_steps: Callable[..., JobSteps], shelf: Shelf
) -> None:
    shelf.put(request={"completion_window_minutes": 90})
    do_all(make_steps())
    assert shelf.get().complete_by == NOW + timedelta(minutes=90)
