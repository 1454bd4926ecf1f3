"""Vaults through the API."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from safehold.core.errors import (
    AccessDenied,
    AlreadyExists,
    InvalidParameterValue,
    InvalidRequest,
    LimitExceeded,
    ResourceNotFound,
)
from safehold.domain import arns
from safehold.records import recovery_points, tables, tags, vaults
from tests.api.job_world import ACCOUNT, NOW, SITE, VAULT_ARN, World


def names(world: World, **filters: object) -> list[str]:
    answer = world.client().call("ListBackupVaults", **filters)
    return [vault["BackupVaultName"] for vault in answer["BackupVaultList"]]


def test_a_new_vault_is_described_as_it_was_asked_for(world: World) -> None:
    client = world.client()
    made = client.call(
        "CreateBackupVault", BackupVaultName="new", BackupVaultTags={"env": "test"}, CreatorRequestId="id-1"
    )
    assert made == {
        "BackupVaultName": "new",
        "BackupVaultArn": arns.vault_arn(SITE, ACCOUNT, "new"),
        "CreationDate": NOW,
    }
    shown = client.call("DescribeBackupVault", BackupVaultName="new")
    assert shown.items() >= made.items()
    assert shown["EncryptionKeyArn"] == arns.default_key_arn(SITE, ACCOUNT)
    assert (shown["VaultType"], shown["VaultState"], shown["CreatorRequestId"]) == (
        "BACKUP_VAULT",
        "AVAILABLE",
        "id-1",
    )
    assert (shown["NumberOfRecoveryPoints"], shown["Locked"]) == (0, False)
    assert client.call("ListTags", ResourceArn=made["BackupVaultArn"])["Tags"] == {"env": "test"}


def test_the_same_request_again_answers_the_same_and_another_one_is_refused(world: World) -> None:
    client = world.client()
    made = client.call("CreateBackupVault", BackupVaultName="new", CreatorRequestId="id-1")
    assert client.call("CreateBackupVault", BackupVaultName="new", CreatorRequestId="id-1") == made
    for creator in ("id-2", None):
        with pytest.raises(AlreadyExists, match="Backup vault with the same name already exists") as raised:
            client.call("CreateBackupVault", BackupVaultName="new", CreatorRequestId=creator)
        assert (raised.value.arn, raised.value.creator_request_id) == (made["BackupVaultArn"], "id-1")


def test_a_vault_may_have_a_key_of_the_account_and_no_other(world: World) -> None:
    client = world.client()
    key = f"arn:aws:kms:{SITE}:{ACCOUNT}:key/mine"
    client.call("CreateBackupVault", BackupVaultName="own", EncryptionKeyArn=key)
    shown = client.call("DescribeBackupVault", BackupVaultName="own")
    assert (shown["EncryptionKeyArn"], shown["EncryptionKeyType"]) == (key, "CUSTOMER_MANAGED_KMS_KEY")
    with pytest.raises(InvalidParameterValue):
        client.call(
            "CreateBackupVault", BackupVaultName="bad", EncryptionKeyArn=key.replace(ACCOUNT, "0" * 12)
        )
    assert "bad" not in names(world)


def test_the_first_vault_of_a_region_makes_the_region(world: World) -> None:
    elsewhere = world.client(site="my-cellar-1")
    assert elsewhere.call("ListBackupVaults")["BackupVaultList"] == []
    elsewhere.call("CreateBackupVault", BackupVaultName="Main")
    (vault,) = elsewhere.call("ListBackupVaults")["BackupVaultList"]
    assert vault["BackupVaultArn"] == f"arn:aws:backup:my-cellar-1:{ACCOUNT}:backup-vault:Main"
    assert names(world) == ["Main"]


def test_vaults_are_listed_by_name_page_by_page(world: World) -> None:
    for name in ("bb", "aa", "cc"):
        world.client().call("CreateBackupVault", BackupVaultName=name)
    first = world.client().call("ListBackupVaults", MaxResults=2)
    assert [vault["BackupVaultName"] for vault in first["BackupVaultList"]] == ["Main", "aa"]
    assert names(world, MaxResults=2, NextToken=first["NextToken"]) == ["bb", "cc"]
    assert names(world, ByVaultType="LOGICALLY_AIR_GAPPED_BACKUP_VAULT") == []
    assert names(world, ByShared=True) == []


@pytest.mark.parametrize(
    "operation",
    ["DescribeBackupVault", "ListRecoveryPointsByBackupVault", "ListProtectedResourcesByBackupVault"],
)
@pytest.mark.parametrize(
    "request_", [{"BackupVaultName": "none"}, {"BackupVaultName": "Main", "BackupVaultAccountId": "0" * 12}]
)
def test_a_vault_that_is_not_there_is_denied(world: World, operation: str, request_: dict[str, str]) -> None:
    with pytest.raises(AccessDenied, match="Insufficient privileges to perform this action"):
        world.client().call(operation, **request_)


def test_but_deleting_it_says_that_it_is_not_there(world: World) -> None:
    with pytest.raises(ResourceNotFound):
        world.client().call("DeleteBackupVault", BackupVaultName="none")


def test_a_vault_with_points_stays(world: World) -> None:
    with pytest.raises(InvalidRequest, match="because it contains recovery points") as raised:
        world.client().call("DeleteBackupVault", BackupVaultName="Main")
    assert (raised.value.code, raised.value.context) == ("ERROR_9101", "1")
    assert names(world) == ["Main"]


def test_an_empty_vault_goes_with_its_tags_even_when_locked(world: World) -> None:
    client = world.client()
    client.call("TagResource", ResourceArn=VAULT_ARN, Tags={"a": "b"})
    with world.catalog.begin() as tx:
        vault = vaults.find_by_arn(tx, VAULT_ARN)
        assert vault is not None
        tx.execute(update(tables.vault).values(is_locked=True))
        for point in recovery_points.page_of_vault(tx, vault_id=vault.id, limit=9):
            recovery_points.forget(tx, point.id)
    assert client.call("DeleteBackupVault", BackupVaultName="Main") == {}
    with world.catalog.read() as tx:
        assert tags.of(tx, VAULT_ARN) == {}


def test_more_than_fifty_tags_are_refused_and_nothing_is_made(world: World) -> None:
    with pytest.raises(LimitExceeded):
        world.client().call(
            "CreateBackupVault", BackupVaultName="new", BackupVaultTags={str(n): "" for n in range(51)}
        )
    assert names(world) == ["Main"]
