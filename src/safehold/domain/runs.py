"""Which runs of a plan really take place, when the start windows of its rules overlap. Pure.

Of two rules whose start windows overlap only the one with the longer retention runs, and the whole window
counts, not the moment. A run that is itself overridden overrides nothing, nor does one that nobody began in
time: else neither would run. Of rules that keep equally long none yields: backing up twice loses nothing.
Source: AWS Backup Developer Guide, "Backup plan options and configuration", "Overlapping backup rules";
docs/parity/plans.md, "Overlapping rules".
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from safehold.domain.lifecycle import retention_days
from safehold.domain.plans import Rule

MISSED_KEPT = 100  # per rule and catch-up; a schedule that slept for years need not write down each due time


@dataclass(frozen=True, slots=True)
class Run:
    """A rule at one of its due times."""

    rule: Rule
    due_at: datetime

    @property
    def start_by(self) -> datetime:
        """End of the start window: it may begin before, not at, this moment."""
        return self.due_at + timedelta(minutes=self.rule.start_window_minutes)


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What became of the due times since a rule last ran.

    to_run      the latest, when it is still inside its start window and no other rule overrides it
    overridden  the latest, when another rule overrides it
    missed      those that nobody ran in time, latest first
    """

    to_run: datetime | None = None
    overridden: datetime | None = None
    missed: tuple[datetime, ...] = ()


def catch_up(
    rule: Rule,
    rules: Sequence[Rule],
    *,
    last: datetime | None,
    now: datetime,
    fired: Collection[tuple[str, datetime]] = (),
) -> CaughtUp:
    """What a rule has to do now.

    last   its latest due time not after now that was already dealt with
    fired  the runs of all rules that took place, as rule id and due time, from `overlap_begins` on
    """
    since = max(filter(None, (last, rule.scheduled_since)), default=None)
    due = []
    for at in islice(rule.schedule.until(now), MISSED_KEPT + 1):
        if since is not None and at <= since:
            break
        due.append(at)
    if not due:
        return CaughtUp()
    latest, older = due[0], tuple(due[1:])
    if now >= Run(rule, latest).start_by:
        return CaughtUp(missed=tuple(due))

    def is_lost(other: Run) -> bool:
        return now >= other.start_by and (other.rule.id, other.due_at) not in fired

    if is_overridden(Run(rule, latest), rules, is_lost=is_lost):
        return CaughtUp(overridden=latest, missed=older)
    return CaughtUp(to_run=latest, missed=older)


def overlap_begins(rules: Sequence[Rule], now: datetime) -> datetime:
    """No run due before that has a say in what runs now: one window back begins a run that may start now,
    one more window back one that overlaps it."""
    longest = max((rule.start_window_minutes for rule in rules), default=0)
    return now - 2 * timedelta(minutes=longest)


def is_overridden(
    run: Run, rules: Sequence[Rule], *, is_lost: Callable[[Run], bool] = lambda other: False
) -> bool:
    """Does another rule of the plan take this run's place? A run that `is_lost` takes nobody's."""
    mine = retention_days(run.rule.lifecycle)
    longer = (rule for rule in rules if retention_days(rule.lifecycle) > mine)
    others = (other for rule in longer for other in _runs_that_overlap(run, rule))
    return any(not is_lost(other) and not is_overridden(other, rules, is_lost=is_lost) for other in others)


def preview(rules: Sequence[Rule], *, now: datetime, count: int) -> list[Run]:
    """The next runs of a plan, in order, without those that are overridden."""
    runs = heapq.merge(*(_runs_of(rule, now) for rule in rules), key=lambda run: run.due_at)
    return list(islice((run for run in runs if not is_overridden(run, rules)), count))


def next_due(rules: Sequence[Rule], after: datetime) -> datetime | None:
    """When the plan next has anything to decide; None when never again."""
    upcoming = (rule.schedule.next_after(after) for rule in rules)
    return min((due for due in upcoming if due is not None), default=None)


def _runs_of(rule: Rule, now: datetime) -> Iterator[Run]:
    return (Run(rule, due) for due in rule.schedule.after(now))


def _runs_that_overlap(run: Run, rule: Rule) -> Iterator[Run]:
    """Runs of another rule whose start window overlaps the run's; windows that only touch do not."""
    earliest = run.due_at - timedelta(minutes=rule.start_window_minutes)
    if rule.scheduled_since is not None:
        earliest = max(earliest, rule.scheduled_since)
    for due in rule.schedule.after(earliest):
        if due >= run.start_by:
            return
        yield Run(rule, due)
