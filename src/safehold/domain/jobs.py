"""A job: something that shall happen to one resource, and what has become of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class JobKind(StrEnum):
    BACKUP = "backup"
    RESTORE = "restore"
    COPY = "copy"
    INDEX = "index"  # makes a recovery point's search index
    SEARCH = "search"  # looks through many of them
    SCAN = "scan"  # holds a recovery point's content against rules
    EXPORT = "export"  # puts what a search found into a bucket


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the job table; see records/tables.py for what each column means.

    request  what was asked, frozen at creation (lifecycle, tags, options, restore metadata, created_by)
    result   what came of it (counts, skipped items, created resource); None until it ended
    """

    id: str
    kind: JobKind
    account_id: str
    site: str
    state: str
    resource_arn: str
    resource_type: str
    created_at: datetime
    request: Mapping[str, Any]
    status_message: str | None = None
    message_category: str | None = None
    vault_name: str | None = None
    vault_arn: str | None = None
    resource_name: str | None = None
    role_arn: str | None = None
    recovery_point_arn: str | None = None
    plan_id: str | None = None
    rule_id: str | None = None
    due_at: datetime | None = None
    parent_job_id: str | None = None
    result: Mapping[str, Any] | None = None
    start_by: datetime | None = None
    complete_by: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    expected_completion_at: datetime | None = None
    percent_done: float | None = None
    bytes_done: int | None = None
    size_bytes: int | None = None
    attempt: int = 0
    worker_id: str | None = None
    handed_over_at: datetime | None = None
    abort_requested_at: datetime | None = None
    parked_count: int = 0
    resume_at: datetime | None = None
