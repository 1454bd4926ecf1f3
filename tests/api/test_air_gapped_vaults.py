"""Logically air-gapped vaults, their teams, and restore access to them, through the API."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from safehold.api.call import ApiConfig
from safehold.api.local import LocalClient
from safehold.core.errors import (
    AlreadyExists,
    InvalidParameterValue,
    InvalidRequest,
    RequestError,
    ResourceNotFound,
)
from safehold.domain import arns
from safehold.domain.vaults import VaultState
from safehold.records import recovery_points, tables, vaults
from tests.api.job_world import ACCOUNT, NOW, PRINCIPAL, ROLE, SITE, TREE, World, a_point

GAPPED = {"BackupVaultName": "gapped"}
GAPPED_ARN = arns.vault_arn(SITE, ACCOUNT, "gapped")
BOUNDS = {"MinRetentionDays": 7, "MaxRetentionDays": 30}
TEAM = f"arn:aws:mpa:{SITE}:{ACCOUNT}:approval-team/keepers/1"
OTHER_TEAM = f"arn:aws:mpa:{SITE}:{ACCOUNT}:approval-team/others/2"
IN_GAPPED = f"arn:aws:backup:{SITE}:{ACCOUNT}:recovery-point:p-2"


def create(world: World, **members: Any) -> dict[str, Any]:
    client = world.client()
    return dict(client.call("CreateLogicallyAirGappedBackupVault", **GAPPED | BOUNDS | members))


def make_available(world: World) -> str:
    """As a worker does; with one point. Answers the vault's id."""
    with world.catalog.begin() as tx:
        vault = vaults.find_by_arn(tx, GAPPED_ARN)
        assert vault is not None
        vaults.set_state(tx, vault.id, VaultState.AVAILABLE, from_state=VaultState.CREATING)
        recovery_points.insert_if_new(tx, a_point(id="p-2", arn=IN_GAPPED, vault_id=vault.id))
    return vault.id


def describe(world: World, name: str = "gapped") -> dict[str, Any]:
    return dict(world.client().call("DescribeBackupVault", BackupVaultName=name))


def associate(world: World, team: str = TEAM) -> None:
    assert world.client().call("AssociateBackupVaultMpaApprovalTeam", **GAPPED, MpaApprovalTeamArn=team) == {}


def give_access(world: World, **members: Any) -> dict[str, Any]:
    client = world.client()
    return dict(client.call("CreateRestoreAccessBackupVault", SourceBackupVaultArn=GAPPED_ARN, **members))


def test_an_air_gapped_vault_is_locked_for_ever_from_its_first_moment(world: World) -> None:
    made = create(world, BackupVaultTags={"a": "b"})
    expected = GAPPED | {"BackupVaultArn": GAPPED_ARN, "CreationDate": NOW, "VaultState": "CREATING"}
    assert made == expected
    shown = describe(world)
    assert shown.items() >= {"Locked": True, "LockDate": NOW, **BOUNDS}.items()
    assert (shown["VaultType"], shown["EncryptionKeyType"]) == (
        "LOGICALLY_AIR_GAPPED_BACKUP_VAULT",
        "AWS_OWNED_KMS_KEY",
    )
    (listed,) = world.client().call("ListBackupVaults", ByVaultType="LOGICALLY_AIR_GAPPED_BACKUP_VAULT")[
        "BackupVaultList"
    ]
    assert listed["BackupVaultName"] == "gapped"
    for operation in ("PutBackupVaultLockConfiguration", "DeleteBackupVaultLockConfiguration"):
        with pytest.raises(InvalidRequest):
            world.client().call(operation, **GAPPED)


def test_the_same_request_again_answers_the_same_and_another_one_is_refused(world: World) -> None:
    made = create(world, CreatorRequestId="id-1")
    assert create(world, CreatorRequestId="id-1") == made
    for members in ({"CreatorRequestId": "id-2"}, {"CreatorRequestId": "id-1", "MaxRetentionDays": 31}):
        with pytest.raises(AlreadyExists):
            create(world, **members)


