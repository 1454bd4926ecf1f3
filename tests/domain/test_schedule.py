"""AWS's cron dialect: what falls due when, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from aws_croniter import AwsCroniter
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.core.errors import InvalidParameterValue
from safehold.domain.limits import AwsLimits
from safehold.domain.schedule import parse_schedule, schedule_fault

FROM = datetime(2026, 11, 22, 20, 7, tzinfo=UTC)  # a Sunday

DUE = {
    "every day at ten": ("0 10 * * ? *", "11-23 10:00, 11-24 10:00"),
    "quarters of working hours": ("0/15 8-17 ? * MON-FRI *", "11-23 08:00, 11-23 08:15"),
    "the last day of the month": ("15 12 L * ? *", "11-30 12:15, 12-31 12:15, 01-31 12:15, 02-28 12:15"),
    "weekday nearest the first stays in the month": ("0 8 1W * ? *", "12-01 08:00, 01-01 08:00, 02-01 08:00"),
    "a first that is a Saturday goes to Monday": ("0 8 1W 5 ? 2027", "2027-05-03 08:00, END"),
    "weekday nearest the 15th": ("0 8 15W * ? *", "12-15 08:00, 01-15 08:00, 02-15 08:00"),
    "31W needs a month of 31 days": ("0 8 31W * ? *", "12-31 08:00, 01-29 08:00, 03-31 08:00"),
    "the last weekday of the month": ("0 8 LW * ? *", "11-30 08:00, 12-31 08:00, 01-29 08:00"),
    "the first Monday": ("0 8 ? * 2#1 *", "12-07 08:00, 01-04 08:00"),
    "a fifth Friday, where there is one": ("0 8 ? * 6#5 *", "01-29 08:00, 04-30 08:00"),
    "the last Friday": ("0 8 ? * 6L *", "11-27 08:00, 12-25 08:00"),
    "the last Friday by name": ("0 8 ? * FRIL *", "11-27 08:00, 12-25 08:00"),
    "L alone is Saturday": ("0 8 ? * L *", "11-28 08:00, 12-05 08:00"),
    "1 is Sunday": ("0 8 ? * 1 *", "11-29 08:00"),
    "days of the week wrap": (
        "0 8 ? * FRI-MON *",
        "11-23 08:00, 11-27 08:00, 11-28 08:00, 11-29 08:00, 11-30 08:00",
    ),
    "hours wrap, minutes step": ("5/20 22-2 * * ? *", "11-22 22:05, 11-22 22:25, 11-22 22:45, 11-22 23:05"),
    "a leap day": ("0 0 29 2 ? *", "2028-02-29 00:00, 2032-02-29 00:00"),
    "years in a range": (
        "0 0 1 JAN ? 2027-2029",
        "2027-01-01 00:00, 2028-01-01 00:00, 2029-01-01 00:00, END",
    ),
    "years with a step": ("0 5 ? 1 MON#1 2027/2", "2027-01-04 05:00, 2029-01-01 05:00"),
    "lists and lower-case names": ("0 8 1,15 jan,JUL ? *", "01-01 08:00, 01-15 08:00, 07-01 08:00"),
    "ranges with steps": ("10-40/15 1 ? 3-5 2-6 *", "03-01 01:10, 03-01 01:25, 03-01 01:40, 03-02 01:10"),
    "every twelve hours from one o'clock is once a day": ("0 13/12 * * ? *", "11-23 13:00, 11-24 13:00"),
    "one moment": ("7 20 24 11 ? 2026", "2026-11-24 20:07, END"),
}


@pytest.mark.parametrize(("fields", "due"), DUE.values(), ids=DUE)
def test_due_times(fields: str, due: str) -> None:
    wanted = due.split(", ")
    found = [
        at.strftime("%Y-%m-%d %H:%M")
        for at in islice(parse_schedule(f"cron({fields})").after(FROM), len(wanted))
    ]
    found += ["END"] * (len(wanted) - len(found))
    assert [full.endswith(short) for full, short in zip(found, wanted, strict=True)] == [True] * len(
        wanted
    ), found


REFUSED = {
    "both days given": "0 10 1 * 2 *",
    "both days any": "0 10 * * * *",
    "both days open": "0 10 ? * ? *",
    "minute 60": "60 10 * * ? *",
    "hour 24": "0 24 * * ? *",
    "32nd": "0 10 32 * ? *",
    "weekday 8": "0 10 ? * 8 *",
    "weekday 0": "0 10 ? * 0 *",
    "month 13": "0 10 * 13 ? *",
    "five fields": "0 10 * * ?",
    "seven fields": "0 0 10 * * ? *",
    "a sixth Monday": "0 10 ? * 2#6 *",
    "year 1969": "0 10 * * ? 1969",
    "year 2200": "0 10 * * ? 2200",
    "years backwards": "0 10 * * ? 2030-2027",
    "1L as day of month": "0 10 1L * ? *",
    "0W": "0 10 0W * ? *",
    "a step of nothing": "0/0 10 * * ? *",
    "a step without number": "0/ 10 * * ? *",
    "two nth weekdays": "0 10 ? * 2#1,2#3 *",
    "superscript digits": "² 10 * * ? *",
    "empty list member": "0, 10 * * ? *",
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED)
def test_refused(fields: str) -> None:
    with pytest.raises(InvalidParameterValue, match="Invalid schedule expression"):
        parse_schedule(f"cron({fields})")


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 day)",
        "0 5 * * ? *",
        "cron(0 5 * * ? *",
        "",
        "at(2030-01-01)",
        f"cron({'0,' * 999}0 5 * * ? *)",
    ],
)
def test_only_cron_is_a_schedule(expression: str) -> None:
    with pytest.raises(InvalidParameterValue, match="Invalid schedule expression"):
        parse_schedule(expression)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "America", "\0"])
def test_unknown_zones_are_refused(zone: str) -> None:
    with pytest.raises(InvalidParameterValue, match="timezone"):
        parse_schedule("cron(0 5 * * ? *)", zone)


DST = {
    "a local time that is leapt over is skipped": (
        "Europe/Berlin", "30 2 * * ? *", "2026-03-28", ["03-28 01:30", "03-30 00:30"],
    ),
    "a local time that comes twice fires once, the first time": (
        "Europe/Berlin", "30 2 * * ? *", "2026-10-24", ["10-24 00:30", "10-25 00:30", "10-26 01:30"],
    ),
    "half an hour is leapt over": (
        "Australia/Lord_Howe", "15 2 * * ? *", "2026-10-02", ["10-02 15:45", "10-04 15:15"],
    ),
    "hourly goes on in UTC over a leap": (
        "America/New_York", "0 * * * ? *", "2026-03-08 05:30", ["03-08 06:00", "03-08 07:00", "03-08 08:00"],
    ),
    "the other side of the world": ("Pacific/Kiritimati", "0 1 * * ? *", "2026-01-01", ["01-01 11:00"]),
}  # fmt: skip


@pytest.mark.parametrize(("zone", "fields", "start", "due"), DST.values(), ids=DST)
def test_daylight_saving_time(zone: str, fields: str, start: str, due: list[str]) -> None:
    schedule = parse_schedule(f"cron({fields})", zone)
    moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert [at.strftime("%m-%d %H:%M") for at in islice(schedule.after(moment), len(due))] == due


GAPS = {
    "hourly": ("0 * * * ? *", 60),
    "half-hourly": ("0/30 * * * ? *", 30),
    "late in one hour and early in the next": ("0,59 * * * ? *", 1),
    "over midnight": ("50,10 23,0 * * ? *", 20),
    "midnight is no matter if the next day is off": ("0 0,23 1 * ? *", 23 * 60),
    "daily": ("0 5 * * ? *", 1440),
    "once a year": ("0 5 1 1 ? *", 365 * 1440),
}


@pytest.mark.parametrize(("fields", "minutes"), GAPS.values(), ids=GAPS)
def test_the_shortest_gap(fields: str, minutes: int) -> None:
    assert parse_schedule(f"cron({fields})").shortest_gap() == timedelta(minutes=minutes)


def test_one_moment_has_no_gap() -> None:
    assert parse_schedule("cron(7 20 24 11 ? 2026)").shortest_gap() is None


FAULTS = {
    "30 February": ("0 5 30 2 ? *", AwsLimits.EXTENDED, "never falls due: no date"),
    "31 June": ("0 5 31 6 ? *", AwsLimits.EXTENDED, "never falls due: no date"),
    "a leap day in no leap year": ("0 5 29 2 ? 2027", AwsLimits.EXTENDED, "never falls due: no date"),
    "only past years": ("0 5 1 1 ? 2020", AwsLimits.EXTENDED, "all its dates are past"),
    "half-hourly is too often for AWS": ("0/30 * * * ? *", AwsLimits.STRICT, "more often than once an hour"),
    "half-hourly is fine here": ("0/30 * * * ? *", AwsLimits.EXTENDED, None),
    "hourly is fine for AWS": ("0 * * * ? *", AwsLimits.STRICT, None),
    "every five minutes is fine here": ("0/5 * * * ? *", AwsLimits.EXTENDED, None),
    "every four is not": ("0/4 * * * ? *", AwsLimits.EXTENDED, "more often than every five minutes"),
    "one moment is fine": ("7 20 24 11 ? 2026", AwsLimits.STRICT, None),
}


@pytest.mark.parametrize(("fields", "limits", "fault"), FAULTS.values(), ids=FAULTS)
def test_schedules_that_a_rule_cannot_have(fields: str, limits: AwsLimits, fault: str | None) -> None:
    found = schedule_fault(parse_schedule(f"cron({fields})"), limits, now=FROM)
    assert found is None if fault is None else fault in (found or "")


def test_between_leaves_out_its_start_and_has_its_end() -> None:
    schedule = parse_schedule("cron(0 * * * ? *)")
    start = datetime(2026, 1, 1, 5, tzinfo=UTC)
    assert list(schedule.between(start, start + timedelta(hours=2))) == [
        start + timedelta(hours=1),
        start + timedelta(hours=2),
    ]


def _numbers(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    ordered = st.tuples(number, number).map(sorted)
    return st.one_of(
        st.just("*"),
        number.map(str),
        st.lists(number, min_size=1, max_size=3, unique=True).map(lambda ns: ",".join(map(str, ns))),
        ordered.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.tuples(number, st.integers(1, high - low)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    )


# What the other evaluator gets wrong stays out of the comparison: LW, L as a weekday, steps of years, nW.
_DAYS = st.one_of(
    st.tuples(st.one_of(_numbers(1, 28), st.just("L")), st.just("?")),
    st.tuples(
        st.just("?"), st.one_of(st.integers(1, 7).map(str), st.sampled_from(["MON-FRI", "2#1", "6L", "3#2"]))
    ),
)
_EXPRESSIONS = st.tuples(_numbers(0, 59), _numbers(0, 23), _DAYS, _numbers(1, 12)).map(
    lambda part: f"cron({part[0]} {part[1]} {part[2][0]} {part[3]} {part[2][1]} *)"
)


@settings(max_examples=100, deadline=None)
@given(expression=_EXPRESSIONS, minutes=st.integers(0, 2_000_000))
def test_another_evaluator_agrees(expression: str, minutes: int) -> None:
    start = FROM + timedelta(minutes=minutes)
    theirs = AwsCroniter(expression.removeprefix("cron(")[:-1]).get_next(start, n=3)
    assert list(islice(parse_schedule(expression).after(start), 3)) == theirs


@settings(max_examples=60, deadline=None)
@given(
    expression=_EXPRESSIONS,
    minutes=st.integers(0, 2_000_000),
    zone=st.sampled_from(["Etc/UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"]),
)
def test_looking_back_finds_what_looking_forward_found(expression: str, minutes: int, zone: str) -> None:
    schedule = parse_schedule(expression, zone)
    due = list(islice(schedule.after(FROM + timedelta(minutes=minutes)), 5))
    assert due == sorted(set(due))
    assert list(islice(schedule.until(due[-1]), 5)) == due[::-1]
