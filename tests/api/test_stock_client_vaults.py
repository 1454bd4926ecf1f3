"""The stock client walks through a new installation: vaults, points, tags, settings, and known errors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError

from safehold.api.assembly import api_app
from safehold.api.server import running
from safehold.core.clock import SystemClock
from safehold.core.secrets import RootKey
from safehold.records import installation, recovery_points, vaults
from safehold.records.engine import Catalog
from tests.api.job_world import a_point

REGION = "eu-central-1"
ROOT_KEY = RootKey(b"r" * 32)
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def installed(catalog: Catalog) -> installation.Installation:
    return installation.create(
        catalog, ROOT_KEY, region=REGION, storage_url="file:///nowhere", now=THEN, account_id="123456789012"
    )


@pytest.fixture
def backup(catalog: Catalog, installed: installation.Installation) -> Iterator[BaseClient]:
    with running(api_app(catalog, ROOT_KEY, aws_limits="extended", clock=SystemClock())) as url:
        client = boto3.client(
            "backup",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id=installed.access_key_id,
            aws_secret_access_key=installed.secret_access_key,
            config=Config(retries={"max_attempts": 0}),
        )
        yield client
        client.close()


def put_points(catalog: Catalog, installed: installation.Installation, count: int) -> list[str]:
    """Points in the vault `Default`, a day apart; answers their ARNs, newest first."""
    with catalog.begin() as tx:
        vault = vaults.find(tx, account_id=installed.account_id, site=REGION, name="Default")
        assert vault is not None
        arns = [f"arn:aws:backup:{REGION}:{installed.account_id}:recovery-point:p-{n}" for n in range(count)]
        for number, arn in enumerate(arns):
            point = a_point(
                id=f"p-{number}",
                arn=arn,
                vault_id=vault.id,
                site=REGION,
                created_at=THEN + timedelta(days=number),
                restore_metadata={"file-system-id": "fs-1"},
            )
            assert recovery_points.insert_if_new(tx, point)
    return arns[::-1]


def test_a_walk_through_a_new_installation(
    backup: BaseClient, catalog: Catalog, installed: installation.Installation
) -> None:
    assert [v["BackupVaultName"] for v in backup.list_backup_vaults()["BackupVaultList"]] == ["Default"]

    made = backup.create_backup_vault(BackupVaultName="second", BackupVaultTags={"env": "test"})
    assert backup.list_tags(ResourceArn=made["BackupVaultArn"])["Tags"] == {"env": "test"}
    with pytest.raises(backup.exceptions.AlreadyExistsException) as exists:
        backup.create_backup_vault(BackupVaultName="second")
    assert exists.value.response["Arn"] == made["BackupVaultArn"]
    with pytest.raises(ClientError) as denied:
        backup.describe_backup_vault(BackupVaultName="none")
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"
    assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    backup.delete_backup_vault(BackupVaultName="second")
    with pytest.raises(backup.exceptions.ResourceNotFoundException):
        backup.delete_backup_vault(BackupVaultName="second")

    arns = put_points(catalog, installed, 5)
    pages = backup.get_paginator("list_recovery_points_by_backup_vault").paginate(
        BackupVaultName="Default", PaginationConfig={"PageSize": 2}
    )
    assert [p["RecoveryPointArn"] for page in pages for p in page["RecoveryPoints"]] == arns
    point = {"BackupVaultName": "Default", "RecoveryPointArn": arns[0]}
    shown = backup.describe_recovery_point(**point)
    assert shown["CreationDate"] == THEN + timedelta(days=4)
    by_resource = backup.list_recovery_points_by_resource(ResourceArn=shown["ResourceArn"])
    assert len(by_resource["RecoveryPoints"]) == 5
    (protected,) = backup.list_protected_resources()["Results"]
    assert protected["LastRecoveryPointArn"] == arns[0]
    assert backup.describe_protected_resource(ResourceArn=shown["ResourceArn"])["ResourceType"] == "EFS"
    metadata = backup.get_recovery_point_restore_metadata(**point)["RestoreMetadata"]
    assert metadata["file-system-id"] == "fs-1"

    backup.tag_resource(ResourceArn=arns[0], Tags={"a": "1", "b": "2"})
    backup.untag_resource(ResourceArn=arns[0], TagKeyList=["a"])
    assert backup.list_tags(ResourceArn=arns[0])["Tags"] == {"b": "2"}
    updated = backup.update_recovery_point_lifecycle(**point, Lifecycle={"DeleteAfterDays": 30})
    assert updated["CalculatedLifecycle"]["DeleteAt"] == THEN + timedelta(days=34)
    backup.delete_recovery_point(**point)
    assert backup.describe_recovery_point(**point)["Status"] == "DELETING"
    with pytest.raises(backup.exceptions.InvalidRequestException, match="contains recovery points") as full:
        backup.delete_backup_vault(BackupVaultName="Default")
    assert full.value.response["Context"] == "5"

    backup.update_region_settings(ResourceTypeOptInPreference={"EFS": False})
    assert backup.describe_region_settings()["ResourceTypeOptInPreference"]["EFS"] is False
    assert backup.get_supported_resource_types()["ResourceTypes"] == ["EFS", "FSx"]