@pytest.mark.parametrize(
    "bounds",
    [{"MinRetentionDays": 6}, {"MinRetentionDays": 31}, {"MaxRetentionDays": 36_501}],
    ids=["min under seven", "min over max", "max over a hundred years"],
)
def test_bounds_that_an_air_gapped_vault_cannot_have(world: World, bounds: dict[str, int]) -> None:
    with pytest.raises(InvalidParameterValue):
        create(world, **bounds)


def test_the_first_team_is_there_at_once_and_no_other_comes_without_it(world: World) -> None:
    create(world)
    associate(world)
    assert describe(world)["MpaApprovalTeamArn"] == TEAM
    assert describe(world).get("LatestMpaApprovalTeamUpdate") is None
    associate(world)  # the same again changes nothing
    associate(world, OTHER_TEAM)
    request = describe(world)["LatestMpaApprovalTeamUpdate"]
    assert (request["Status"], request["InitiationDate"]) == ("PENDING", NOW)
    assert ":session/" in request["MpaSessionArn"]
    with pytest.raises(InvalidRequest, match="pending"):
        world.client().call("DisassociateBackupVaultMpaApprovalTeam", **GAPPED)
    world.clock.at = request["ExpiryDate"]
    assert describe(world)["LatestMpaApprovalTeamUpdate"]["Status"] == "FAILED"
    assert describe(world)["MpaApprovalTeamArn"] == TEAM
    world.client().call("DisassociateBackupVaultMpaApprovalTeam", **GAPPED)
    world.clock.at += timedelta(days=30)
    assert describe(world)["MpaApprovalTeamArn"] == TEAM  # nobody could vote


@pytest.mark.parametrize("arn", [GAPPED_ARN, f"arn:aws:mpa:{SITE}:{ACCOUNT}:session/x/1"])
def test_what_is_no_team(world: World, arn: str) -> None:
    create(world)
    with pytest.raises(InvalidParameterValue):
        associate(world, arn)


def test_only_air_gapped_vaults_have_teams(world: World) -> None:
    client = world.client()
    with pytest.raises(InvalidRequest):
        client.call("AssociateBackupVaultMpaApprovalTeam", BackupVaultName="Main", MpaApprovalTeamArn=TEAM)
    create(world)
    for name in ("Main", "gapped"):
        with pytest.raises(InvalidRequest):
            client.call("DisassociateBackupVaultMpaApprovalTeam", BackupVaultName=name)


def test_the_owner_sees_and_restores_points_through_restore_access_and_changes_none(world: World) -> None:
    create(world)
    make_available(world)
    associate(world)
    given = give_access(world, BackupVaultName="view", RequesterComment="a drill")
    assert (given["VaultState"], given["RestoreAccessBackupVaultName"]) == ("AVAILABLE", "view")
    view, client = {"BackupVaultName": "view"}, world.client()
    shown = describe(world, "view")
    assert (shown["VaultType"], shown["SourceBackupVaultArn"]) == ("RESTORE_ACCESS_BACKUP_VAULT", GAPPED_ARN)
    assert shown["NumberOfRecoveryPoints"] == 1
    (listed,) = client.call("ListRecoveryPointsByBackupVault", **view)["RecoveryPoints"]
    assert (listed["RecoveryPointArn"], listed["BackupVaultName"]) == (IN_GAPPED, "view")
    named = view | {"RecoveryPointArn": IN_GAPPED}
    assert client.call("DescribeRecoveryPoint", **named)["ResourceArn"] == TREE
    metadata = client.call("GetRecoveryPointRestoreMetadata", **named)["RestoreMetadata"]
    restore = {"RecoveryPointArn": IN_GAPPED, "IamRoleArn": ROLE}
    assert client.call("StartRestoreJob", **restore, Metadata={**metadata, "newFileSystem": "true"})
    for operation in ("DeleteRecoveryPoint", "UpdateRecoveryPointLifecycle", "DisassociateRecoveryPoint"):
        with pytest.raises(InvalidRequest, match="for restores only"):
            client.call(operation, **named)
    with pytest.raises(InvalidRequest, match="for restores only"):
        client.call("StartBackupJob", **view, ResourceArn=TREE, IamRoleArn=ROLE)


