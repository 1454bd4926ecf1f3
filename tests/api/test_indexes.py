"""Search indexes of recovery points, through the API."""

from __future__ import annotations

from datetime import timedelta

import pytest

from safehold.core.errors import AccessDenied, InvalidParameterValue, InvalidResourceState, ResourceNotFound
from safehold.domain.jobs import JobKind
from safehold.domain.point_indexes import IndexStatus
from safehold.domain.recovery_points import PointStatus
from safehold.records import jobs, point_indexes, recovery_points
from tests.api.job_world import NOW, OTHER_ROLE, POINT, ROLE, SHARE, TREE, VAULT_ARN, World, a_point

IN_MAIN = {"BackupVaultName": "Main", "RecoveryPointArn": POINT}


def update(world: World, index: str, **more: object) -> str | None:
    answer = world.client().call("UpdateRecoveryPointIndexSettings", **IN_MAIN, Index=index, **more)
    assert (answer["RecoveryPointArn"], answer["Index"]) == (POINT, index)
    status: str | None = answer["IndexStatus"]
    return status


def details(world: World) -> dict[str, object]:
    return dict(world.client().call("GetRecoveryPointIndexDetails", **IN_MAIN))


def index_jobs(world: World) -> list[str]:
    with world.catalog.read() as tx:
        return [job.id for job in jobs.waiting(tx, now=NOW, limit=10) if job.kind is JobKind.INDEX]


def done(world: World, **values: object) -> None:
    """As the job does at its end."""
    (job_id,) = index_jobs(world)
    with world.catalog.begin() as tx:
        assert point_indexes.update_index(tx, "p-1", job_id=job_id, **values)
        assert jobs.update_in_state(tx, job_id, ["PENDING"], state="COMPLETED", handed_over_at=NOW)


def test_an_index_is_asked_for_made_and_given_up(world: World) -> None:
    assert "IndexStatus" not in details(world)
    assert update(world, "ENABLED", IamRoleArn=ROLE) == "PENDING"
    assert update(world, "ENABLED") == "PENDING"
    assert len(index_jobs(world)) == 1
    done(world, status=IndexStatus.ACTIVE, item_count=3, completed_at=NOW + timedelta(minutes=1), build="b")
    assert update(world, "ENABLED") == "ACTIVE"
    assert index_jobs(world) == []
    assert details(world) == {
        "RecoveryPointArn": POINT,
        "BackupVaultArn": VAULT_ARN,
        "SourceResourceArn": TREE,
        "IndexCreationDate": NOW,
        "IndexCompletionDate": NOW + timedelta(minutes=1),
        "IndexDeletionDate": None,
        "IndexStatus": "ACTIVE",
        "IndexStatusMessage": None,
        "TotalItemsIndexed": 3,
    }
    assert (update(world, "DISABLED"), update(world, "DISABLED")) == ("DELETING", "DELETING")
    with world.catalog.begin() as tx:
        point_indexes.update_index(tx, "p-1", status=None, deleted_at=NOW)
    assert (details(world)["IndexStatus"], details(world)["IndexDeletionDate"]) == (None, NOW)
    assert update(world, "DISABLED") is None
    assert update(world, "ENABLED") == "PENDING"


def test_a_failed_index_can_be_asked_for_again(world: World) -> None:
    update(world, "ENABLED")
    done(world, status=IndexStatus.FAILED, status_message="no room")
    assert details(world)["IndexStatusMessage"] == "no room"
    assert update(world, "ENABLED") == "PENDING"
    assert details(world)["IndexStatusMessage"] is None


def test_lists_show_which_points_have_an_index(world: World) -> None:
    with world.catalog.begin() as tx:
        recovery_points.insert_if_new(tx, a_point(id="p-2", arn=POINT.replace("p-1", "p-2")))
    update(world, "ENABLED")
    client = world.client()
    in_vault = client.call("ListRecoveryPointsByBackupVault", BackupVaultName="Main")["RecoveryPoints"]
    assert [point.get("IndexStatus") for point in in_vault] == [None, "PENDING"]
    of_tree = client.call("ListRecoveryPointsByResource", ResourceArn=TREE)["RecoveryPoints"]
    assert [point.get("IndexStatus") for point in of_tree] == [None, "PENDING"]
    assert client.call("DescribeRecoveryPoint", **IN_MAIN)["IndexStatus"] == "PENDING"


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["p-3", "p-1"]),
        ({"MaxResults": 1}, ["p-3"]),
        ({"SourceResourceArn": SHARE}, ["p-3"]),
        ({"ResourceType": "EFS"}, ["p-1"]),
        ({"IndexStatus": "ACTIVE"}, []),
        ({"CreatedAfter": NOW}, ["p-3"]),
        ({"CreatedBefore": NOW + timedelta(days=1)}, ["p-1"]),
    ],
)
def test_indexed_points_are_listed(world: World, filters: dict[str, object], found: list[str]) -> None:
    later = NOW + timedelta(days=1)
    arns = {name: POINT.replace("p-1", name) for name in ("p-2", "p-3")}
    with world.catalog.begin() as tx:
        recovery_points.insert_if_new(tx, a_point(id="p-2", arn=arns["p-2"]))
        share = a_point(id="p-3", arn=arns["p-3"], created_at=later, resource_arn=SHARE, resource_type="FSx")
        recovery_points.insert_if_new(tx, share)
    update(world, "ENABLED")
    world.client().call(
        "UpdateRecoveryPointIndexSettings",
        BackupVaultName="Main",
        RecoveryPointArn=arns["p-3"],
        Index="ENABLED",
    )
    answer = world.client().call("ListIndexedRecoveryPoints", **filters)
    listed = answer["IndexedRecoveryPoints"]
    assert [point["RecoveryPointArn"].rpartition(":")[2] for point in listed] == found
    assert (answer["NextToken"] is not None) == ("MaxResults" in filters)
    assert all(point["IndexStatus"] == "PENDING" for point in listed)


def test_what_cannot_be_indexed_is_refused(world: World) -> None:
    with pytest.raises(AccessDenied):
        world.client().call(
            "UpdateRecoveryPointIndexSettings",
            BackupVaultName="Nope",
            RecoveryPointArn=POINT,
            Index="ENABLED",
        )
    with pytest.raises(ResourceNotFound):
        world.client().call(
            "UpdateRecoveryPointIndexSettings",
            BackupVaultName="Main",
            RecoveryPointArn="arn:x",
            Index="ENABLED",
        )
    with pytest.raises(InvalidParameterValue, match="cannot be assumed"):
        update(world, "ENABLED", IamRoleArn=OTHER_ROLE)
    with pytest.raises(InvalidParameterValue, match="Unsupported resource type"):
        world.client(aws_limits="strict").call("UpdateRecoveryPointIndexSettings", **IN_MAIN, Index="ENABLED")
    with world.catalog.begin() as tx:
        recovery_points.update_point(tx, "p-1", status=PointStatus.DELETING)
    with pytest.raises(InvalidResourceState):
        update(world, "ENABLED")
    assert index_jobs(world) == []
