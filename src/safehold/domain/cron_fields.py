"""The six fields of an AWS cron expression: text to sets of numbers. Pure; time zones are schedule.py's.

Day rules are small values of their own, since a day of the month depends on year and month.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Protocol

from safehold.core.errors import InvalidParameterValue

FIELD_NAMES = ("minutes", "hours", "day-of-month", "month", "day-of-week", "year")
_MONTH_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAY_NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
WEEKDAYS = {name: number for number, name in enumerate(_WEEKDAY_NAMES, 1)}
SATURDAY = 7
SUNDAY = 1


class DayRule(Protocol):
    """Which days of a month match."""

    def days(self, year: int, month: int) -> list[int]:
        """The matching days, ascending."""


@dataclass(frozen=True, slots=True)
class DaysOfMonth:
    """`*`, `15`, `1,15`, `1-10/3`."""

    wanted: frozenset[int]

    def days(self, year: int, month: int) -> list[int]:
        return [day for day in range(1, _last(year, month) + 1) if day in self.wanted]


@dataclass(frozen=True, slots=True)
class LastDay:
    """`L`."""

    def days(self, year: int, month: int) -> list[int]:
        return [_last(year, month)]


@dataclass(frozen=True, slots=True)
class NearestWeekday:
    """`15W`: Monday to Friday nearest to that day, never in another month; None is `LW`."""

    day: int | None

    def days(self, year: int, month: int) -> list[int]:
        last = _last(year, month)
        day = last if self.day is None else self.day
        if day > last:
            return []
        weekday = _weekday(year, month, day)
        if weekday == SATURDAY:
            return [day - 1 if day > 1 else day + 2]
        if weekday == SUNDAY:
            return [day + 1 if day < last else day - 2]
        return [day]


@dataclass(frozen=True, slots=True)
class DaysOfWeek:
    """`MON-FRI`, `1,7`; `L` alone is Saturday."""

    wanted: frozenset[int]

    def days(self, year: int, month: int) -> list[int]:
        first = _weekday(year, month, 1) - 1
        return [day for day in range(1, _last(year, month) + 1) if (first + day - 1) % 7 + 1 in self.wanted]


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """`3#2`: the second Tuesday; `5L`: the last Thursday (n is -1)."""

    weekday: int
    n: int

    def days(self, year: int, month: int) -> list[int]:
        all_of_them = DaysOfWeek(frozenset({self.weekday})).days(year, month)
        if self.n < 0:
            return all_of_them[-1:]
        return all_of_them[self.n - 1 : self.n]


@dataclass(frozen=True, slots=True)
class CronFields:
    """times, months and years ascend."""

    times: tuple[time, ...]
    months: tuple[int, ...]
    years: tuple[int, ...]
    day_rule: DayRule

    def days_of(self, year: int, month: int) -> list[int]:
        return self.day_rule.days(year, month)


def parse_fields(fields: Sequence[str]) -> CronFields:
    """The meaning of six fields. Raises InvalidParameterValue."""
    if len(fields) != len(FIELD_NAMES):
        raise _refused(f"It must have six fields ({' '.join(FIELD_NAMES)}), but has {len(fields)}")
    minutes, hours, day_of_month, months, day_of_week, years = (field.upper() for field in fields)
    minute_set = sorted(_Numbers("minutes", 0, 59).set_of(minutes))
    hour_set = sorted(_Numbers("hours", 0, 23).set_of(hours))
    return CronFields(
        times=tuple(time(hour, minute) for hour in hour_set for minute in minute_set),
        months=tuple(sorted(_Numbers("month", 1, 12, MONTHS).set_of(months))),
        years=tuple(sorted(_Numbers("year", 1970, 2199, may_wrap=False).set_of(years))),
        day_rule=_day_rule(day_of_month, day_of_week),
    )


def _day_rule(day_of_month: str, day_of_week: str) -> DayRule:
    if (day_of_month == "?") == (day_of_week == "?"):
        raise _refused("Exactly one of day-of-month and day-of-week must be ?")
    return _month_rule(day_of_month) if day_of_week == "?" else _week_rule(day_of_week)


def _month_rule(field: str) -> DayRule:
    numbers = _Numbers("day-of-month", 1, 31)
    if field == "L":
        return LastDay()
    if field == "LW":
        return NearestWeekday(None)
    if match := re.fullmatch(r"([0-9]+)W", field):
        return NearestWeekday(numbers.number(match[1]))
    return DaysOfMonth(frozenset(numbers.set_of(field)))


def _week_rule(field: str) -> DayRule:
    numbers = _Numbers("day-of-week", 1, 7, WEEKDAYS)
    if field == "L":
        return DaysOfWeek(frozenset({SATURDAY}))
    if match := re.fullmatch(r"(\w+)#([1-5])", field):
        return NthWeekday(numbers.number(match[1]), int(match[2]))
    if match := re.fullmatch(r"([1-7]|[A-Z]{3})L", field):
        return NthWeekday(numbers.number(match[1]), -1)
    return DaysOfWeek(frozenset(numbers.set_of(field)))


@dataclass(frozen=True, slots=True)
class _Numbers:
    """A field of numbers: lists of `*`, `a`, `a-b`, each with a step if need be."""

    name: str
    low: int
    high: int
    names: Mapping[str, int] | None = None
    may_wrap: bool = True

    def set_of(self, field: str) -> set[int]:
        return set().union(*(self._part(part) for part in field.split(",")))

    def number(self, text: str) -> int:
        named = (self.names or {}).get(text)
        if named is not None:
            return named
        if not re.fullmatch(r"[0-9]{1,4}", text) or not self.low <= int(text) <= self.high:
            raise _refused(f"The {self.name} field must be {self.low} to {self.high}, not {text[:20]!r}")
        return int(text)

    def _part(self, part: str) -> set[int]:
        body, slash, step = part.partition("/")
        if body == "*":
            first, last = self.low, self.high
        elif "-" in body:
            first, last = (self.number(end) for end in body.split("-", 1))
        else:
            first = self.number(body)
            last = self.high if slash else first
        return set(self._run(first, last)[:: self._step(step) if slash else 1])

    def _run(self, first: int, last: int) -> list[int]:
        if first <= last:
            return list(range(first, last + 1))
        if not self.may_wrap:
            raise _refused(f"The {self.name} field has a range that ends before it begins")
        return [*range(first, self.high + 1), *range(self.low, last + 1)]

    def _step(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= self.high - self.low + 1:
            raise _refused(f"The {self.name} field cannot have the step {text[:20]!r}")
        return int(text)


def _last(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def _weekday(year: int, month: int, day: int) -> int:
    return date(year, month, day).isoweekday() % 7 + 1  # AWS counts from Sunday = 1


def _refused(reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"Invalid schedule expression. {reason}")
