"""Copy jobs are started, shown and listed as AWS Backup does it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from safehold.core.errors import (
    InvalidParameterValue,
    InvalidRequest,
    ResourceNotFound,
    SafeholdError,
)
from safehold.domain.copy_requests import CopyJobRequest
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.recovery_points import PointStatus, StorageClass
from safehold.domain.vaults import VaultType
from safehold.records import recovery_points, tables
from tests.api.job_world import (
    ACCOUNT,
    NOW,
    OTHER_ROLE,
    POINT,
    ROLE,
    SHARE,
    TREE,
    VAULT_ARN,
    World,
    a_point,
)

AWAY = f"arn:aws:backup:us-west-2:{ACCOUNT}:backup-vault:Away"
START = {
    "RecoveryPointArn": POINT,
    "SourceBackupVaultName": "Main",
    "DestinationBackupVaultArn": AWAY,
    "IamRoleArn": ROLE,
}


def start(world: World, **changes: object) -> str:
    return str(world.client().call("StartCopyJob", **START | changes)["CopyJobId"])


def described(world: World, job_id: str) -> dict[str, Any]:
    return dict(world.client().call("DescribeCopyJob", CopyJobId=job_id)["CopyJob"])


def with_point(world: World, **values: Any) -> None:
    with world.catalog.begin() as tx:
        recovery_points.update_point(tx, "p-1", **values)


def test_a_started_job_has_an_upper_case_id_and_is_created(world: World) -> None:
    answer = world.client().call("StartCopyJob", **START)
    job_id = answer["CopyJobId"]
    assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", job_id)
    assert (answer["CreationDate"], answer["IsParent"]) == (NOW, False)
    assert described(world, job_id) == {
        "AccountId": ACCOUNT,
        "CopyJobId": job_id,
        "SourceBackupVaultArn": VAULT_ARN,
        "SourceRecoveryPointArn": POINT,
        "DestinationBackupVaultArn": AWAY,
        "ResourceArn": TREE,
        "ResourceType": "EFS",
        "CreationDate": NOW,
        "State": "CREATED",
        "BackupSizeInBytes": 77,
        "IamRoleArn": ROLE,
        "IsParent": False,
    }


def test_the_copy_and_where_it_is_are_shown_once_there_is_one(world: World) -> None:
    world.client(site="us-west-2").call("CreateBackupVault", BackupVaultName="Away")
    job_id = start(world)
    world.set_job(job_id, state="COMPLETED", completed_at=NOW, message_category="SUCCESS")
    shown = described(world, job_id)
    assert shown["DestinationRecoveryPointArn"] == (
        f"arn:aws:backup:us-west-2:{ACCOUNT}:recovery-point:{job_id.lower()}"
    )
    assert shown["DestinationVaultType"] == "BACKUP_VAULT"
    assert shown["DestinationVaultLockState"] == "UNLOCKED"
    assert shown["DestinationEncryptionKeyArn"].startswith("arn:aws:kms:us-west-2:")
    assert (shown["CompletionDate"], shown["MessageCategory"]) == (NOW, "SUCCESS")


def test_the_same_token_starts_one_job(world_on_both: World) -> None:
    first = world_on_both.client().call("StartCopyJob", IdempotencyToken="t", **START)
    world_on_both.clock.at = NOW + timedelta(hours=1)
    again = world_on_both.client().call("StartCopyJob", IdempotencyToken="t", **START)
    assert again == first
    assert len(world_on_both.client().call("ListCopyJobs")["CopyJobs"]) == 1
    with pytest.raises(InvalidParameterValue, match="IdempotencyToken"):
        start(world_on_both, IdempotencyToken="t", Lifecycle={"DeleteAfterDays": 5})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"RecoveryPointArn": POINT + "9"}, ResourceNotFound, "Cannot find recovery point"),
        ({"SourceBackupVaultName": "Nowhere"}, ResourceNotFound, "Cannot find backup vault"),
        ({"DestinationBackupVaultArn": "Away"}, InvalidParameterValue, "ARN"),
        ({"DestinationBackupVaultArn": TREE}, InvalidParameterValue, "not the ARN of a backup vault"),
        ({"DestinationBackupVaultArn": VAULT_ARN}, InvalidRequest, "must not be the same"),
        ({"IamRoleArn": OTHER_ROLE}, InvalidParameterValue, "cannot be assumed"),
        ({"Lifecycle": {"DeleteAfterDays": 0}}, InvalidParameterValue, "Invalid lifecycle"),
        (
            {"Lifecycle": {"DeleteAfterDays": 50, "MoveToColdStorageAfterDays": 10}},
            InvalidParameterValue,
            "90 days apart",
        ),
    ],
)
def test_what_cannot_be_copied_is_refused_and_leaves_no_job(
    world: World, changes: dict[str, object], error: type[SafeholdError], message: str
) -> None:
    with pytest.raises(error, match=message):
        start(world, **changes)
    assert world.client().call("ListCopyJobs")["CopyJobs"] == []


def test_a_point_that_is_going_or_cold_is_not_copied(world: World) -> None:
    with_point(world, status=PointStatus.DELETING)
    with pytest.raises(InvalidRequest, match="DELETING"):
        start(world)
    with_point(world, status=PointStatus.COMPLETED, storage_class=StorageClass.COLD)
    with pytest.raises(InvalidRequest, match="cold storage"):
        start(world)


@pytest.mark.parametrize(
    ("original", "asked", "copy"),
    [
        (None, None, None),
        (35, None, {"DeleteAfterDays": 35}),
        (35, {}, {"DeleteAfterDays": 35}),
        (35, {"DeleteAfterDays": -1}, {"DeleteAfterDays": 35}),
        (None, {"DeleteAfterDays": -1}, None),
        (35, {"DeleteAfterDays": 100}, {"DeleteAfterDays": 100}),
        (
            100,
            {"MoveToColdStorageAfterDays": 5},
            {"DeleteAfterDays": 100, "MoveToColdStorageAfterDays": 5},
        ),
    ],
)
def test_a_copy_is_kept_as_long_as_the_original_unless_days_are_given(
    world: World, original: int | None, asked: dict[str, int] | None, copy: dict[str, int] | None
) -> None:
    with_point(world, lifecycle=None if original is None else Lifecycle(delete_after_days=original))
    job_id = start(world, Lifecycle=asked)
    assert described(world, job_id).get("DestinationRecoveryPointLifecycle") == copy


def test_days_of_the_original_that_do_not_go_with_the_days_given_are_refused(world: World) -> None:
    with_point(world, lifecycle=Lifecycle(delete_after_days=35))
    with pytest.raises(InvalidParameterValue, match="90 days apart"):
        start(world, Lifecycle={"MoveToColdStorageAfterDays": 5})


def test_each_filter_shows_what_matches(world_on_both: World) -> None:
    world = world_on_both
    mine = start(world)
    world.clock.at = NOW + timedelta(hours=1)
    other_point = a_point(id="p-2", arn=POINT + "2", resource_arn=SHARE, resource_type="FSx")
    with world.catalog.begin() as tx:
        recovery_points.insert_if_new(tx, other_point)
    other = start(world, RecoveryPointArn=POINT + "2", DestinationBackupVaultArn=AWAY + "2")
    world.set_job(mine, state="COMPLETED", completed_at=NOW + timedelta(minutes=5))
    between = NOW + timedelta(minutes=30)
    for filters, expected in [
        ({}, [other, mine]),
        ({"ByState": "COMPLETED"}, [mine]),
        ({"ByResourceArn": SHARE}, [other]),
        ({"ByResourceType": "FSx"}, [other]),
        ({"ByDestinationVaultArn": AWAY}, [mine]),
        ({"BySourceRecoveryPointArn": POINT}, [mine]),
        ({"ByCreatedBefore": between}, [mine]),
        ({"ByCreatedAfter": between}, [other]),
        ({"ByCompleteBefore": between}, [mine]),
        ({"ByCompleteAfter": between}, []),
        ({"ByParentJobId": "x"}, []),
        ({"ByMessageCategory": "SUCCESS"}, []),
        ({"ByMessageCategory": "*"}, [other, mine]),
        ({"ByAccountId": "9" * 12}, []),
    ]:
        shown = world.client().call("ListCopyJobs", **filters)["CopyJobs"]
        assert [job["CopyJobId"] for job in shown] == expected, filters
    first = world.client().call("ListCopyJobs", MaxResults=1)
    rest = world.client().call("ListCopyJobs", MaxResults=1, NextToken=first["NextToken"])
    assert [job["CopyJobId"] for job in (*first["CopyJobs"], *rest["CopyJobs"])] == [other, mine]


def test_jobs_of_another_kind_or_site_are_not_found(world: World) -> None:
    job_id = start(world)
    with pytest.raises(ResourceNotFound):
        world.client(site="us-west-2").call("DescribeCopyJob", CopyJobId=job_id)
    with pytest.raises(ResourceNotFound):
        world.client().call("DescribeRestoreJob", RestoreJobId=job_id)
    with pytest.raises(ResourceNotFound):
        world.client().call("DescribeCopyJob", CopyJobId="nope")


def test_the_request_is_kept_as_it_was(world: World) -> None:
    request = CopyJobRequest.from_json(world.job(start(world)).request)
    assert CopyJobRequest.from_json(replace(request).to_json()) == request
    assert (request.source_point_id, request.source_vault_id) == ("p-1", "v-1")


def test_a_copy_in_an_air_gapped_vault_has_an_arn_of_backups_own(world: World) -> None:
    away = world.client(site="us-west-2")
    away.call(
        "CreateLogicallyAirGappedBackupVault",
        BackupVaultName="Away",
        MinRetentionDays=7,
        MaxRetentionDays=70,
    )
    shared = a_point(id="p-2", arn=POINT + "2", resource_arn=SHARE, resource_type="FSx")
    with world.catalog.begin() as tx:
        recovery_points.insert_if_new(tx, shared)
    job_id = start(world, RecoveryPointArn=POINT + "2")
    request = CopyJobRequest.from_json(world.job(job_id).request)
    assert request.destination_point_arn == (
        f"arn:aws:backup:us-west-2:{ACCOUNT}:recovery-point:{job_id.lower()}"
    )
    other = CopyJobRequest.from_json(
        world.job(start(world, RecoveryPointArn=POINT + "2", DestinationBackupVaultArn=AWAY + "2")).request
    )
    assert other.destination_point_arn.startswith(f"arn:aws:fsx:us-west-2:{ACCOUNT}:backup/")


def test_a_restore_access_vault_gives_no_copies(world: World) -> None:
    with world.catalog.begin() as tx:
        access = VaultType.RESTORE_ACCESS
        tx.execute(update(tables.vault).where(tables.vault.c.id == "v-1").values(vault_type=access))
    with pytest.raises(InvalidRequest, match="not copied"):
        start(world)