def test_restore_access_is_listed_and_revoked_and_points_stay(world: World) -> None:
    create(world)
    make_available(world)
    associate(world)
    first = give_access(world)
    world.clock.at += timedelta(hours=1)
    second = give_access(world, BackupVaultName="second")
    assert first["RestoreAccessBackupVaultName"].startswith("gapped-")
    client = world.client()

    def listed() -> list[str]:
        answer = client.call("ListRestoreAccessBackupVaults", **GAPPED)["RestoreAccessBackupVaults"]
        assert {each["VaultState"] for each in answer} <= {"AVAILABLE"}
        return [each["RestoreAccessBackupVaultArn"] for each in answer]

    arns_of = [each["RestoreAccessBackupVaultArn"] for each in (second, first)]
    assert listed() == arns_of
    client.call("RevokeRestoreAccessBackupVault", **GAPPED, RestoreAccessBackupVaultArn=arns_of[0])
    assert listed() == arns_of[1:]
    with pytest.raises(ResourceNotFound):
        client.call("RevokeRestoreAccessBackupVault", **GAPPED, RestoreAccessBackupVaultArn=arns_of[0])
    with pytest.raises(ResourceNotFound):
        client.call("RevokeRestoreAccessBackupVault", **GAPPED, RestoreAccessBackupVaultArn=GAPPED_ARN)
    assert describe(world)["NumberOfRecoveryPoints"] == 1


def test_another_account_waits_for_the_team_and_sees_nothing_until_then(world: World) -> None:
    create(world)
    make_available(world)
    associate(world)
    other = "210987654321"
    add_account(world, other)
    principal = replace(PRINCIPAL, account_id=other, arn=arns.root_arn(other))
    config = ApiConfig(page_key=b"k" * 32)
    client = LocalClient(world.catalog, config, principal=principal, site=SITE, clock=world.clock)
    asked = client.call(
        "CreateRestoreAccessBackupVault", SourceBackupVaultArn=GAPPED_ARN, BackupVaultName="view"
    )
    assert asked["VaultState"] == "CREATING"
    view = {"BackupVaultName": "view"}
    assert client.call("ListRecoveryPointsByBackupVault", **view)["RecoveryPoints"] == []
    shown = client.call("DescribeBackupVault", **view)
    assert (shown["VaultState"], shown["NumberOfRecoveryPoints"]) == ("CREATING", 0)
    assert ":session/" in shown["MpaSessionArn"]
    with pytest.raises(ResourceNotFound):
        client.call("DescribeRecoveryPoint", **view, RecoveryPointArn=IN_GAPPED)


def add_account(world: World, account_id: str) -> None:
    with world.catalog.begin() as tx:
        tx.execute(insert(tables.account).values(id=account_id, name="other", created_at=NOW))


@pytest.mark.parametrize("step", ["no vault", "another type", "not ready", "no team"])
def test_restore_access_that_cannot_be_asked_for(world: World, step: str) -> None:
    arn = GAPPED_ARN
    if step in ("not ready", "no team"):
        create(world)
    if step == "no team":
        make_available(world)
    if step == "another type":
        arn = arns.vault_arn(SITE, ACCOUNT, "Main")
    with pytest.raises(RequestError):
        world.client().call("CreateRestoreAccessBackupVault", SourceBackupVaultArn=arn)
    with pytest.raises(InvalidParameterValue):
        world.client().call(
            "CreateRestoreAccessBackupVault", SourceBackupVaultArn=arn.replace(SITE, "elsewhere-1")
        )
