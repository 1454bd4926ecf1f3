"""A firing: what became of one due time of a rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    FIRED = "FIRED"  # jobs were made, as many as there were resources
    MISSED = "MISSED"  # nobody was there in time, or a later due time was caught up instead
    OVERRIDDEN = "OVERRIDDEN"  # another rule of the plan with a longer retention ran instead


@dataclass(frozen=True, slots=True)
class Firing:
    """fired_at is when it was decided; job_count counts jobs that failed at once, too."""

    plan_id: str
    rule_id: str
    due_at: datetime
    fired_at: datetime
    outcome: Outcome
    job_count: int = 0
