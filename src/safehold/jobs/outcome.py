"""How a job ended, as a value that survives its process: the engine keeps it as JSON between two steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from safehold.domain.job_messages import NOT_COMPLETED, STOPPED
from safehold.domain.job_states import JobState
from safehold.domain.jobs import JobKind
from safehold.jobs.troubles import all_storable, storable

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

    Its texts can be stored, whatever they were made of: file names need be no Unicode.
    """

    state: JobState
    status_message: str | None = None
    message_category: str | None = None
    size_bytes: int | None = None
    recovery_point_arn: str | None = None
    created_resource_arn: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.status_message is not None:
            object.__setattr__(self, "status_message", storable(self.status_message))
        object.__setattr__(self, "facts", all_storable(self.facts))

    @property
    def is_good(self) -> bool:
        """Does what the job made stand?"""
        return self.state in (JobState.COMPLETED, JobState.PARTIAL)

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
