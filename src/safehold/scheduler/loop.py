"""Ticks when something is due, as long as it is not told to stop.

Any number of schedulers may run at once, on any machines. Each looks once a second which plans there are, in
which version, and at the clock: so it notices changed plans and clocks that were set without being told.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from safehold.core import log
from safehold.core.clock import Clock
from safehold.core.errors import CatalogUnavailable
from safehold.domain.plans import PlanVersion
from safehold.domain.runs import next_due
from safehold.records import plans
from safehold.records.engine import Catalog
from safehold.scheduler.tick import Seen, tick

_log = log.get(__name__)

POLL_SECONDS = 1.0
RETRY_AFTER = timedelta(seconds=10)


def run(catalog: Catalog, clock: Clock, stop: threading.Event, *, poll_seconds: float = POLL_SECONDS) -> None:
    """Plans fire until `stop` is set; then returns within a second.

    A catalog that fails is logged and tried again: due times that pass meanwhile are caught up inside their
    start windows, as they are after a restart.
    """
    agenda = Agenda(catalog)
    while not stop.is_set():
        now = clock.now()
        try:
            wake_at = agenda.work(now)
        except Exception:
            _log.exception("the scheduler failed and goes on")
            wake_at = None
        until_due = poll_seconds if wake_at is None else (wake_at - clock.now()).total_seconds()
        stop.wait(max(0.0, min(poll_seconds, until_due)))


@dataclass(slots=True)
class Agenda:
    """When each plan next has something to decide: what keeps an idle second cheap.

    INVARIANT: it may wake a plan too early, never too late. All that counts is in the catalog.
    """

    catalog: Catalog
    _next: dict[str, _Next] = field(default_factory=dict)
    _looked_at: datetime | None = None

    def work(self, now: datetime) -> datetime | None:
        """Everything due is done; answers when something next is, by what is known now (None: nothing is)."""
        if self._looked_at is not None and now < self._looked_at:
            self._next.clear()  # the clock was set back: what was computed ahead of it may come again
        self._looked_at = now
        with self.catalog.read() as tx:
            versions = plans.active_version_ids(tx)
        due = {plan_id for plan_id, version in versions.items() if self._is_due(plan_id, version, now)}
        if due:
            self._tick(due, now)
        self._forget(versions)
        upcoming = (known.due_at for known in self._next.values() if known.due_at is not None)
        return min(upcoming, default=None)

    def _is_due(self, plan_id: str, version_id: str, now: datetime) -> bool:
        known = self._next.get(plan_id)
        if known is None or known.version_id != version_id:
            return True  # not seen before: whatever passed while nobody looked is caught up
        return known.due_at is not None and known.due_at <= now

    def _tick(self, plan_ids: set[str], now: datetime) -> None:
        """Each plan in a transaction of its own, so that others may write in between."""
        with self.catalog.read() as tx:
            due = plans.active(tx, plan_ids)
        seen = Seen()
        for plan in due:
            try:
                made = self._tick_one(plan, now, seen)
            except Exception as error:
                # One plan's failure must not keep the others from their due times.
                _log.exception("a plan failed and is tried again", extra={"plan_id": plan.id})
                is_away = isinstance(error, CatalogUnavailable)
                made = 0 if is_away else self._tick_rules(plan, now, seen)
                self._next[plan.id] = _Next(plan.version_id, now + RETRY_AFTER)
            if made:
                _log.info("jobs made", extra={"plan_id": plan.id, "jobs": made})

    def _tick_one(self, plan: PlanVersion, now: datetime, seen: Seen) -> int:
        with self.catalog.begin() as tx:
            made = tick(tx, now, plan_ids={plan.id}, seen=seen)
        # If the plan was changed in between, its version differs and it is looked at again.
        self._next[plan.id] = _Next(plan.version_id, next_due(plan.document.rules, now))
        return len(made)

    def _tick_rules(self, plan: PlanVersion, now: datetime, seen: Seen) -> int:
        """Of a plan that failed, each rule by itself: one must not keep the others from their due times."""
        made = 0
        for rule in plan.document.rules if len(plan.document.rules) > 1 else ():
            try:
                with self.catalog.begin() as tx:
                    made += len(tick(tx, now, plan_ids={plan.id}, rule_ids={rule.id}, seen=seen))
            except Exception:
                _log.exception("a rule failed", extra={"plan_id": plan.id, "rule_id": rule.id})
        return made

    def _forget(self, versions: Mapping[str, str]) -> None:
        for plan_id in self._next.keys() - versions.keys():
            del self._next[plan_id]


@dataclass(frozen=True, slots=True)
class _Next:
    """due_at is None when the plan is never due again."""

    version_id: str
    due_at: datetime | None
