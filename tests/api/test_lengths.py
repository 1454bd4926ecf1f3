"""What is longer than the catalog's columns is refused with a clear error, on both databases."""

from __future__ import annotations

import pytest

from safehold.core.errors import InvalidParameterValue
from safehold.records.engine import Catalog
from tests.api.job_world import ACCOUNT, POINT, ROLE, SITE, TREE, World

START = {"BackupVaultName": "Main", "ResourceArn": TREE, "IamRoleArn": ROLE}
RESTORE = {"RecoveryPointArn": POINT, "Metadata": {"newFileSystem": "true"}, "IamRoleArn": ROLE}


def a_plan(vault_name: str) -> dict[str, object]:
    rule = {"RuleName": "daily", "TargetBackupVaultName": vault_name}
    return {"BackupPlan": {"BackupPlanName": "plan", "Rules": [rule]}}


@pytest.fixture
def world(catalog: Catalog) -> World:
    return World(catalog)


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("CreateBackupVault", {"BackupVaultName": "new", "CreatorRequestId": "x" * 51}),
        ("CreateBackupVault", {"BackupVaultName": "new", "CreatorRequestId": "a b"}),
        (
            "CreateBackupVault",
            {"BackupVaultName": "new", "EncryptionKeyArn": f"arn:aws:kms:{SITE}:{ACCOUNT}:key/{'x' * 2048}"},
        ),
        ("StartBackupJob", {**START, "IdempotencyToken": "x" * 257}),
        ("StartRestoreJob", {**RESTORE, "IdempotencyToken": "x" * 257}),
        ("CreateBackupPlan", a_plan("aws/" + "x" * 61)),
    ],
    ids=["creator request id", "its characters", "key", "token", "token of a restore", "vault of a rule"],
)
def test_what_is_too_long_is_refused(world: World, operation: str, request_: dict[str, object]) -> None:
    with pytest.raises(InvalidParameterValue):
        world.client().call(operation, **request_)


def test_the_longest_that_is_allowed_is_kept(world: World) -> None:
    client = world.client()
    client.call("CreateBackupVault", BackupVaultName="new", CreatorRequestId="x" * 50)
    assert client.call("StartBackupJob", **START, IdempotencyToken="x" * 256)["BackupJobId"]
    assert client.call("CreateBackupPlan", **a_plan("aws/" + "x" * 60))["BackupPlanId"]
