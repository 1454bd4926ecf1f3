"""The scheduler's loop: it wakes in time, notices changes, and goes on after a failure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from safehold.core.clock import Clock, FixedClock, SystemClock
from safehold.domain.firings import Outcome
from safehold.domain.plans import PlanVersion
from safehold.records import firings, jobs, plans
from safehold.records.engine import Catalog
from safehold.scheduler.loop import Agenda, run
from tests.scheduler.conftest import HOURLY, World, at


def job_count(world: World) -> int:
    with world.catalog.read() as tx:
        return len(jobs.page(tx, jobs.JobFilter(), limit=1000))


@pytest.fixture
def ready(sqlite_world: World) -> World:
    """One resource under an hourly plan that has seen midnight."""
    sqlite_world.plan(HOURLY)
    sqlite_world.selection("all", "*")
    sqlite_world.resource("home")
    return sqlite_world


def test_it_says_when_something_is_next_due(ready: World) -> None:
    agenda = Agenda(ready.catalog)
    assert agenda.work(at("0:30")) == at("1:00")
    assert agenda.work(at("1:00")) == at("2:00")
    assert job_count(ready) == 1


def test_nothing_to_do_is_no_time_to_wake_at(sqlite_world: World) -> None:
    assert Agenda(sqlite_world.catalog).work(at("0:30")) is None


def test_a_new_version_is_noticed(ready: World) -> None:
    agenda = Agenda(ready.catalog)
    agenda.work(at("0:30"))
    changed = replace(
        HOURLY, id="hourly-id", schedule_expression="cron(45 * * * ? *)", scheduled_since=at("0:35")
    )
    _replace(ready, lambda plan: replace(plan.document, rules=(changed,)))
    assert agenda.work(at("0:40")) == at("0:45")
    agenda.work(at("0:45"))
    assert job_count(ready) == 1


def test_a_deleted_plan_is_forgotten(ready: World) -> None:
    agenda = Agenda(ready.catalog)
    agenda.work(at("0:30"))
    with ready.catalog.begin() as tx:
        plans.mark_deleted(tx, "p", now=at("0:30"))
    assert agenda.work(at("0:31")) is None


def test_a_clock_set_forward_catches_up_once(ready: World) -> None:
    agenda = Agenda(ready.catalog)
    agenda.work(at("0:30"))
    agenda.work(at("9:30", day=3))
    assert job_count(ready) == 1
    fired = [row for row in ready.firings() if row[1] is Outcome.FIRED]
    assert fired == [("09:00", Outcome.FIRED, 1)]


def test_a_clock_set_back_fires_nothing_twice_and_then_goes_on(ready: World) -> None:
    agenda = Agenda(ready.catalog)
    for time in ("0:30", "1:00", "2:00", "0:30", "1:00", "2:00"):
        agenda.work(at(time))
    assert job_count(ready) == 2
    assert [row[1:] for row in ready.firings()][:2] == [(Outcome.FIRED, 1)] * 2
    agenda.work(at("3:00"))
    assert job_count(ready) == 3


def test_a_clock_that_was_ahead_for_a_while_does_not_silence_the_plan(ready: World) -> None:
    agenda = Agenda(ready.catalog)
    agenda.work(at("0:30"))
    agenda.work(at("5:00", day=20))
    agenda.work(at("0:31"))
    agenda.work(at("1:00"))
    assert job_count(ready) == 2


def test_a_restart_catches_up_what_fell_due_meanwhile(ready: World) -> None:
    Agenda(ready.catalog).work(at("1:00"))
    Agenda(ready.catalog).work(at("2:20"))
    assert job_count(ready) == 2


def test_a_plan_that_fails_keeps_no_other_from_its_due_time(
    ready: World, caplog: pytest.LogCaptureFixture
) -> None:
    ready.plan(HOURLY, plan_id="o")  # before "p" in every order
    with ready.catalog.begin() as tx:
        tx.exec_driver_sql(
            "create trigger broken before insert on firing when new.plan_id = 'o' begin "
            "select raise(abort, 'no'); end"
        )
    agenda = Agenda(ready.catalog)
    agenda.work(at("0:30"))
    agenda.work(at("1:00"))
    assert job_count(ready) == 1
    assert "a plan failed and is tried again" in caplog.text
    with ready.catalog.begin() as tx:
        tx.exec_driver_sql("drop trigger broken")
    agenda.work(at("1:01"))
    with ready.catalog.read() as tx:
        assert len(firings.of_plan(tx, "o", limit=9)) == 1


class Hurrying(FixedClock):
    """Moves on by half an hour at each look."""

    def now(self) -> datetime:
        self.at += timedelta(minutes=30)
        return self.at


def test_the_loop_runs_until_it_is_stopped(ready: World) -> None:
    stop = threading.Event()
    thread = _running(ready.catalog, Hurrying(at("0:00")), stop)
    for _ in range(500):
        if job_count(ready) >= 3:
            break
        threading.Event().wait(0.01)
    stop.set()
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert job_count(ready) >= 3


def test_the_loop_outlives_a_catalog_that_fails(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    stop = threading.Event()
    broken = Catalog(f"sqlite:///{tmp_path}/empty.db")
    with caplog.at_level(logging.ERROR):
        thread = _running(broken, SystemClock(), stop)
        while len(caplog.records) < 2:
            threading.Event().wait(0.01)
        stop.set()
        thread.join(timeout=5)
    broken.close()
    assert "the scheduler failed and goes on" in caplog.text


def _running(catalog: Catalog, clock: Clock, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=run, args=(catalog, clock, stop), kwargs={"poll_seconds": 0.01})
    thread.start()
    return thread


def _replace(world: World, change: Callable[[PlanVersion], object]) -> None:
    with world.catalog.begin() as tx:
        (plan,) = plans.active(tx)
        plans.replace_document(tx, replace(plan, version_id="v2", document=change(plan)))  # type: ignore[arg-type]


def test_a_rule_that_fails_keeps_no_other_rule_of_its_plan_from_its_due_time(
    sqlite_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    sqlite_world.plan(replace(HOURLY, name="broken"), HOURLY)
    sqlite_world.selection("all", "*")
    sqlite_world.resource("home")
    with sqlite_world.catalog.begin() as tx:
        tx.exec_driver_sql(
            "create trigger broken before insert on firing when new.rule_id = 'broken-id' begin "
            "select raise(abort, 'no'); end"
        )
    agenda = Agenda(sqlite_world.catalog)
    agenda.work(at("0:30"))
    agenda.work(at("1:00"))
    assert job_count(sqlite_world) == 1
    with sqlite_world.catalog.begin() as tx:
        tx.exec_driver_sql("drop trigger broken")
    agenda.work(at("1:01"))
    assert job_count(sqlite_world) == 2
