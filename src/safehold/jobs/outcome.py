"""How a job ended, as a value that survives its process: the engine keeps it as JSON between two steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from safehold.domain.job_messages import NOT_COMPLETED, STOPPED
from safehold.domain.job_states import JobState
from safehold.domain.jobs import JobKind

SUCCESS = "SUCCESS"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a runner says at its end, and what the job's row shows from then on.

    state                 COMPLETED, PARTIAL, FAILED, EXPIRED or ABORTED
    status_message        for the one who asked; a job that lost anything says so here, COMPLETED or not
    message_category      AWS's word for the message; SUCCESS when nothing is to be told
    size_bytes            of the backup, or of what was restored
    recovery_point_arn    the point that a backup made
    created_resource_arn  what a restore made
    facts                 anything else worth keeping, as JSON: counts, skipped items
    """

    state: JobState
    status_message: str | None = None
    message_category: str | None = None
    size_bytes: int | None = None
    recovery_point_arn: str | None = None
    created_resource_arn: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Outcome:
        return Outcome(**{**value, "state": JobState(value["state"])})


def failed(message: str, *, category: str | None = None) -> Outcome:
    return Outcome(JobState.FAILED, message, category)


def stopped(kind: JobKind) -> Outcome:
    return Outcome(JobState.ABORTED, STOPPED[kind])


def expired(kind: JobKind) -> Outcome:
    return Outcome(JobState.EXPIRED, NOT_COMPLETED[kind])
