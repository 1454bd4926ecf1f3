"""Which runs of a plan take place: overlapping rules, and what was missed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from safehold.domain.lifecycle import Lifecycle
from safehold.domain.plans import Rule
from safehold.domain.runs import CaughtUp, Run, catch_up, is_overridden, next_due, preview

DAY = datetime(2030, 1, 1, tzinfo=UTC)


def at(text: str, day: int = 1) -> datetime:
    hour, minute = text.split(":")
    return datetime(2030, 1, day, int(hour), int(minute), tzinfo=UTC)


def a_rule(name: str, fields: str, *, days: int | None = None, window: int = 60) -> Rule:
    lifecycle = None if days is None else Lifecycle(delete_after_days=days)
    expression = f"cron({fields})"
    return Rule(name, "Default", name, expression, start_window_minutes=window, lifecycle=lifecycle)


HOURLY = a_rule("hourly", "0 * * * ? *", days=1)
TWICE_A_DAY = a_rule("twice", "0 0/12 * * ? *", days=7, window=480)


def test_the_guides_own_example_of_overlapping_rules() -> None:
    """Hourly with a window of an hour beside twice a day with one of eight: eight hourly runs are left."""
    runs = preview([HOURLY, TWICE_A_DAY], now=DAY - timedelta(seconds=1), count=11)
    today = [run for run in runs if run.due_at < DAY + timedelta(days=1)]
    assert Counter(run.rule.name for run in today) == {"hourly": 8, "twice": 2}
    assert [run.due_at.hour for run in today] == [0, 8, 9, 10, 11, 12, 20, 21, 22, 23]


def test_a_later_run_overrides_an_earlier_one_whose_window_reaches_it() -> None:
    early, late = a_rule("early", "0 4 * * ? *", days=1, window=120), a_rule("late", "0 5 * * ? *", days=35)
    assert is_overridden(Run(early, at("4:00")), [early, late])
    assert not is_overridden(Run(late, at("5:00")), [early, late])


def test_windows_that_only_touch_do_not_overlap() -> None:
    early, late = a_rule("early", "0 4 * * ? *", days=1), a_rule("late", "0 5 * * ? *", days=35)
    assert not is_overridden(Run(early, at("4:00")), [early, late])


def test_rules_that_keep_equally_long_both_run() -> None:
    one, two = a_rule("one", "0 5 * * ? *", days=7), a_rule("two", "0 5 * * ? *", days=7)
    assert [run.rule.name for run in preview([one, two], now=DAY, count=2)] == ["one", "two"]


def test_keeping_for_ever_is_longest() -> None:
    for_ever = a_rule("for ever", "0 5 * * ? *")
    assert is_overridden(Run(a_rule("x", "0 5 * * ? *", days=36_500), at("5:00")), [for_ever])


def test_a_run_that_is_itself_overridden_overrides_nothing() -> None:
    short = a_rule("short", "0 4 * * ? *", days=1)
    middle = a_rule("middle", "30 4 * * ? *", days=7)
    longest = a_rule("long", "15 5 * * ? *", days=365)
    rules = [short, middle, longest]
    assert is_overridden(Run(middle, at("4:30")), rules)
    assert not is_overridden(Run(short, at("4:00")), rules)


def test_a_rule_overrides_nothing_before_it_was_made() -> None:
    daily = replace(a_rule("daily", "0 0 * * ? *", days=35, window=480), scheduled_since=at("0:30"))
    assert not is_overridden(Run(HOURLY, at("3:00")), [HOURLY, daily])
    assert is_overridden(Run(HOURLY, at("3:00", day=2)), [HOURLY, daily])


def test_what_falls_due_runs_once() -> None:
    assert catch_up(HOURLY, [HOURLY], last=at("4:00"), now=at("5:00")) == CaughtUp(to_run=at("5:00"))
    assert catch_up(HOURLY, [HOURLY], last=at("5:00"), now=at("5:59")) == CaughtUp()


def test_after_a_sleep_the_latest_due_time_runs_and_the_others_were_missed() -> None:
    found = catch_up(HOURLY, [HOURLY], last=at("2:00"), now=at("5:10"))
    assert found == CaughtUp(to_run=at("5:00"), missed=(at("4:00"), at("3:00")))


def test_outside_its_start_window_nothing_runs() -> None:
    daily = a_rule("daily", "0 5 * * ? *", window=60)
    found = catch_up(daily, [daily], last=at("5:00"), now=at("6:00", day=3))
    assert found == CaughtUp(missed=(at("5:00", day=3), at("5:00", day=2)))


def test_due_times_before_the_rule_was_made_are_nobodys() -> None:
    rule = replace(HOURLY, scheduled_since=at("4:30"))
    assert catch_up(rule, [rule], last=None, now=at("4:45")) == CaughtUp()
    assert catch_up(rule, [rule], last=None, now=at("5:00")) == CaughtUp(to_run=at("5:00"))


def test_an_overridden_run_is_told_apart_from_a_missed_one() -> None:
    found = catch_up(HOURLY, [HOURLY, TWICE_A_DAY], last=at("11:00"), now=at("12:00"))
    assert found == CaughtUp(overridden=at("12:00"))


def test_a_sleep_of_years_writes_down_no_more_than_a_hundred_due_times() -> None:
    found = catch_up(HOURLY, [HOURLY], last=DAY - timedelta(days=3650), now=at("5:00"))
    assert found.to_run == at("5:00")
    assert len(found.missed) == 100


def test_the_next_time_to_decide_is_that_of_any_rule() -> None:
    assert next_due([HOURLY, TWICE_A_DAY], at("3:10")) == at("4:00")
    assert next_due([a_rule("once", "0 5 1 1 ? 2030")], at("5:00")) is None


def test_a_run_whose_window_is_over_overrides_only_if_it_took_place() -> None:
    short = a_rule("short", "30 5 * * ? *", days=1, window=120)
    long = a_rule("long", "0 5 * * ? *", days=35)
    rules, now = [short, long], at("6:30")
    before = at("5:30") - timedelta(days=1)
    assert catch_up(short, rules, last=before, now=now) == CaughtUp(to_run=at("5:30"))
    took_place = {("long", at("5:00"))}
    assert catch_up(short, rules, last=before, now=now, fired=took_place) == CaughtUp(overridden=at("5:30"))
    assert catch_up(short, rules, last=before, now=at("5:59")) == CaughtUp(overridden=at("5:30"))
