"""Backup jobs are started, shown, listed and stopped as AWS Backup does it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from safehold.core.errors import InvalidParameterValue, InvalidRequest, ResourceNotFound, SafeholdError
from safehold.records import settings
from tests.api.job_world import ACCOUNT, NOW, OTHER_ROLE, ROLE, SHARE, SITE, TREE, VAULT_ARN, World

START = {"BackupVaultName": "Main", "ResourceArn": TREE, "IamRoleArn": ROLE}


def start(world: World, **changes: object) -> str:
    return str(world.client().call("StartBackupJob", **START | changes)["BackupJobId"])


def listed(world: World, **filters: object) -> list[str]:
    return [job["BackupJobId"] for job in world.client().call("ListBackupJobs", **filters)["BackupJobs"]]


def test_a_started_job_has_a_lower_case_id_and_an_efs_point_its_name(world: World) -> None:
    answer = world.client().call("StartBackupJob", **START)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer["BackupJobId"])
    assert answer["RecoveryPointArn"].startswith(f"arn:aws:backup:{SITE}:{ACCOUNT}:recovery-point:")
    assert (answer["CreationDate"], answer["IsParent"]) == (NOW, False)


def test_an_fsx_point_is_named_in_the_job_but_not_at_start(world: World) -> None:
    answer = world.client().call("StartBackupJob", **START | {"ResourceArn": SHARE})
    assert answer.get("RecoveryPointArn") is None
    point_arn = world.job(answer["BackupJobId"]).recovery_point_arn
    assert point_arn is not None
    assert re.fullmatch(rf"arn:aws:fsx:{SITE}:{ACCOUNT}:backup/backup-[0-9a-f]{{17}}", point_arn)


def test_a_described_job_shows_what_was_asked(world: World) -> None:
    lifecycle = {"DeleteAfterDays": 120, "MoveToColdStorageAfterDays": 30}
    options = {"StartWindowMinutes": 60, "CompleteWindowMinutes": 120, "Lifecycle": lifecycle}
    job_id = start(world, **options, RecoveryPointTags={"a": "b"})
    shown = dict(world.client().call("DescribeBackupJob", BackupJobId=job_id))
    assert shown.pop("RecoveryPointArn").endswith(job_id)
    assert shown == {
        "AccountId": ACCOUNT,
        "BackupJobId": job_id,
        "BackupVaultName": "Main",
        "BackupVaultArn": VAULT_ARN,
        "VaultType": "BACKUP_VAULT",
        "VaultLockState": "UNLOCKED",
        "EncryptionKeyArn": "arn:aws:kms:key",
        "IsEncrypted": True,
        "RecoveryPointLifecycle": lifecycle,
        "ResourceArn": TREE,
        "ResourceType": "EFS",
        "ResourceName": "efs",
        "IamRoleArn": ROLE,
        "IsParent": False,
        "CreationDate": NOW,
        "StartBy": NOW + timedelta(hours=1),
        "State": "CREATED",
        "PercentDone": "0.0",
    }
    assert world.job(job_id).complete_by == NOW + timedelta(hours=2)
    assert world.job(job_id).request["recovery_point_tags"] == {"a": "b"}


def test_progress_and_the_end_are_shown(world: World) -> None:
    job_id = start(world)
    world.set_job(job_id, state="RUNNING", percent_done=12.345, bytes_done=5, started_at=NOW)
    shown = world.client().call("DescribeBackupJob", BackupJobId=job_id)
    assert (shown["PercentDone"], shown["BytesTransferred"]) == ("12.3", 5)
    world.set_job(job_id, state="COMPLETED", completed_at=NOW, message_category="SUCCESS", size_bytes=9)
    shown = world.client().call("DescribeBackupJob", BackupJobId=job_id)
    assert (shown["State"], shown["PercentDone"], shown["BackupSizeInBytes"]) == ("COMPLETED", "100.0", 9)
    assert (shown["CompletionDate"], shown["MessageCategory"]) == (NOW, "SUCCESS")


def test_a_job_that_failed_names_no_point(world: World) -> None:
    job_id = start(world)
    world.set_job(job_id, state="FAILED", status_message="the disk is full")
    shown = world.client().call("DescribeBackupJob", BackupJobId=job_id)
    assert "RecoveryPointArn" not in shown
    assert shown["StatusMessage"] == "the disk is full"


def test_the_same_token_starts_one_job(world_on_both: World) -> None:
    client = world_on_both.client()
    first = client.call("StartBackupJob", **START, IdempotencyToken="t")
    assert client.call("StartBackupJob", **START, IdempotencyToken="t") == first
    assert start(world_on_both, IdempotencyToken="u") != first["BackupJobId"]
    with pytest.raises(InvalidParameterValue, match="IdempotencyToken"):
        start(world_on_both, IdempotencyToken="t", ResourceArn=SHARE)
    assert len(listed(world_on_both)) == 2


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"BackupVaultName": "None"}, ResourceNotFound, "backup vault"),
        ({"ResourceArn": TREE + "9"}, ResourceNotFound, "source add"),
        (
            {"ResourceArn": "arn:aws:sqs:eu-north-1:1:q"},
            InvalidParameterValue,
            "Unsupported resource type: arn",
        ),
        ({"ResourceArn": "arn:aws:ec2:a:1:volume/v"}, InvalidParameterValue, "Unsupported resource type"),
        ({"ResourceArn": "tree"}, InvalidParameterValue, "Invalid ARN"),
        ({"IamRoleArn": ROLE + "X"}, InvalidParameterValue, "cannot be assumed by AWS Backup"),
        ({"IamRoleArn": OTHER_ROLE}, InvalidParameterValue, "cannot be assumed by AWS Backup"),
        ({"StartWindowMinutes": 0}, InvalidParameterValue, "start window"),
        ({"Lifecycle": {"DeleteAfterDays": 0}}, InvalidParameterValue, "DeleteAfterDays"),
        ({"RecoveryPointTags": {"aws:x": "y"}}, InvalidParameterValue, "aws:"),
    ],
)
def test_what_cannot_be_started_is_refused_and_leaves_no_job(
    world: World, changes: dict[str, object], error: type[SafeholdError], message: str
) -> None:
    with pytest.raises(error, match=message):
        start(world, **changes)
    assert listed(world) == []


def test_a_resource_that_is_gone_cannot_be_backed_up(world: World) -> None:
    world.lose(TREE)
    with pytest.raises(ResourceNotFound, match="gone"):
        start(world)


def test_a_type_that_is_switched_off_cannot_be_backed_up(world: World) -> None:
    with world.catalog.begin() as tx:
        settings.put(tx, ACCOUNT, SITE, {settings.OPT_IN + "EFS": False}, now=NOW)
    with pytest.raises(InvalidRequest, match="opted in"):
        start(world)


def test_strict_limits_want_an_hour_of_start_window(world: World) -> None:
    with pytest.raises(InvalidParameterValue, match="start window"):
        world.client(aws_limits="strict").call("StartBackupJob", **START, StartWindowMinutes=59)


def test_an_unknown_job_is_not_found(world: World) -> None:
    for name in ("DescribeBackupJob", "StopBackupJob"):
        with pytest.raises(ResourceNotFound):
            world.client().call(name, BackupJobId="nope")
    job_id = start(world)
    with pytest.raises(ResourceNotFound):
        world.client(site="us-east-1").call("DescribeBackupJob", BackupJobId=job_id)


def test_a_stopped_job_is_aborting_until_its_worker_has_let_go(world: World) -> None:
    job_id = start(world)
    for _ in range(2):  # asking again changes nothing
        assert world.client().call("StopBackupJob", BackupJobId=job_id) == {}
        job = world.job(job_id)
        assert (job.state, job.abort_requested_at) == ("ABORTING", NOW)


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "ABORTED", "EXPIRED", "PARTIAL"])
def test_a_job_that_has_ended_cannot_be_stopped(world: World, state: str) -> None:
    job_id = start(world)
    world.set_job(job_id, state=state)
    with pytest.raises(InvalidRequest, match=state):
        world.client().call("StopBackupJob", BackupJobId=job_id)
    assert world.job(job_id).state == state


def test_strict_limits_do_not_stop_fsx_jobs(world: World) -> None:
    job_id = start(world, ResourceArn=SHARE)
    with pytest.raises(InvalidRequest, match="FSx"):
        world.client(aws_limits="strict").call("StopBackupJob", BackupJobId=job_id)
    assert world.client().call("StopBackupJob", BackupJobId=job_id) == {}


def test_lists_show_the_newest_of_thirty_days_page_by_page(world: World) -> None:
    ids = []
    for day in range(4):
        world.clock.at = NOW + timedelta(days=10 * day)
        ids.append(start(world))
    first = world.client().call("ListBackupJobs", MaxResults=2)
    second = world.client().call("ListBackupJobs", MaxResults=2, NextToken=first["NextToken"])
    shown = [job["BackupJobId"] for job in [*first["BackupJobs"], *second["BackupJobs"]]]
    assert shown == ids[:0:-1]  # the oldest is thirty days old by now
    assert second.get("NextToken") is None


def test_each_filter_shows_what_matches(world_on_both: World) -> None:
    mine = start(world_on_both)
    world_on_both.clock.at = NOW + timedelta(hours=1)
    other = start(world_on_both, ResourceArn=SHARE)
    world_on_both.set_job(
        mine,
        state="COMPLETED",
        completed_at=NOW + timedelta(minutes=5),
        message_category="SUCCESS",
        parent_job_id="p",
    )
    between = NOW + timedelta(minutes=30)
    for filters, expected in [
        ({"ByResourceArn": TREE}, [mine]),
        ({"ByState": "COMPLETED"}, [mine]),
        ({"ByState": "CREATED"}, [other]),
        ({"ByBackupVaultName": "Main"}, [other, mine]),
        ({"ByBackupVaultName": "Other"}, []),
        ({"ByCreatedBefore": between}, [mine]),
        ({"ByCreatedAfter": between}, [other]),
        ({"ByCompleteBefore": between}, [mine]),
        ({"ByCompleteAfter": between}, []),
        ({"ByResourceType": "FSx"}, [other]),
        ({"ByAccountId": ACCOUNT}, [other, mine]),
        ({"ByAccountId": "9" * 12}, []),
        ({"ByParentJobId": "p"}, [mine]),
        ({"ByMessageCategory": "Success"}, [mine]),
        ({"ByMessageCategory": "*"}, [other, mine]),
        ({"ByMessageCategory": "AccessDenied"}, []),
        ({"ByState": "COMPLETED", "ByResourceType": "FSx"}, []),
    ]:
        assert listed(world_on_both, **filters) == expected, filters


def test_a_list_holds_what_describe_shows(world: World) -> None:
    job_id = start(world)
    (shown,) = world.client().call("ListBackupJobs")["BackupJobs"]
    assert shown == world.client().call("DescribeBackupJob", BackupJobId=job_id)
