"""What is due becomes jobs, once."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

from safehold.domain.backup_requests import BackupRequest, CreatedBy
from safehold.domain.firings import Outcome
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.plans import AdvancedSetting
from safehold.records import jobs, plans, settings
from safehold.records.engine import Catalog
from safehold.scheduler.tick import tick
from tests.scheduler.conftest import ACCOUNT, HOURLY, ROLE, SITE, World, a_resource, at, kept

FIRED, MISSED, OVERRIDDEN = Outcome.FIRED, Outcome.MISSED, Outcome.OVERRIDDEN


def test_a_due_time_fires_once_however_often_one_ticks(world: World) -> None:
    world.plan(HOURLY)
    world.selection("all", "*")
    world.resource("home")
    assert world.tick(at("0:59")) == []
    assert world.tick(at("1:00")) == ["home"]
    assert world.tick(at("1:00")) == []
    assert world.tick(at("1:59")) == []
    assert world.tick(at("2:00")) == ["home"]
    assert world.firings() == [("02:00", FIRED, 1), ("01:00", FIRED, 1)]


def test_the_job_says_all_that_a_worker_needs(world: World) -> None:
    rule = replace(
        HOURLY,
        lifecycle=Lifecycle(delete_after_days=35),
        recovery_point_tags={"made": "here"},
        completion_window_minutes=600,
        index_actions=(("EFS",),),
    )
    plan = world.plan(rule)
    options = replace(plan.document, advanced_settings=(AdvancedSetting("EFS", {"Exclude": "*.tmp"}),))
    with world.catalog.begin() as tx:
        plans.replace_document(tx, replace(plan, document=options, version_id="v2"))
    world.selection("all", "*")
    world.resource("home")
    with world.catalog.begin() as tx:
        (job,) = tick(tx, at("1:10"), new_id=lambda: "JOB-1")
        assert jobs.find(tx, "JOB-1") == job
    assert (job.id, job.kind, job.state, job.role_arn) == ("JOB-1", "backup", "CREATED", ROLE)
    assert (job.resource_arn, job.resource_type) == (a_resource("home").arn, "EFS")
    assert (job.vault_name, job.vault_arn) == (
        "Default",
        f"arn:aws:backup:{SITE}:{ACCOUNT}:backup-vault:Default",
    )
    assert (job.created_at, job.due_at, job.start_by, job.complete_by) == (
        at("1:10"),
        at("1:00"),
        at("2:00"),
        None,
    )
    assert BackupRequest.from_json(job.request) == BackupRequest(
        lifecycle=Lifecycle(delete_after_days=35),
        recovery_point_tags={"made": "here"},
        backup_options={"Exclude": "*.tmp"},
        start_window_minutes=60,
        completion_window_minutes=600,
        created_by=CreatedBy(
            "p", "arn:p", "daily", "v2", "hourly-id", "hourly", "cron(0 * * * ? *)", "Etc/UTC"
        ),
        index=True,
    )


def test_only_what_is_there_now_is_chosen(world: World) -> None:
    world.plan(HOURLY)
    world.selection("tagged", tag=("backup", "yes"))
    world.resource("tagged", backup="yes")
    world.resource("bare")
    world.resource("lost", lost=True, backup="yes")
    world.resource("elsewhere", site="eu-west-1", backup="yes")
    assert world.tick(at("1:00")) == ["tagged"]
    world.resource("bare", backup="yes")
    assert world.tick(at("2:00")) == ["bare", "tagged"]


def test_a_resource_of_two_selections_has_one_job(sqlite_world: World) -> None:
    sqlite_world.plan(HOURLY)
    sqlite_world.selection("one", "*")
    sqlite_world.selection("two", "*")
    sqlite_world.resource("home")
    assert sqlite_world.tick(at("1:00")) == ["home"]


def test_types_that_the_site_opts_out_of_are_left_out(sqlite_world: World) -> None:
    sqlite_world.plan(HOURLY)
    sqlite_world.selection("all", "*")
    sqlite_world.resource("home")
    with sqlite_world.catalog.begin() as tx:
        settings.put(tx, ACCOUNT, SITE, {f"{settings.OPT_IN}EFS": False}, now=at("0:00"))
    assert sqlite_world.tick(at("1:00")) == []
    assert sqlite_world.firings() == [("01:00", FIRED, 0)]


def test_missed_runs_are_caught_up_inside_the_window_the_latest_only(world: World) -> None:
    world.plan(HOURLY)
    world.selection("all", "*")
    world.resource("home")
    assert world.tick(at("1:00")) == ["home"]
    assert world.tick(at("4:30")) == ["home"]
    assert world.firings() == [
        ("04:00", FIRED, 1),
        ("03:00", MISSED, 0),
        ("02:00", MISSED, 0),
        ("01:00", FIRED, 1),
    ]


def test_outside_the_window_a_run_is_lost_and_said_to_be(sqlite_world: World) -> None:
    sqlite_world.plan(replace(HOURLY, schedule_expression="cron(0 5 * * ? *)"))
    sqlite_world.selection("all", "*")
    sqlite_world.resource("home")
    assert sqlite_world.tick(at("6:00")) == []
    assert sqlite_world.firings() == [("05:00", MISSED, 0)]


def test_of_overlapping_rules_the_one_that_keeps_longer_runs(sqlite_world: World) -> None:
    daily = replace(HOURLY, name="daily", schedule_expression="cron(0 5 * * ? *)")
    sqlite_world.plan(kept(HOURLY, 1), kept(daily, 35))
    sqlite_world.selection("all", "*")
    sqlite_world.resource("home")
    sqlite_world.tick(at("4:00"))
    assert sqlite_world.tick(at("5:00")) == ["home"]
    assert sqlite_world.tick(at("6:00")) == ["home"]
    assert [row for row in sqlite_world.firings() if row[0] == "05:00"] == [
        ("05:00", FIRED, 1),
        ("05:00", OVERRIDDEN, 0),
    ]


def test_a_missing_vault_fails_the_job_in_awss_words(sqlite_world: World) -> None:
    sqlite_world.plan(replace(HOURLY, vault_name="gone"))
    sqlite_world.selection("all", "*")
    sqlite_world.resource("home")
    with sqlite_world.catalog.begin() as tx:
        (job,) = tick(tx, at("1:00"))
    arn = f"arn:aws:backup:{SITE}:{ACCOUNT}:backup-vault:gone"
    assert job.status_message == f"Backup job failed because backup vault {arn} does not exist."
    assert (job.state, job.completed_at) == ("FAILED", at("1:00"))


def test_deleted_plans_never_fire(sqlite_world: World) -> None:
    plan = sqlite_world.plan(HOURLY)
    sqlite_world.selection("all", "*")
    sqlite_world.resource("home")
    with sqlite_world.catalog.begin() as tx:
        plans.mark_deleted(tx, plan.id, now=at("0:30"))
    assert sqlite_world.tick(at("1:00")) == []


def test_an_updated_plan_loses_no_due_time_and_fires_none_twice(world: World) -> None:
    plan = world.plan(HOURLY)
    world.selection("all", "*")
    world.resource("home")
    world.tick(at("1:00"))
    with world.catalog.begin() as tx:
        plans.replace_document(
            tx, replace(plan, version_id="v2", version_created_at=at("2:00") + timedelta(seconds=1))
        )
    assert world.tick(at("2:01")) == ["home"]
    assert world.tick(at("2:02")) == []


def test_the_plan_shows_when_it_last_ran(sqlite_world: World) -> None:
    sqlite_world.plan(HOURLY)
    sqlite_world.tick(at("1:00"))
    with sqlite_world.catalog.read() as tx:
        assert plans.active(tx)[0].last_execution_at == at("1:00")


def test_schedulers_side_by_side_make_each_job_once(world: World) -> None:
    world.plan(HOURLY)
    world.selection("all", "*")
    for number in range(5):
        world.resource(f"r{number}")
    made: list[int] = []
    together = threading.Barrier(4)

    def one() -> None:
        catalog = Catalog(world.catalog.url)
        for hour in (1, 2, 3):
            together.wait()
            with catalog.begin() as tx:
                made.append(len(tick(tx, at(f"{hour}:00"))))
        catalog.close()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [0] * 9 + [5] * 3
    assert world.firings() == [("03:00", FIRED, 5), ("02:00", FIRED, 5), ("01:00", FIRED, 5)]


DAILY = replace(HOURLY, name="daily", schedule_expression="cron(0 5 * * ? *)")


def test_one_look_under_a_clock_that_is_a_month_ahead_silences_no_day_of_it(world: World) -> None:
    world.plan(DAILY)
    world.selection("all", "*")
    world.resource("home")
    assert world.tick(at("5:00")) == ["home"]
    assert world.tick(at("5:10", day=31)) == ["home"]
    fired = [world.tick(at("5:00", day=day)) for day in range(2, 31)]
    assert fired == [["home"]] * 29
    assert world.tick(at("5:20", day=31)) == []  # it has its jobs
    outcomes = [row[1:] for row in world.firings()]
    assert outcomes == [(FIRED, 1)] * 31


def test_a_scheduler_that_is_behind_takes_back_no_run_that_made_jobs(world: World) -> None:
    world.plan(HOURLY)
    world.selection("all", "*")
    world.resource("home")
    assert world.tick(at("1:10")) == ["home"]
    assert world.tick(at("1:05")) == []
    assert world.firings() == [("01:00", FIRED, 1)]


def test_a_plan_made_while_the_clock_was_ahead_runs_from_now_on(world: World) -> None:
    rule = replace(HOURLY, id="hourly-id", scheduled_since=at("0:00", day=20))
    plan = world.plan(HOURLY)
    with world.catalog.begin() as tx:
        document = replace(plan.document, rules=(rule,))
        plans.replace_document(tx, replace(plan, version_id="v2", document=document))
    world.selection("all", "*")
    world.resource("home")
    assert world.tick(at("1:30")) == []
    assert world.tick(at("2:00")) == ["home"]
    with world.catalog.read() as tx:
        (stored,) = plans.active(tx)
    assert (stored.version_id, stored.document.rules[0].scheduled_since) == ("v2", at("1:30"))


def test_a_run_that_was_missed_overrides_nothing(world: World) -> None:
    short = replace(HOURLY, schedule_expression="cron(30 5 * * ? *)", start_window_minutes=120)
    world.plan(kept(short, 1), kept(DAILY, 35))
    world.selection("all", "*")
    world.resource("home")
    assert world.tick(at("6:30")) == ["home"]
    assert world.firings() == [("05:30", FIRED, 1), ("05:00", MISSED, 0)]


def test_a_run_that_took_place_overrides_even_after_its_window(world: World) -> None:
    short = replace(HOURLY, schedule_expression="cron(30 5 * * ? *)", start_window_minutes=120)
    world.plan(kept(short, 1), kept(DAILY, 35))
    world.selection("all", "*")
    world.resource("home")
    assert world.tick(at("5:10")) == ["home"]
    assert world.tick(at("6:30")) == []
    assert world.firings() == [("05:30", OVERRIDDEN, 0), ("05:00", FIRED, 1)]
