"""Restore jobs are started, shown and listed as AWS Backup does it."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from safehold.core.errors import (
    InvalidParameterValue,
    InvalidRequest,
    MissingParameterValue,
    ResourceNotFound,
    SafeholdError,
)
from safehold.domain.recovery_points import PointStatus
from safehold.domain.restore_requests import RestoreJobRequest
from safehold.records import recovery_points
from tests.api.job_world import ACCOUNT, NOW, POINT, ROLE, SHARE, SITE, TREE, VAULT_ARN, World, a_point

METADATA = {"file-system-id": "fs-1", "newFileSystem": "true", "Encrypted": "false"}
START = {"RecoveryPointArn": POINT, "Metadata": METADATA, "IamRoleArn": ROLE}


def start(world: World, **changes: object) -> str:
    return str(world.client().call("StartRestoreJob", **START | changes)["RestoreJobId"])


def with_items(*items: object) -> dict[str, object]:
    return {"Metadata": METADATA | {"itemstorestore": json.dumps(items)}}


def test_a_started_job_has_an_upper_case_id_and_is_pending(world: World) -> None:
    job_id = start(world)
    assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", job_id)
    assert world.client().call("DescribeRestoreJob", RestoreJobId=job_id) == {
        "AccountId": ACCOUNT,
        "RestoreJobId": job_id,
        "RecoveryPointArn": POINT,
        "RecoveryPointCreationDate": NOW,
        "SourceResourceArn": TREE,
        "BackupVaultArn": VAULT_ARN,
        "ResourceType": "EFS",
        "IamRoleArn": ROLE,
        "CreationDate": NOW,
        "Status": "PENDING",
        "PercentDone": "0.0",
        "BackupSizeInBytes": 77,
        "IsParent": False,
    }


def test_the_end_is_shown(world: World) -> None:
    job_id = start(world)
    world.set_job(job_id, state="RUNNING", started_at=NOW, expected_completion_at=NOW + timedelta(seconds=61))
    assert (
        world.client().call("DescribeRestoreJob", RestoreJobId=job_id)["ExpectedCompletionTimeMinutes"] == 2
    )
    result = {"created_resource_arn": "arn:new"}
    world.set_job(job_id, state="COMPLETED", completed_at=NOW, result=result)
    shown = world.client().call("DescribeRestoreJob", RestoreJobId=job_id)
    assert (shown["Status"], shown["PercentDone"]) == ("COMPLETED", "100.0")
    assert (shown["CreatedResourceArn"], shown["CompletionDate"]) == ("arn:new", NOW)


def test_metadata_comes_back_as_it_was_given(world: World) -> None:
    answer = world.client().call("GetRestoreJobMetadata", RestoreJobId=start(world))
    assert answer["Metadata"] == METADATA


def test_items_are_kept_as_paths_below_the_root(world: World) -> None:
    items = ["/a//b/", "./c", "a/b", "caf\udce9"]
    request = RestoreJobRequest.from_json(world.job(start(world, **with_items(*items))).request)
    assert request.paths() == [b"a/b", b"c", b"caf\xe9"]


def test_the_root_among_the_items_means_everything(world: World) -> None:
    request = RestoreJobRequest.from_json(world.job(start(world, **with_items("a", "/"))).request)
    assert request.items == ()


def test_the_same_token_starts_one_job(world_on_both: World) -> None:
    first = start(world_on_both, IdempotencyToken="t")
    assert start(world_on_both, IdempotencyToken="t") == first
    with pytest.raises(InvalidParameterValue, match="IdempotencyToken"):
        start(world_on_both, IdempotencyToken="t", **with_items("a"))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"RecoveryPointArn": POINT + "9"}, ResourceNotFound, "Cannot find recovery point"),
        ({"IamRoleArn": ROLE + "X"}, InvalidParameterValue, "cannot be assumed"),
        ({"IamRoleArn": None}, MissingParameterValue, "IamRoleArn"),
        ({"ResourceType": "FSx"}, InvalidParameterValue, "of type EFS"),
        ({"Metadata": {}}, MissingParameterValue, "Metadata"),
        ({"Metadata": {"a": "1", "A": "2"}}, InvalidParameterValue, "twice"),
        ({"Metadata": {"newfilesystem": "yes"}}, InvalidParameterValue, "true or false"),
        ({"Metadata": {"a": "x" * 300_000}}, InvalidParameterValue, "larger"),
        ({"Metadata": {"ItemsToRestore": "[not json"}}, InvalidParameterValue, "JSON array"),
        ({"Metadata": {"ItemsToRestore": "[" * 100_000}}, InvalidParameterValue, "JSON array"),
        (with_items("a", 5), InvalidParameterValue, "JSON array of paths"),
        (with_items(), InvalidParameterValue, "JSON array of paths"),
        (with_items("a/../../b"), InvalidParameterValue, "below the root"),
        (with_items("a\0b"), InvalidParameterValue, "below the root"),
        (with_items(""), InvalidParameterValue, "below the root"),
    ],
)
def test_what_cannot_be_restored_is_refused_and_leaves_no_job(
    world: World, changes: dict[str, object], error: type[SafeholdError], message: str
) -> None:
    with pytest.raises(error, match=message):
        start(world, **changes)
    assert world.client().call("ListRestoreJobs")["RestoreJobs"] == []


def test_strict_limits_take_five_items(world: World) -> None:
    client = world.client(aws_limits="strict")
    client.call("StartRestoreJob", **START | with_items(*"abcde"))
    with pytest.raises(InvalidParameterValue, match="at most 5"):
        client.call("StartRestoreJob", **START | with_items(*"abcdef"))


def test_a_point_that_is_going_cannot_be_restored(world: World) -> None:
    with world.catalog.begin() as tx:
        recovery_points.update_point(tx, "p-1", status=PointStatus.DELETING)
    with pytest.raises(InvalidRequest, match="DELETING"):
        start(world)


def test_a_point_of_another_site_is_not_found(world: World) -> None:
    with pytest.raises(ResourceNotFound):
        world.client(site="us-east-1").call("StartRestoreJob", **START)


def test_restores_keep_no_backup_of_the_resource_waiting(world: World) -> None:
    from safehold.domain.job_states import exclusive_key

    assert exclusive_key(world.job(start(world))) is None


def test_each_filter_shows_what_matches(world_on_both: World) -> None:
    mine = start(world_on_both)
    world_on_both.clock.at = NOW + timedelta(hours=1)
    other_point = a_point(
        id="p-2", arn=POINT + "2", resource_arn=SHARE, resource_type="FSx", created_at=world_on_both.clock.at
    )
    with world_on_both.catalog.begin() as tx:
        recovery_points.insert_if_new(tx, other_point)
    other = start(world_on_both, RecoveryPointArn=POINT + "2")
    world_on_both.set_job(mine, state="COMPLETED", completed_at=NOW + timedelta(minutes=5))
    between = NOW + timedelta(minutes=30)
    for filters, expected in [
        ({}, [other, mine]),
        ({"ByStatus": "COMPLETED"}, [mine]),
        ({"ByResourceType": "FSx"}, [other]),
        ({"ByCreatedBefore": between}, [mine]),
        ({"ByCreatedAfter": between}, [other]),
        ({"ByCompleteBefore": between}, [mine]),
        ({"ByCompleteAfter": between}, []),
        ({"ByAccountId": "9" * 12}, []),
        ({"ByRestoreTestingPlanArn": "arn:aws:backup:p"}, []),
    ]:
        shown = world_on_both.client().call("ListRestoreJobs", **filters)["RestoreJobs"]
        assert [job["RestoreJobId"] for job in shown] == expected, filters


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 1),
        ({"ByStatus": "RUNNING"}, 0),
        ({"ByRecoveryPointCreationDateAfter": NOW - timedelta(milliseconds=1)}, 1),
        ({"ByRecoveryPointCreationDateAfter": NOW + timedelta(milliseconds=1)}, 0),
        ({"ByRecoveryPointCreationDateBefore": NOW + timedelta(milliseconds=1)}, 1),
        ({"ByRecoveryPointCreationDateBefore": NOW - timedelta(milliseconds=1)}, 0),
    ],
)
def test_restores_are_listed_by_resource_and_the_time_of_their_point(
    world_on_both: World, filters: dict[str, object], count: int
) -> None:
    start(world_on_both)
    listed = world_on_both.client().call("ListRestoreJobsByProtectedResource", ResourceArn=TREE, **filters)
    assert len(listed["RestoreJobs"]) == count
    others = world_on_both.client().call("ListRestoreJobsByProtectedResource", ResourceArn=SHARE, **filters)
    assert others["RestoreJobs"] == []


def test_restores_of_an_unknown_resource_are_not_found(world: World) -> None:
    arn = f"arn:aws:elasticfilesystem:{SITE}:{ACCOUNT}:file-system/fs-none"
    with pytest.raises(ResourceNotFound):
        world.client().call("ListRestoreJobsByProtectedResource", ResourceArn=arn)
    with pytest.raises(ResourceNotFound):
        world.client().call("DescribeRestoreJob", RestoreJobId="nope")
