"""A vault is lost; what it held comes back from a copy in another site: the stock client and a worker."""

from __future__ import annotations

import shutil
from pathlib import Path

import boto3
import pytest

from tests.fixtures.service import Service, eventually
from tools.treecmp import differences, snapshot

pytestmark = pytest.mark.slow


def test_a_copy_in_another_site_outlives_the_original(service: Service, tree: Path) -> None:
    arn = service.add_source("copied", tree)
    away = boto3.client(
        "backup",
        endpoint_url=service.endpoint,
        region_name="eu-copies-1",
        aws_access_key_id=service.account["access_key_id"],
        aws_secret_access_key=service.account["secret_access_key"],
    )
    client = service.client()
    client.create_backup_vault(BackupVaultName="copied")
    target = away.create_backup_vault(BackupVaultName="copies")["BackupVaultArn"]
    point = service.back_up(arn, "copied")["RecoveryPointArn"]
    started = client.start_copy_job(
        RecoveryPointArn=point,
        SourceBackupVaultName="copied",
        DestinationBackupVaultArn=target,
        IamRoleArn=service.role_arn,
        Lifecycle={"DeleteAfterDays": 40},
    )
    job = started["CopyJobId"]
    assert eventually(lambda: _job(client, job)["State"] in ("COMPLETED", "FAILED")), _job(client, job)
    ended = _job(client, job)
    assert (ended["State"], ended["MessageCategory"]) == ("COMPLETED", "SUCCESS"), ended

    assert [each["CopyJobId"] for each in client.list_copy_jobs(ByResourceArn=arn)["CopyJobs"]] == [job]
    (counted,) = client.list_copy_job_summaries(
        State="COMPLETED", AggregationPeriod="SEVEN_DAYS", ResourceType="EFS"
    )["CopyJobSummaries"]
    assert counted["Count"] >= 1
    copy = ended["DestinationRecoveryPointArn"]
    described = away.describe_recovery_point(BackupVaultName="copies", RecoveryPointArn=copy)
    assert described["SourceBackupVaultArn"] == ended["SourceBackupVaultArn"]
    assert described["Lifecycle"]["DeleteAfterDays"] == 40
    client.delete_recovery_point(BackupVaultName="copied", RecoveryPointArn=point)
    before = snapshot(tree)
    shutil.rmtree(tree)
    restored = away.start_restore_job(
        RecoveryPointArn=copy,
        Metadata={"newFileSystem": "true", "CreationToken": "from-the-copy"},
        IamRoleArn=service.role_arn,
    )["RestoreJobId"]
    assert eventually(
        lambda: away.describe_restore_job(RestoreJobId=restored)["Status"] in ("COMPLETED", "FAILED")
    )
    assert away.describe_restore_job(RestoreJobId=restored)["Status"] == "COMPLETED"
    assert differences(before, snapshot(service.writable / "from-the-copy")) == []
    away.close()


def _job(client: object, job_id: str) -> dict[str, str]:
    return client.describe_copy_job(CopyJobId=job_id)["CopyJob"]  # type: ignore[attr-defined, no-any-return]
