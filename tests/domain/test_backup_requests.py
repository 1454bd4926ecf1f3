"""What was asked of a backup survives JSON, and windows count from where they should."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from safehold.domain.backup_requests import (
    BackupRequest,
    CopyRequest,
    CreatedBy,
    Target,
    complete_by,
    new_job,
)
from safehold.domain.lifecycle import Lifecycle

NOW = datetime(2030, 1, 1, 5, 30, tzinfo=UTC)
DUE = datetime(2030, 1, 1, 5, tzinfo=UTC)
CREATOR = CreatedBy("p", "arn:p", "daily", "v", "r", "nightly", "cron(0 5 ? * * *)", "Etc/UTC")
TARGET = Target(
    "1" * 12,
    "us-east-1",
    "arn:aws:elasticfilesystem:us-east-1:111111111111:file-system/fs-1",
    "EFS",
    "home",
    "Default",
    "arn:v",
    "arn:role",
)


def test_a_request_survives_json() -> None:
    request = BackupRequest(
        lifecycle=Lifecycle(delete_after_days=35),
        recovery_point_tags={"a": "b"},
        created_by=CREATOR,
        copies=(CopyRequest("arn:other", Lifecycle(delete_after_days=7)),),
    )
    assert BackupRequest.from_json(json.loads(json.dumps(request.to_json()))) == request


def test_members_of_a_later_version_are_ignored() -> None:
    assert BackupRequest.from_json({"later": 1}) == BackupRequest()


def test_a_plans_job_starts_within_its_window_after_the_due_time() -> None:
    job = new_job(
        "J", TARGET, BackupRequest(created_by=CREATOR, start_window_minutes=60), now=NOW, due_at=DUE
    )
    assert (job.start_by, job.complete_by) == (DUE + timedelta(hours=1), None)
    assert (job.plan_id, job.rule_id, job.due_at, job.state) == ("p", "r", DUE, "CREATED")


def test_a_plans_completion_window_counts_from_the_real_start() -> None:
    assert complete_by(BackupRequest(completion_window_minutes=120), NOW) == NOW + timedelta(hours=2)


def test_both_windows_of_a_job_on_demand_count_from_the_request() -> None:
    job = new_job("j", TARGET, BackupRequest(start_window_minutes=60, completion_window_minutes=120), now=NOW)
    assert (job.start_by, job.complete_by) == (NOW + timedelta(hours=1), NOW + timedelta(hours=2))
    assert (job.plan_id, job.due_at) == (None, None)


def test_what_this_release_does_not_do_is_told() -> None:
    assert BackupRequest(lifecycle=Lifecycle(delete_after_days=1), created_by=CREATOR).unmet() is None
    told = BackupRequest(is_continuous=True, copies=(CopyRequest("arn:other"),), index=True).unmet() or ""
    assert [word in told for word in ("snapshot", "copies", "index")] == [True, False, False]
