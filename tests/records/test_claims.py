"""One worker per job, one job per resource, and nothing for a worker that was taken for dead."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from safehold.domain.job_states import JobEvent
from safehold.domain.jobs import Job, JobKind
from safehold.records import checkpoints, claims, jobs, nodes
from safehold.records.claims import Refusal
from safehold.records.engine import Catalog
from safehold.records.nodes import Node

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)


@pytest.fixture
def catalog(any_catalog: Catalog) -> Catalog:
    with any_catalog.begin() as tx:
        for name in ("a", "b"):
            nodes.insert_node(tx, Node(name, "worker", "host", 1, NOW, NOW))
    return any_catalog


def put(catalog: Catalog, job_id: str = "j1", **changes: object) -> Job:
    job = Job(job_id, JobKind.BACKUP, "1" * 12, "us-east-1", "CREATED", "arn:r", "EFS", NOW, {})
    job = replace(job, **changes)  # type: ignore[arg-type]
    with catalog.begin() as tx:
        jobs.insert_job(tx, job)
    return job


def take(catalog: Catalog, job_id: str = "j1", worker_id: str = "a") -> Job | Refusal:
    with catalog.begin() as tx:
        job = claims.find_locked(tx, job_id)
        assert job is not None
        return claims.take(tx, job, worker_id=worker_id, now=NOW)


def taken(catalog: Catalog, job_id: str = "j1", worker_id: str = "a") -> Job:
    job = take(catalog, job_id, worker_id)
    assert isinstance(job, Job)
    return job


def test_a_job_that_is_taken_says_who_has_it_and_since_when(catalog: Catalog) -> None:
    put(catalog)
    job = taken(catalog)
    assert (job.state, job.worker_id, job.attempt, job.started_at) == ("PENDING", "a", 1, NOW)


def test_a_held_job_is_refused_to_others_until_it_is_let_go(catalog: Catalog) -> None:
    put(catalog)
    job = taken(catalog, worker_id="a")
    assert take(catalog, worker_id="b") is Refusal.HELD
    with catalog.begin() as tx:
        assert claims.let_go(tx, job)
    assert taken(catalog, worker_id="b").attempt == 2


def test_an_older_attempt_cannot_change_the_job(catalog: Catalog) -> None:
    put(catalog)
    first, second = taken(catalog), taken(catalog)
    with catalog.begin() as tx:
        assert not claims.move_fenced(tx, first, JobEvent.RUN)
        assert not checkpoints.put(tx, first, "done", 1)
        assert not claims.let_go(tx, first)
        assert claims.move_fenced(tx, second, JobEvent.RUN)
        assert claims.move_fenced(tx, second, JobEvent.COMPLETE)
        assert not claims.move_fenced(tx, second, JobEvent.FAIL), "it has ended already"
    assert take(catalog) is Refusal.ENDED


def test_a_resource_has_one_holder(catalog: Catalog) -> None:
    put(catalog, "j1")
    put(catalog, "j2")
    put(catalog, "elsewhere", resource_arn="arn:other")
    job = taken(catalog, "j1")
    assert take(catalog, "j2", "b") is Refusal.BUSY
    assert isinstance(take(catalog, "elsewhere", "b"), Job)
    with catalog.begin() as tx:
        claims.let_go(tx, job)
    assert isinstance(take(catalog, "j2", "b"), Job)


def test_restores_do_not_wait_for_each_other(catalog: Catalog) -> None:
    for job_id in ("j1", "j2"):
        put(catalog, job_id, kind=JobKind.RESTORE, state="PENDING")
    assert isinstance(take(catalog, "j1"), Job)
    assert isinstance(take(catalog, "j2"), Job)


def test_of_many_who_want_one_resource_at_once_one_gets_it(catalog: Catalog) -> None:
    names = [f"j{number}" for number in range(6)]
    for name in names:
        put(catalog, name)
    together = threading.Barrier(len(names))
    answers: list[Job | Refusal] = []

    def want(name: str) -> None:
        together.wait()
        answers.append(take(catalog, name))

    threads = [threading.Thread(target=want, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer for answer in answers if answer is not Refusal.BUSY] == [
        answer for answer in answers if isinstance(answer, Job)
    ]
    assert sum(isinstance(answer, Job) for answer in answers) == 1


def test_a_worker_that_was_taken_for_dead_gets_nothing(catalog: Catalog) -> None:
    put(catalog)
    with catalog.begin() as tx:
        assert nodes.declare_dead(tx, nodes.list_nodes(tx)[0], now=NOW)
    assert take(catalog, worker_id="a") is Refusal.REAPED
    assert take(catalog, worker_id="never listed") is Refusal.REAPED


def test_what_a_dead_worker_held_is_free_and_what_it_ended_stays(catalog: Catalog) -> None:
    put(catalog, "j1")
    put(catalog, "j2", resource_arn="arn:other")
    ended = taken(catalog, "j2")
    with catalog.begin() as tx:
        claims.move_fenced(tx, ended, JobEvent.RUN)
        claims.move_fenced(tx, ended, JobEvent.COMPLETE)
    taken(catalog, "j1")
    with catalog.begin() as tx:
        assert claims.workers_holding(tx) == {"a"}
        assert claims.let_go_all(tx, "a") == 1
        assert claims.workers_holding(tx) == set()
    assert taken(catalog, "j1", "b").attempt == 2


def test_a_job_that_is_late_and_unheld_is_found_and_ended_once(catalog: Catalog) -> None:
    put(catalog, "late", start_by=NOW)
    put(catalog, "in time", start_by=LATER + timedelta(hours=1))
    put(catalog, "any time", resource_arn="arn:other")
    with catalog.begin() as tx:
        (late,) = claims.unheld_and_late(tx, now=LATER, limit=9)
        assert late.id == "late"
        assert claims.end_unheld(tx, late, JobEvent.EXPIRE, message="too late", now=LATER)
        assert not claims.end_unheld(tx, late, JobEvent.EXPIRE, message="again", now=LATER)
        ended = jobs.find(tx, "late")
        assert ended is not None
        assert (ended.state, ended.status_message, ended.completed_at) == ("EXPIRED", "too late", LATER)


def test_a_job_taken_in_the_meantime_is_not_ended_as_late(catalog: Catalog) -> None:
    late = put(catalog, start_by=NOW)
    taken(catalog)
    with catalog.begin() as tx:
        assert claims.unheld_and_late(tx, now=LATER, limit=9) == []
        assert not claims.end_unheld(tx, late, JobEvent.EXPIRE, message="too late", now=LATER)


def test_a_job_that_was_begun_no_longer_has_a_start_window(catalog: Catalog) -> None:
    put(catalog, start_by=NOW)
    job = taken(catalog)
    with catalog.begin() as tx:
        claims.let_go(tx, job)
        assert claims.unheld_and_late(tx, now=LATER, limit=9) == []


def test_a_job_that_was_begun_is_never_ended_as_late_from_outside(catalog: Catalog) -> None:
    put(catalog, complete_by=NOW)
    job = taken(catalog)
    with catalog.begin() as tx:
        claims.let_go(tx, job)
        assert claims.unheld_and_late(tx, now=LATER, limit=9) == []


def test_only_a_job_that_nobody_began_is_aborted_from_outside(catalog: Catalog) -> None:
    put(catalog, "j1", abort_requested_at=NOW, state="ABORTING")
    put(catalog, "j2", abort_requested_at=NOW, resource_arn="arn:other", state="ABORTING")
    begun = taken(catalog, "j2")
    with catalog.begin() as tx:
        claims.let_go(tx, begun)
        assert [job.id for job in claims.unheld_and_aborted(tx, limit=9)] == ["j1"]


def test_a_checkpoint_is_what_was_put_last_until_all_are_deleted(catalog: Catalog) -> None:
    put(catalog)
    job = taken(catalog)
    with catalog.begin() as tx:
        assert checkpoints.find(tx, "j1", "done") is None
        for value in ({"packs": ["a"]}, {"packs": ["a", "b"]}):
            assert checkpoints.put(tx, job, "done", value)
        assert checkpoints.find(tx, "j1", "done") == {"packs": ["a", "b"]}
        checkpoints.delete_all(tx, "j1")
        assert checkpoints.find(tx, "j1", "done") is None


@pytest.mark.parametrize("value", [17, 2.5, "17", "", None, True, [], {"a": [1, None]}, "ä\u2028"])
def test_a_checkpoint_of_any_shape_comes_back_as_it_was(catalog: Catalog, value: object) -> None:
    put(catalog)
    job = taken(catalog)
    with catalog.begin() as tx:
        for one in ("another", value):
            assert checkpoints.put(tx, job, "note", one)
    with catalog.read() as tx:
        found = checkpoints.find(tx, "j1", "note")
    assert found == value
    assert type(found) is type(value)
