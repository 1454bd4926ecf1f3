"""Sample plans: what GetBackupPlanFromTemplate offers to begin with. They write into the vault `Default`."""

from __future__ import annotations

from dataclasses import dataclass

from safehold.domain.lifecycle import Lifecycle
from safehold.domain.plans import PlanDocument, Rule
from safehold.domain.vaults import DEFAULT_VAULT


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """The id never changes: clients keep it."""

    id: str
    document: PlanDocument


def _rule(name: str, schedule: str, *, days: int, start_window_minutes: int = 480) -> Rule:
    return Rule(
        name,
        DEFAULT_VAULT,
        schedule_expression=schedule,
        start_window_minutes=start_window_minutes,
        lifecycle=Lifecycle(delete_after_days=days),
    )


_HOURLY = _rule("Hourly", "cron(0 * ? * * *)", days=2, start_window_minutes=60)
_DAILY = _rule("Daily", "cron(0 5 ? * * *)", days=35)
_WEEKLY = _rule("Weekly", "cron(0 5 ? * 1 *)", days=90)
_MONTHLY = _rule("Monthly", "cron(0 5 1 * ? *)", days=365)
_YEARLY = _rule("Yearly", "cron(0 5 1 1 ? *)", days=7 * 365)

# Sorted by id: pages rely on it.
SAMPLES = (
    SamplePlan("0b6b1c55-5a0e-4c0c-9d59-3b7a5f0c6a01", PlanDocument("Daily-35-Days", (_DAILY,))),
    SamplePlan(
        "2f1d6c0a-7c39-4b55-8a0d-8a4f1b3a9e02", PlanDocument("Hourly-Daily-35-Days", (_HOURLY, _DAILY))
    ),
    SamplePlan(
        "6d9a0f7e-16f4-4a8e-b1de-54f6f0e3c703", PlanDocument("Daily-Monthly-1-Year", (_DAILY, _MONTHLY))
    ),
    SamplePlan(
        "a4c7e2d8-92b3-4f10-8f6b-c1d25e7b4f04",
        PlanDocument("Daily-Weekly-Monthly-Yearly-7-Years", (_DAILY, _WEEKLY, _MONTHLY, _YEARLY)),
    ),
)
