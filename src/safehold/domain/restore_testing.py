"""Restore testing: which points are restored to prove that they can be, when, and as what.

A plan says when and which points; its selections say of which resources. Who runs them asks for the plans
that are due, and inserts restore jobs that name the plan in their request (`RestoreJobRequest`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

DEFAULT_START_WINDOW_HOURS = 24
DEFAULT_WINDOW_DAYS = 30


class Algorithm(StrEnum):
    """Source: model 2018-11-15 `RestoreTestingRecoveryPointSelectionAlgorithm`."""

    LATEST = "LATEST_WITHIN_WINDOW"
    RANDOM = "RANDOM_WITHIN_WINDOW"


@dataclass(frozen=True, slots=True)
class PointChoice:
    """Which of a resource's points may be taken.

    include, exclude  vault ARNs, with `*` for anything; include may be `*` alone
    types             SNAPSHOT, CONTINUOUS
    window_days       counted back from the job's own time, not from the schedule's
    """

    algorithm: Algorithm
    include: tuple[str, ...]
    types: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    window_days: int = DEFAULT_WINDOW_DAYS


@dataclass(frozen=True, slots=True)
class RestoreTestingPlan:
    """One row of the table of restore testing plans."""

    id: str
    account_id: str
    site: str
    name: str
    arn: str
    schedule_expression: str
    timezone: str
    start_window_hours: int
    points: PointChoice
    created_at: datetime
    updated_at: datetime | None = None
    creator_request_id: str | None = None
    last_execution_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TagCondition:
    """Of a tag (`aws:ResourceTag/<key>`) of the resource's latest recovery point."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class RestoreTestingSelection:
    """Resources of one type, by name or by conditions, and how their points are restored.

    resource_arns            ARNs, or `*` alone
    overrides                replaces what is inferred; keys compare without regard to case
    validation_window_hours  how long the restored resource is kept for somebody to look at it
    """

    plan_id: str
    name: str
    resource_type: str
    role_arn: str
    created_at: datetime
    resource_arns: tuple[str, ...] = ()
    equals: tuple[TagCondition, ...] = ()
    not_equals: tuple[TagCondition, ...] = ()
    overrides: Mapping[str, str] | None = None
    validation_window_hours: int = 0
    creator_request_id: str | None = None
    updated_at: datetime | None = None


class ValidationStatus(StrEnum):
    """Source: model 2018-11-15 `RestoreValidationStatus`."""

    VALIDATING = "VALIDATING"
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"


BY_CALLERS = (ValidationStatus.SUCCESSFUL, ValidationStatus.FAILED)  # all else is the service's to say
