"""Recovery points and what they protect, through the API."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from safehold.core.errors import (
    InvalidParameterValue,
    InvalidRequest,
    InvalidResourceState,
    ResourceNotFound,
    SafeholdError,
)
from safehold.domain.backup_requests import CreatedBy
from safehold.domain.jobs import Job, JobKind
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.recovery_points import PointStatus, with_lifecycle
from safehold.records import amendments, recovery_points, tables
from tests.api.job_world import ACCOUNT, NOW, POINT, SHARE, SITE, TREE, VAULT_ARN, World, a_point

MAIN = {"BackupVaultName": "Main"}
IN_MAIN = {"BackupVaultName": "Main", "RecoveryPointArn": POINT}
CREATOR = CreatedBy(
    "plan-1", "arn:plan", "name", "version", "rule-1", "daily", "cron(0 5 ? * * *)", "Etc/UTC"
)
DAY = timedelta(days=1)


def put(world: World, point_id: str, **changes: object) -> str:
    """One more point in the vault; answers its ARN."""
    arn = POINT.replace("p-1", point_id)
    with world.catalog.begin() as tx:
        assert recovery_points.insert_if_new(tx, a_point(id=point_id, arn=arn, **changes))
    return arn


def listed(world: World, **filters: object) -> list[str]:
    answer = world.client().call("ListRecoveryPointsByBackupVault", **MAIN, **filters)
    return [point["RecoveryPointArn"].rpartition(":")[2] for point in answer["RecoveryPoints"]]


def test_a_point_is_described_with_where_it_comes_from_and_where_it_goes(world: World) -> None:
    lifecycle = Lifecycle(move_to_cold_storage_after_days=5, delete_after_days=100)
    point = with_lifecycle(
        a_point(id="p-2", arn="arn:p-2", created_by=CREATOR, plan_id="plan-1", resource_name="tree"),
        lifecycle,
    )
    with world.catalog.begin() as tx:
        recovery_points.insert_if_new(tx, replace(point, completed_at=NOW + timedelta(minutes=3)))
    shown = world.client().call("DescribeRecoveryPoint", **MAIN, RecoveryPointArn="arn:p-2")
    assert shown["CreatedBy"]["BackupRuleName"] == "daily"
    assert shown["Lifecycle"] == {"MoveToColdStorageAfterDays": 5, "DeleteAfterDays": 100}
    assert shown["CalculatedLifecycle"] == {
        "MoveToColdStorageAt": NOW + 5 * DAY,
        "DeleteAt": NOW + 100 * DAY,
    }
    assert (shown["Status"], shown["StorageClass"], shown["IsEncrypted"]) == ("COMPLETED", "WARM", True)
    assert (shown["CreationDate"], shown["CompletionDate"]) == (NOW, NOW + timedelta(minutes=3))
    assert (shown["BackupVaultArn"], shown["BackupSizeInBytes"]) == (VAULT_ARN, 77)
    assert (shown["ResourceArn"], shown["ResourceName"], shown["IsParent"]) == (TREE, "tree", False)


@pytest.mark.parametrize(
    "operation",
    [
        "DescribeRecoveryPoint",
        "GetRecoveryPointRestoreMetadata",
        "UpdateRecoveryPointLifecycle",
        "DeleteRecoveryPoint",
    ],
)
def test_a_point_that_is_not_there(world: World, operation: str) -> None:
    with pytest.raises(ResourceNotFound, match=r"Cannot find recovery point\."):
        world.client().call(operation, **MAIN, RecoveryPointArn=POINT + "x")


def test_points_of_a_vault_are_filtered_and_paged_newest_first(world: World) -> None:
    put(world, "p-2", created_at=NOW + DAY, resource_arn=SHARE, resource_type="FSx", plan_id="plan-1")
    put(world, "p-3", created_at=NOW + 2 * DAY, parent_arn=POINT)
    assert listed(world) == ["p-3", "p-2", "p-1"]
    assert listed(world, ByResourceArn=SHARE) == ["p-2"]
    assert listed(world, ByResourceType="EFS") == ["p-3", "p-1"]
    assert listed(world, ByBackupPlanId="plan-1") == ["p-2"]
    assert listed(world, ByParentRecoveryPointArn=POINT) == ["p-3"]
    assert listed(world, ByCreatedAfter=NOW, ByCreatedBefore=NOW + 2 * DAY) == ["p-2"]
    first = world.client().call("ListRecoveryPointsByBackupVault", **MAIN, MaxResults=2)
    assert listed(world, MaxResults=2, NextToken=first["NextToken"]) == ["p-1"]
    with pytest.raises(InvalidParameterValue):
        listed(world, ByResourceType="EFS", NextToken=first["NextToken"])


def test_a_point_where_a_resource_is_asked_for_is_refused(world: World) -> None:
    with pytest.raises(InvalidParameterValue, match=f"Unsupported resource type: {POINT}"):
        listed(world, ByResourceArn=POINT)
    with pytest.raises(InvalidParameterValue):
        world.client().call("ListRecoveryPointsByResource", ResourceArn="no arn")


def test_points_of_a_resource_are_those_of_all_vaults(world: World) -> None:
    put(world, "p-2", created_at=NOW + DAY)
    client = world.client()
    first = client.call("ListRecoveryPointsByResource", ResourceArn=TREE, MaxResults=1)
    (shown,) = first["RecoveryPoints"]
    assert (shown["BackupVaultName"], shown["BackupSizeBytes"]) == ("Main", 77)
    second = client.call(
        "ListRecoveryPointsByResource", ResourceArn=TREE, MaxResults=1, NextToken=first["NextToken"]
    )
    assert second["RecoveryPoints"][0]["RecoveryPointArn"] == POINT
    assert second.get("NextToken") is None
    assert client.call("ListRecoveryPointsByResource", ResourceArn=SHARE)["RecoveryPoints"] == []
    elsewhere = world.client(site="eu-west-1").call("ListRecoveryPointsByResource", ResourceArn=TREE)
    assert elsewhere["RecoveryPoints"] == []


def test_rds_wants_pages_of_twenty_from_the_strict(world: World) -> None:
    database = f"arn:aws:rds:{SITE}:{ACCOUNT}:db:x"
    with pytest.raises(InvalidParameterValue):
        world.client(aws_limits="strict").call(
            "ListRecoveryPointsByResource", ResourceArn=database, MaxResults=19
        )
    world.client().call("ListRecoveryPointsByResource", ResourceArn=database, MaxResults=19)


def test_restore_metadata_is_what_the_connector_noted_and_a_request_id(world: World) -> None:
    arn = put(world, "p-2", restore_metadata={"file-system-id": "fs-1"})
    answer = world.client().call("GetRecoveryPointRestoreMetadata", **MAIN, RecoveryPointArn=arn)
    assert set(answer["RestoreMetadata"]) == {"file-system-id", "aws:backup:request-id"}
    assert (answer["ResourceType"], answer["BackupVaultArn"]) == ("EFS", VAULT_ARN)


def pending(world: World) -> list[tuple[str, dict[str, object]]]:
    with world.catalog.read() as tx:
        return [(fact.kind, dict(fact.body)) for fact in amendments.pending(tx, limit=9)]


def test_a_new_lifecycle_replaces_the_old_one_whole_and_the_vault_is_told(world: World) -> None:
    client = world.client()
    client.call(
        "UpdateRecoveryPointLifecycle",
        **IN_MAIN,
        Lifecycle={"MoveToColdStorageAfterDays": 5, "DeleteAfterDays": 100},
    )
    answer = client.call("UpdateRecoveryPointLifecycle", **IN_MAIN, Lifecycle={"DeleteAfterDays": 7})
    assert answer["Lifecycle"] == {"DeleteAfterDays": 7}
    assert answer["CalculatedLifecycle"]["DeleteAt"] == NOW + 7 * DAY
    shown = client.call("DescribeRecoveryPoint", **IN_MAIN)
    assert shown["Lifecycle"] == {"DeleteAfterDays": 7}
    assert shown["CalculatedLifecycle"]["MoveToColdStorageAt"] is None
    (_, last) = pending(world)
    assert last[0] == "lifecycle"
    assert last[1]["delete_at"] == "2030-01-09T03:04:05.678000Z"


@pytest.mark.parametrize(
    "lifecycle",
    [
        pytest.param({"DeleteAfterDays": 0}, id="no day"),
        pytest.param({"DeleteAfterDays": -1}, id="AWS's for ever, which is for copies"),
        pytest.param({"DeleteAfterDays": 36501}, id="over a hundred years"),
        pytest.param({"MoveToColdStorageAfterDays": 10, "DeleteAfterDays": 99}, id="not 90 days cold"),
    ],
)
def test_lifecycles_that_aws_refuses(world: World, lifecycle: dict[str, int]) -> None:
    with pytest.raises(InvalidParameterValue, match="Invalid lifecycle"):
        world.client().call("UpdateRecoveryPointLifecycle", **IN_MAIN, Lifecycle=lifecycle)
    assert pending(world) == []


def test_a_deleted_point_is_deleting_until_its_vault_knows(world: World) -> None:
    client = world.client()
    assert client.call("DeleteRecoveryPoint", **IN_MAIN) == {}
    assert client.call("DescribeRecoveryPoint", **IN_MAIN)["Status"] == "DELETING"
    with pytest.raises(InvalidResourceState):
        client.call("DeleteRecoveryPoint", **IN_MAIN)
    with world.catalog.begin() as tx:
        for fact in amendments.pending(tx, limit=9):
            assert (fact.kind, fact.recovery_point_id, fact.body["by"][-4:]) == ("deletion", "p-1", "root")
            amendments.mark_written(tx, fact, now=NOW)
    assert listed(world) == []
    assert client.call("DescribeBackupVault", **MAIN)["NumberOfRecoveryPoints"] == 0
    with pytest.raises(ResourceNotFound):
        client.call("DescribeRecoveryPoint", **IN_MAIN)


def locked(world: World) -> None:
    with world.catalog.begin() as tx:
        tx.execute(update(tables.vault).values(is_locked=True))


def with_a_child(world: World) -> None:
    put(world, "p-2", parent_arn=POINT)


@pytest.mark.parametrize(
    ("operation", "prepare", "error"),
    [
        ("DeleteRecoveryPoint", locked, "Backup vault configured with Lock"),
        ("UpdateRecoveryPointLifecycle", locked, "Backup vault configured with Lock"),
        ("DeleteRecoveryPoint", with_a_child, "nested recovery points"),
    ],
)
def test_points_that_must_stay_as_they_are(world: World, operation: str, prepare, error: str) -> None:
    prepare(world)
    with pytest.raises(InvalidRequest, match=error):
        world.client().call(operation, **IN_MAIN)
    assert pending(world) == []


def test_a_protected_resource_tells_of_its_newest_point_and_latest_restore(world: World) -> None:
    arn = put(world, "p-2", created_at=NOW + DAY, resource_name="tree")
    job = Job("r-1", JobKind.RESTORE, ACCOUNT, SITE, "COMPLETED", TREE, "EFS", NOW + 2 * DAY, {})
    done = NOW + 2 * DAY + timedelta(seconds=61)
    world.add_job(job, recovery_point_arn=arn, completed_at=done)
    world.add_job(job, id="r-2", state="FAILED", created_at=NOW + 3 * DAY)
    assert world.client().call("DescribeProtectedResource", ResourceArn=TREE) == {
        "ResourceArn": TREE,
        "ResourceType": "EFS",
        "ResourceName": "tree",
        "LastBackupTime": NOW + DAY,
        "LastBackupVaultArn": VAULT_ARN,
        "LastRecoveryPointArn": arn,
        "LatestRestoreExecutionTimeMinutes": 2,
        "LatestRestoreJobCreationDate": NOW + 2 * DAY,
        "LatestRestoreRecoveryPointCreationDate": NOW + DAY,
    }


@pytest.mark.parametrize(
    ("arn", "error"),
    [(SHARE, ResourceNotFound), ("no arn", InvalidParameterValue)],
    ids=["unknown", "no ARN"],
)
def test_what_is_not_protected_is_not_described(world: World, arn: str, error: type[SafeholdError]) -> None:
    with pytest.raises(error):
        world.client().call("DescribeProtectedResource", ResourceArn=arn)


@pytest.mark.parametrize(
    ("operation", "request_"),
    [("ListProtectedResources", {}), ("ListProtectedResourcesByBackupVault", MAIN)],
)
def test_protected_resources_are_listed_by_arn(
    world: World, operation: str, request_: dict[str, str]
) -> None:
    put(world, "p-2", resource_arn=SHARE, resource_type="FSx", status=PointStatus.PARTIAL)
    client = world.client()
    first = client.call(operation, **request_, MaxResults=1)
    second = client.call(operation, **request_, MaxResults=1, NextToken=first["NextToken"])
    both = first["Results"] + second["Results"]
    assert [(found["ResourceArn"], found["ResourceType"]) for found in both] == [
        (TREE, "EFS"),
        (SHARE, "FSx"),
    ]
    assert second["NextToken"] is None
