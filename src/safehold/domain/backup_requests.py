"""What was asked of a backup job, frozen when the job is made: by a plan's rule or by StartBackupJob.

`Job.request` holds it as JSON; `to_json` and `from_json` are the only two who know that form. `new_job` makes
the job row for either origin, so that a worker cannot tell them apart but by `created_by`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from safehold.domain import arns
from safehold.domain.jobs import Job, JobKind
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.windows import (
    DEFAULT_COMPLETION_WINDOW_MINUTES,
    DEFAULT_START_WINDOW_MINUTES,
    MAX_WINDOW_MINUTES,
)


@dataclass(frozen=True, slots=True)
class CreatedBy:
    """Which plan and rule a job comes from, and later its recovery point. Source: `RecoveryPointCreator`."""

    plan_id: str
    plan_arn: str
    plan_name: str
    plan_version: str
    rule_id: str
    rule_name: str
    rule_cron: str
    rule_timezone: str


@dataclass(frozen=True, slots=True)
class CopyRequest:
    """A copy that shall be made of the recovery point once it is there."""

    destination_vault_arn: str
    lifecycle: Lifecycle | None = None


@dataclass(frozen=True, slots=True)
class PlannedScan:
    """A scan that shall be made of the recovery point once it is there. mode: see domain/scans.py."""

    mode: str
    scanner_role_arn: str | None = None


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """start_window_minutes       counts from the due time, or from the request
    completion_window_minutes  of a plan: counts from the job's real start; on demand: from the request
    created_by                 None for a job on demand
    is_continuous              asked for; a source that cannot makes a snapshot
    index                      build a search index afterwards
    """

    lifecycle: Lifecycle | None = None
    recovery_point_tags: dict[str, str] = field(default_factory=dict)
    backup_options: dict[str, str] = field(default_factory=dict)
    start_window_minutes: int = DEFAULT_START_WINDOW_MINUTES
    completion_window_minutes: int = DEFAULT_COMPLETION_WINDOW_MINUTES
    created_by: CreatedBy | None = None
    idempotency_token: str | None = None
    is_continuous: bool = False
    index: bool = False
    copies: tuple[CopyRequest, ...] = ()
    air_gapped_vault_arn: str | None = None
    scans: tuple[PlannedScan, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The form in which `Job.request` keeps it."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain

    def unmet(self) -> str | None:
        """What was asked for and this release does not do, as a message for the job; None when nothing."""
        told = (
            ("a snapshot was made, since no source is backed up continuously yet", self.is_continuous),
            ("the air-gapped vault was left out, since there are none yet", bool(self.air_gapped_vault_arn)),
        )
        return "; ".join(text for text, is_asked in told if is_asked) or None

    @staticmethod
    def from_json(request: Mapping[str, Any]) -> BackupRequest:
        """The request of a job row; members that this version does not know are left out."""
        return msgspec.convert(dict(request), BackupRequest)


@dataclass(frozen=True, slots=True)
class Target:
    """What is backed up, into which vault, as whom."""

    account_id: str
    site: str
    resource_arn: str
    resource_type: str
    resource_name: str | None
    vault_name: str
    vault_arn: str
    role_arn: str


def new_job(
    job_id: str, target: Target, request: BackupRequest, *, now: datetime, due_at: datetime | None = None
) -> Job:
    """The job row, state CREATED. `due_at` of a plan's job is the schedule's time; its windows count from it.

    `complete_by` of a plan's job stays None until it really starts, since its completion window counts from
    there; that of a job on demand counts from now, whenever it starts.
    Source: model 2018-11-15, `CompletionWindowMinutes` and `CompleteWindowMinutes`.
    """
    creator = request.created_by
    return Job(
        id=job_id,
        kind=JobKind.BACKUP,
        account_id=target.account_id,
        site=target.site,
        state="CREATED",
        resource_arn=target.resource_arn,
        resource_type=target.resource_type,
        resource_name=target.resource_name,
        created_at=now,
        request=request.to_json(),
        vault_name=target.vault_name,
        vault_arn=target.vault_arn,
        role_arn=target.role_arn,
        # named before it is made, and by the job alone: a step that runs twice names the same point
        recovery_point_arn=arns.recovery_point_arn(
            target.resource_type,
            target.resource_arn,
            site=target.site,
            account_id=target.account_id,
            point_id=job_id,
            created_at=now,
        ),
        plan_id=None if creator is None else creator.plan_id,
        rule_id=None if creator is None else creator.rule_id,
        due_at=due_at,
        start_by=_window_end(due_at or now, request.start_window_minutes),
        complete_by=_window_end(now, request.completion_window_minutes) if creator is None else None,
    )


def complete_by(request: BackupRequest, started_at: datetime) -> datetime:
    """When a plan's job that started then has to be done."""
    return _window_end(started_at, request.completion_window_minutes)


def _window_end(start: datetime, minutes: int) -> datetime:
    return start + timedelta(minutes=min(minutes, MAX_WINDOW_MINUTES))
