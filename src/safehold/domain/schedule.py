"""When a rule falls due: AWS's dialect of cron, in a time zone. Pure.

    cron(minute hour day-of-month month day-of-week year)

Exactly one of the two day fields is `?`. `L`, `W`, `#`, names, ranges that wrap (`FRI-MON`, `22-2`), lists
and steps work as with EventBridge; `LW` (last weekday of the month) too, as in Quartz, the dialect's origin.
A local time that does not exist (clocks go forward) is skipped; one that comes twice fires the first time.
Source: Amazon EventBridge Scheduler User Guide, "Schedule types", "Time zones", "Daylight saving time"; AWS
Backup Developer Guide, "Backup plan options and configuration"; docs/parity/plans.md, "Schedules".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from safehold.core.errors import InvalidParameterValue
from safehold.domain.cron_fields import FIELD_NAMES, CronFields, parse_fields
from safehold.domain.limits import AwsLimits

DEFAULT_EXPRESSION = "cron(0 5 ? * * *)"
DEFAULT_TIMEZONE = "Etc/UTC"
SHORTEST_GAP = {AwsLimits.STRICT: timedelta(hours=1), AwsLimits.EXTENDED: timedelta(minutes=5)}

_DAY = timedelta(days=1)
_LONGEST_EXPRESSION = 1024  # every minute, hour, day, month spelt out is half of it
_DAYS_LOOKED_AT = 1500  # over four years, so that every kind of month is among them


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed expression in its zone. Made by `parse_schedule`."""

    fields: CronFields
    zone: ZoneInfo

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Every due time later than `moment`, in order, UTC; ends with the year 2199."""
        start = moment.astimezone(self.zone).date() - _DAY
        for day in self._days_from(start):
            for at in self.fields.times:
                due = self._instant(day, at)
                if due is not None and due > moment:
                    yield due

    def until(self, moment: datetime) -> Iterator[datetime]:
        """Every due time not later than `moment`, latest first, UTC; ends with the year 1970."""
        start = moment.astimezone(self.zone).date() + _DAY
        for day in self._days_back_from(start):
            for at in reversed(self.fields.times):
                due = self._instant(day, at)
                if due is not None and due <= moment:
                    yield due

    def between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Due times in (after, until], in order, UTC."""
        return takewhile(lambda due: due <= until, self.after(after))

    def next_after(self, moment: datetime) -> datetime | None:
        """The first due time later than `moment`; None when there is none any more."""
        return next(self.after(moment), None)

    def shortest_gap(self) -> timedelta | None:
        """The least time between two due times, by the clock on the wall; None if there are no two."""
        minutes = [at.hour * 60 + at.minute for at in self.fields.times]
        gaps = [later - earlier for earlier, later in pairwise(minutes)]
        days = list(islice(self._days_from(date(1970, 1, 1)), _DAYS_LOOKED_AT))
        gaps += [
            (later - earlier).days * 1440 + minutes[0] - minutes[-1] for earlier, later in pairwise(days)
        ]
        return timedelta(minutes=min(gaps)) if days and gaps else None

    def _instant(self, day: date, at: time) -> datetime | None:
        """The UTC time of that local time; None where clocks leap over it."""
        local = datetime.combine(day, at, self.zone)  # fold=0: of two equal local times, the first
        instant = local.astimezone(UTC)
        exists = instant.astimezone(self.zone).replace(tzinfo=None) == local.replace(tzinfo=None)
        return instant if exists else None

    def _days_from(self, start: date) -> Iterator[date]:
        years, months = self.fields.years, self.fields.months
        for year in years[bisect_left(years, start.year) :]:
            for month in months:
                if (year, month) >= (start.year, start.month):
                    days = (date(year, month, day) for day in self.fields.days_of(year, month))
                    yield from (day for day in days if day >= start)

    def _days_back_from(self, start: date) -> Iterator[date]:
        for year in reversed(self.fields.years):
            for month in reversed(self.fields.months):
                if (year, month) <= (start.year, start.month):
                    days = (date(year, month, day) for day in reversed(self.fields.days_of(year, month)))
                    yield from (day for day in days if day <= start)


@lru_cache(maxsize=4096)
def parse_schedule(expression: str, timezone: str = DEFAULT_TIMEZONE) -> Schedule:
    """The schedule that an expression means in a zone. Raises InvalidParameterValue."""
    return Schedule(parse_fields(_inside(expression)), _zone(timezone))


def schedule_fault(schedule: Schedule, limits: AwsLimits, *, now: datetime) -> str | None:
    """Why a rule cannot have this schedule from now on; None when it can."""
    if schedule.next_after(datetime(1970, 1, 1, tzinfo=UTC)) is None:
        return "Invalid schedule expression. It never falls due: no date matches all of its fields"
    if schedule.next_after(now) is None:
        return "Invalid schedule expression. It never falls due: all its dates are past"
    gap = schedule.shortest_gap()
    if gap is not None and gap < SHORTEST_GAP[limits]:
        often = "once an hour" if limits is AwsLimits.STRICT else "every five minutes"
        return f"Invalid schedule expression. A rule cannot run more often than {often}"
    return None


def _inside(expression: str) -> list[str]:
    text = expression.strip()
    if len(text) > _LONGEST_EXPRESSION:
        raise _refused(f"It has more than {_LONGEST_EXPRESSION} characters")
    if text.startswith("rate("):
        raise _refused(f"Only cron expressions are supported, not {text[:60]}")
    if not (text.startswith("cron(") and text.endswith(")")):
        raise _refused(f"It must have the form cron({' '.join(FIELD_NAMES)})")
    return text[len("cron(") : -1].split()


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidParameterValue(f"Invalid schedule expression timezone. Unknown: {name[:60]}") from error


def _refused(reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(f"Invalid schedule expression. {reason}")
