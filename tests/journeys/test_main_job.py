"""The main job through the stock boto3 client, on the embedded databases and on PostgreSQL."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.postgres import Postgres
from tests.fixtures.service import Service, eventually, serving
from tools.treecmp import differences, snapshot

pytestmark = pytest.mark.slow

TAG = {"ConditionType": "STRINGEQUALS", "ConditionKey": "keep", "ConditionValue": "daily"}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A running service: the shared one on SQLite, or one of its own with both databases on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("service")
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    names = [f"{what}_{uuid.uuid4().hex[:8]}" for what in ("catalog", "jobs")]
    catalog, jobs = (postgres.create(name) for name in names)
    with serving(tmp_path / "service", "--catalog-url", catalog, "--jobs-url", jobs) as running:
        yield running
    for name in names:
        postgres.drop(name)


def test_a_tree_is_planned_backed_up_lost_and_restored(anywhere: Service, tree: Path) -> None:
    client = anywhere.client()
    arn = anywhere.add_source("main", tree, "--tag", "keep=daily")
    client.create_backup_vault(BackupVaultName="main", BackupVaultTags={"for": "journeys"})
    plan_id = make_plan(anywhere, "main", "cron(0 2 * * ? *)")
    first_tree = snapshot(tree)
    first = anywhere.back_up(arn, "main")
    assert (first["State"], first.get("StatusMessage"), first["PercentDone"]) == ("COMPLETED", None, "100.0")

    (tree / "photo.raw").rename(tree / "picture.raw")
    (tree / "letters/3.txt").unlink()
    (tree / "letters/new.txt").write_text("new")
    second_tree = snapshot(tree)
    second = anywhere.back_up(arn, "main")
    assert second["State"] == "COMPLETED"
    everything_is_shown(client, arn, first, second, plan_id)

    shutil.rmtree(tree)
    for job, name, before in ((first, "main-1", first_tree), (second, "main-2", second_tree)):
        restored = anywhere.restore(job["RecoveryPointArn"], CreationToken=name)
        assert (restored["Status"], restored.get("StatusMessage")) == ("COMPLETED", None)
        assert differences(before, snapshot(anywhere.writable / name)) == []
    one_item_comes_back_alone(anywhere, second["RecoveryPointArn"])
    assert anywhere.cli("verify", "--vault", "main", "--read-data")["is_well"]
    everything_is_taken_down(client, plan_id)
    assert anywhere.cli("verify", "--vault", "Default", "--read-data")["is_well"]


def test_a_plan_that_falls_due_backs_up_what_has_its_tag(service: Service, tree: Path) -> None:
    arn = service.add_source("scheduled", tree, "--tag", "keep=scheduled")
    client = service.client()
    client.create_backup_vault(BackupVaultName="scheduled")
    due = (datetime.now(UTC) + timedelta(seconds=64)).replace(second=0, microsecond=0)
    cron = f"cron({due.minute} {due.hour} {due.day} {due.month} ? {due.year})"
    plan_id = make_plan(service, "scheduled", cron, TAG | {"ConditionValue": "scheduled"})

    def jobs() -> list[Any]:
        return list(client.list_backup_jobs(ByResourceArn=arn)["BackupJobs"])

    assert eventually(jobs), "the plan was due and made no job"
    ended = service.ended(jobs()[0]["BackupJobId"])
    assert ended["State"] == "COMPLETED"
    assert due <= ended["CreationDate"] < due + timedelta(seconds=15)
    assert (ended["CreatedBy"]["BackupPlanId"], ended["CreatedBy"]["BackupRuleCron"]) == (plan_id, cron)
    point = client.describe_recovery_point(
        BackupVaultName="scheduled", RecoveryPointArn=ended["RecoveryPointArn"]
    )
    assert point["CalculatedLifecycle"]["DeleteAt"] - point["CreationDate"] == timedelta(days=7)
    assert len(jobs()) == 1


def make_plan(service: Service, name: str, cron: str, tag: dict[str, str] = TAG) -> str:
    """A plan into the vault of that name for what has the tag; its id."""
    client = service.client()
    rule = {
        "RuleName": "rule",
        "TargetBackupVaultName": name,
        "ScheduleExpression": cron,
        "Lifecycle": {"DeleteAfterDays": 7},
    }
    made = client.create_backup_plan(BackupPlan={"BackupPlanName": name, "Rules": [rule]})
    selection = {"SelectionName": "tagged", "IamRoleArn": service.role_arn, "ListOfTags": [tag]}
    client.create_backup_selection(BackupPlanId=made["BackupPlanId"], BackupSelection=selection)
    return str(made["BackupPlanId"])


def everything_is_shown(client: Any, arn: str, first: Any, second: Any, plan_id: str) -> None:
    jobs = client.list_backup_jobs(ByResourceArn=arn)["BackupJobs"]
    assert [job["BackupJobId"] for job in jobs] == [second["BackupJobId"], first["BackupJobId"]]
    points = client.list_recovery_points_by_resource(ResourceArn=arn)["RecoveryPoints"]
    assert {point["RecoveryPointArn"] for point in points} == {
        first["RecoveryPointArn"],
        second["RecoveryPointArn"],
    }
    in_vault = client.list_recovery_points_by_backup_vault(BackupVaultName="main")["RecoveryPoints"]
    assert {point["Status"] for point in in_vault} == {"COMPLETED"}
    assert client.describe_backup_vault(BackupVaultName="main")["NumberOfRecoveryPoints"] == 2
    protected = client.describe_protected_resource(ResourceArn=arn)
    assert protected["LastBackupTime"] is not None
    assert arn in [found["ResourceArn"] for found in client.list_protected_resources()["Results"]]
    plan = client.get_backup_plan(BackupPlanId=plan_id)["BackupPlan"]
    assert plan["Rules"][0]["TargetBackupVaultName"] == "main"
    assert len(client.list_backup_selections(BackupPlanId=plan_id)["BackupSelectionsList"]) == 1
    assert client.list_tags(ResourceArn=second["RecoveryPointArn"])["Tags"] == {"keep": "daily"}
    metadata = client.get_recovery_point_restore_metadata(
        BackupVaultName="main", RecoveryPointArn=first["RecoveryPointArn"]
    )["RestoreMetadata"]
    assert metadata["newFileSystem"] == "false"


def one_item_comes_back_alone(service: Service, point_arn: str) -> None:
    items = json.dumps(["/letters/7.txt"])
    restored = service.restore(point_arn, CreationToken="main-item", ItemsToRestore=items)
    assert restored["Status"] == "COMPLETED"
    files = [path for path in (service.writable / "main-item").rglob("*") if path.is_file()]
    assert [path.read_text() for path in files] == ["letter 7\n" * 7]


def everything_is_taken_down(client: Any, plan_id: str) -> None:
    for point in client.list_recovery_points_by_backup_vault(BackupVaultName="main")["RecoveryPoints"]:
        client.delete_recovery_point(BackupVaultName="main", RecoveryPointArn=point["RecoveryPointArn"])

    def points() -> list[Any]:
        return list(client.list_recovery_points_by_backup_vault(BackupVaultName="main")["RecoveryPoints"])

    assert eventually(lambda: not points()), points()
    client.delete_backup_vault(BackupVaultName="main")
    for selection in client.list_backup_selections(BackupPlanId=plan_id)["BackupSelectionsList"]:
        client.delete_backup_selection(BackupPlanId=plan_id, SelectionId=selection["SelectionId"])
    client.delete_backup_plan(BackupPlanId=plan_id)
    assert plan_id not in [plan["BackupPlanId"] for plan in client.list_backup_plans()["BackupPlansList"]]
