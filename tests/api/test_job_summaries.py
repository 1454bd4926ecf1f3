"""Jobs are counted as the caller wants them told apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from safehold.domain.jobs import Job, JobKind
from safehold.records import jobs
from safehold.records.engine import Catalog
from tests.api.job_world import ACCOUNT, NOW, SITE, TREE, World

TODAY = datetime(2030, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def world(catalog: Catalog) -> World:
    made = World(catalog)
    with catalog.begin() as tx:
        for number, (age_days, values) in enumerate(JOBS):
            jobs.insert_job(tx, _job(number, NOW - age_days * DAY, **values))
    return made


DONE = {"state": "COMPLETED", "message_category": "SUCCESS"}
# How many days ago, and what is known of it. The site's and account's own but for the last two.
JOBS: tuple[tuple[float, dict[str, Any]], ...] = (
    (0, DONE),
    (0, DONE),
    (0, {"state": "RUNNING"}),
    (0, DONE | {"message_category": "COMPLETED_WITH_ISSUES"}),
    (1, {"state": "FAILED", "message_category": "AccessDenied", "resource_type": "FSx"}),
    (6, DONE),
    (7, DONE),
    (13, DONE),
    (13.5, DONE),  # before the fourteenth day's midnight
    (30, DONE),
    (0, DONE | {"kind": JobKind.RESTORE}),
    (0, DONE | {"kind": "copy", "resource_type": "FSx"}),
    (0, DONE | {"site": "us-east-1"}),
    (0, DONE | {"account_id": "9" * 12}),
)


def _job(number: int, created_at: datetime, **values: Any) -> Job:
    facts: dict[str, Any] = {
        "kind": JobKind.BACKUP,
        "account_id": ACCOUNT,
        "site": SITE,
        "resource_type": "EFS",
    } | values
    return Job(id=f"j-{number}", resource_arn=TREE, created_at=created_at, request={}, **facts)


def summaries(world: World, operation: str = "Backup", **members: Any) -> list[dict[str, Any]]:
    answer = world.client().call(f"List{operation}JobSummaries", **members)
    return list(answer[f"{operation}JobSummaries"])


def counts(found: list[dict[str, Any]], *names: str) -> dict[Any, int]:
    return {tuple(row.get(name) for name in names): row["Count"] for row in found}


def test_one_number_is_what_is_asked_for_when_nothing_is_told_apart(world: World) -> None:
    assert summaries(world, AggregationPeriod="FOURTEEN_DAYS") == [
        {
            "Region": SITE,
            "AccountId": ACCOUNT,
            "State": "AGGREGATE_ALL",
            "ResourceType": "AGGREGATE_ALL",
            "MessageCategory": "AGGREGATE_ALL",
            "Count": 8,
            "StartTime": TODAY - 13 * DAY,
            "EndTime": TODAY + DAY,
        }
    ]
    (week,) = summaries(world, AggregationPeriod="SEVEN_DAYS")
    assert (week["Count"], week["StartTime"]) == (6, TODAY - 6 * DAY)


def test_days_are_told_apart_unless_a_longer_period_is_asked_for(world: World) -> None:
    found = summaries(world)
    assert counts(found, "StartTime") == {
        (TODAY - 13 * DAY,): 1,
        (TODAY - 7 * DAY,): 1,
        (TODAY - 6 * DAY,): 1,
        (TODAY - 1 * DAY,): 1,
        (TODAY,): 4,
    }
    assert {row["EndTime"] - row["StartTime"] for row in found} == {DAY}
    answer = world.client().call("ListBackupJobSummaries", AggregationPeriod="ONE_DAY")
    assert (answer["BackupJobSummaries"], answer["AggregationPeriod"]) == (found, "ONE_DAY")


def test_any_tells_values_apart(world: World) -> None:
    fortnight = {"AggregationPeriod": "FOURTEEN_DAYS"}
    assert counts(summaries(world, State="ANY", **fortnight), "State") == {
        ("COMPLETED",): 6,
        ("FAILED",): 1,
        ("RUNNING",): 1,
    }
    by_both = summaries(world, ResourceType="ANY", MessageCategory="ANY", **fortnight)
    assert counts(by_both, "ResourceType", "MessageCategory") == {
        ("EFS", None): 1,
        ("EFS", "COMPLETED_WITH_ISSUES"): 1,
        ("EFS", "SUCCESS"): 5,
        ("FSx", "AccessDenied"): 1,
    }


def test_completed_with_issues_is_a_difference_of_two_counts(world: World) -> None:
    done = {"AggregationPeriod": "FOURTEEN_DAYS", "State": "COMPLETED"}
    (every,), (well,) = summaries(world, **done), summaries(world, MessageCategory="Success", **done)
    assert every["Count"] - well["Count"] == 1
    assert well["MessageCategory"] == "Success"


def test_a_value_counts_its_own_jobs_alone(world: World) -> None:
    (found,) = summaries(world, ResourceType="FSx")
    assert (found["ResourceType"], found["Count"]) == ("FSx", 1)
    assert summaries(world, State="EXPIRED") == []


def test_each_kind_of_job_is_counted_by_its_own_call(world: World) -> None:
    (restore,) = summaries(world, "Restore", AggregationPeriod="SEVEN_DAYS")
    assert restore["Count"] == 1
    assert "MessageCategory" not in restore
    (copy,) = summaries(world, "Copy", ResourceType="ANY")
    assert (copy["ResourceType"], copy["Count"]) == ("FSx", 1)
    assert summaries(world, "Scan") == []


def test_a_scan_is_counted_by_its_verdict(world: World) -> None:
    with world.catalog.begin() as tx:
        verdict = {"scan_result_status": "NO_THREATS_FOUND"}
        jobs.insert_job(tx, _job(99, NOW, kind="scan", state="COMPLETED", result=verdict))
    clean = {"ScanResultStatus": "NO_THREATS_FOUND"}
    (found,) = summaries(world, "Scan", **clean)
    assert (found["Count"], found["MalwareScanner"], found["ScanResultStatus"]) == (
        1,
        "GUARDDUTY",
        "NO_THREATS_FOUND",
    )
    assert summaries(world, "Scan", ScanResultStatus="THREATS_FOUND") == []
    with world.catalog.begin() as tx:
        jobs.insert_job(tx, _job(98, NOW, kind="scan", state="PARTIAL", result=verdict))
        jobs.insert_job(tx, _job(97, NOW, kind="scan", state="PENDING"))
    assert [row["State"] for row in summaries(world, "Scan", State="ANY")] == [
        "COMPLETED",
        "COMPLETED_WITH_ISSUES",
        "CREATED",
    ]
    (found,) = summaries(world, "Scan", State="COMPLETED_WITH_ISSUES")
    assert found["Count"] == 1


def test_other_accounts_jobs_are_not_told(world: World) -> None:
    assert summaries(world, AccountId="9" * 12) == []
    period = {"AggregationPeriod": "FOURTEEN_DAYS"}
    for asked, shown in (("ANY", ACCOUNT), (ACCOUNT, ACCOUNT), ("AGGREGATE_ALL", "AGGREGATE_ALL")):
        (found,) = summaries(world, AccountId=asked, **period)
        assert (found["AccountId"], found["Count"]) == (shown, 8)


def test_pages_go_on_where_they_ended(world: World) -> None:
    client, token, found = world.client(), None, []
    while True:
        answer = client.call("ListBackupJobSummaries", State="ANY", MaxResults=2, NextToken=token)
        found += answer["BackupJobSummaries"]
        assert len(answer["BackupJobSummaries"]) <= 2
        token = answer["NextToken"]
        if token is None:
            break
    assert found == summaries(world, State="ANY")
    assert len(found) == 6
