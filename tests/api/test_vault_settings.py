"""Policies and notifications of vaults, and what belongs to what, through the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from safehold.core.errors import (
    AccessDenied,
    InvalidParameterValue,
    InvalidRequest,
    MissingParameterValue,
    ResourceNotFound,
)
from safehold.domain.vault_events import SUBSCRIBABLE
from safehold.records import recovery_points, vault_settings, vaults
from tests.api.job_world import ACCOUNT, POINT, ROLE, SITE, VAULT_ARN, World, a_point

MAIN = {"BackupVaultName": "Main"}
STATEMENT = {"Effect": "Deny", "Principal": "*", "Action": "backup:DeleteRecoveryPoint", "Resource": "*"}
TOPIC = f"arn:aws:sns:{SITE}:{ACCOUNT}:topic"


def policy(**changes: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT | changes]}, indent=1)


def test_a_policy_is_kept_as_it_was_given_replaced_and_deleted(world: World) -> None:
    client = world.client()
    for text in (policy(), policy(Principal={"AWS": ROLE})):
        assert client.call("PutBackupVaultAccessPolicy", **MAIN, Policy=text) == {}
        shown = client.call("GetBackupVaultAccessPolicy", **MAIN)
        assert shown == {**MAIN, "BackupVaultArn": VAULT_ARN, "Policy": text}
    for _ in range(2):
        client.call("DeleteBackupVaultAccessPolicy", **MAIN)
        with pytest.raises(ResourceNotFound, match=f"Backup Vault {VAULT_ARN} has no associated POLICY"):
            client.call("GetBackupVaultAccessPolicy", **MAIN)


def test_a_policy_that_names_a_role_that_is_not_there_is_refused(world: World) -> None:
    text = policy(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/nobody"})
    with pytest.raises(InvalidParameterValue, match="Provided principal is not valid"):
        world.client().call("PutBackupVaultAccessPolicy", **MAIN, Policy=text)
    with pytest.raises(MissingParameterValue):
        world.client().call("PutBackupVaultAccessPolicy", **MAIN)


def test_a_policy_keeps_nobody_from_anything_yet(world: World) -> None:
    """The day this fails, docs/parity/vault-policies.md and README.md say something else."""
    world.client().call("PutBackupVaultAccessPolicy", **MAIN, Policy=policy())
    world.client().call("DeleteRecoveryPoint", **MAIN, RecoveryPointArn=POINT)
    shown = world.client().call("ListRecoveryPointsByBackupVault", **MAIN)["RecoveryPoints"]
    assert [point["Status"] for point in shown] in ([], ["DELETING"])


def test_notifications_are_kept_replaced_and_deleted(world: World) -> None:
    client = world.client()
    for events in (["BACKUP_JOB_COMPLETED", "COPY_JOB_FAILED"], list(SUBSCRIBABLE)):
        client.call("PutBackupVaultNotifications", **MAIN, SNSTopicArn=TOPIC, BackupVaultEvents=events)
        shown = client.call("GetBackupVaultNotifications", **MAIN)
        expected = {"BackupVaultArn": VAULT_ARN, "SNSTopicArn": TOPIC, "BackupVaultEvents": events}
        assert shown == MAIN | expected
    client.call("DeleteBackupVaultNotifications", **MAIN)
    for operation in ("GetBackupVaultNotifications", "DeleteBackupVaultNotifications"):
        with pytest.raises(ResourceNotFound, match="Failed reading notifications") as raised:
            client.call(operation, **MAIN)
        assert raised.value.code == "ERROR_2106"


@pytest.mark.parametrize(
    ("topic", "events", "message"),
    [
        (TOPIC, ["BACKUP_JOB_FAILED"], "Please select from the following list of notifications BACKUP_JOB"),
        (TOPIC, ["BACKUP_JOB_STARTED", "BACKUP_PLAN_CREATED"], "Please select"),
        (TOPIC, [], "Please select"),
        (TOPIC.replace(ACCOUNT, "0" * 12), ["BACKUP_JOB_STARTED"], "no topic of this account"),
        (TOPIC.replace(SITE, "elsewhere"), ["BACKUP_JOB_STARTED"], "no topic of this account"),
        (TOPIC.replace("sns", "sqs"), ["BACKUP_JOB_STARTED"], "no topic of this account"),
    ],
    ids=["deprecated", "one deprecated", "none", "another account's", "another site's", "no topic"],
)
def test_notifications_that_are_refused(world: World, topic: str, events: list[str], message: str) -> None:
    with pytest.raises(InvalidParameterValue, match=message):
        world.client().call(
            "PutBackupVaultNotifications", **MAIN, SNSTopicArn=topic, BackupVaultEvents=events
        )


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("PutBackupVaultAccessPolicy", {"Policy": policy()}),
        ("GetBackupVaultAccessPolicy", {}),
        ("DeleteBackupVaultAccessPolicy", {}),
        ("PutBackupVaultNotifications", {"SNSTopicArn": TOPIC, "BackupVaultEvents": ["COPY_JOB_FAILED"]}),
        ("GetBackupVaultNotifications", {}),
        ("DeleteBackupVaultNotifications", {}),
    ],
)
def test_of_a_vault_that_is_not_there(world: World, operation: str, members: dict) -> None:
    with pytest.raises(AccessDenied):
        world.client().call(operation, BackupVaultName="none", **members)


def test_what_a_vault_had_goes_with_it(world: World) -> None:
    client = world.client()
    client.call("PutBackupVaultAccessPolicy", **MAIN, Policy=policy())
    client.call(
        "PutBackupVaultNotifications", **MAIN, SNSTopicArn=TOPIC, BackupVaultEvents=["COPY_JOB_FAILED"]
    )
    with world.catalog.begin() as tx:
        recovery_points.forget(tx, "p-1")
        assert vaults.delete_empty(tx, "v-1")
        assert vault_settings.policy(tx, "v-1") is None
        assert vault_settings.notification(tx, "v-1") is None


def test_only_continuous_points_are_disassociated_and_there_are_none(world: World) -> None:
    with pytest.raises(InvalidRequest, match="Only continuous"):
        world.client().call("DisassociateRecoveryPoint", **MAIN, RecoveryPointArn=POINT)
    with pytest.raises(ResourceNotFound):
        world.client().call("DisassociateRecoveryPoint", **MAIN, RecoveryPointArn=POINT + "9")


def test_a_nested_point_is_let_go_from_its_composite_once(world: World) -> None:
    child = POINT.replace("p-1", "p-2")
    with world.catalog.begin() as tx:
        recovery_points.insert_if_new(tx, a_point(id="p-2", arn=child, parent_arn=POINT))
    client = world.client()
    with pytest.raises(InvalidRequest, match="nested"):
        client.call("DeleteRecoveryPoint", **MAIN, RecoveryPointArn=POINT)
    client.call("DisassociateRecoveryPointFromParent", **MAIN, RecoveryPointArn=child)
    with pytest.raises(InvalidRequest, match="belongs to no composite"):
        client.call("DisassociateRecoveryPointFromParent", **MAIN, RecoveryPointArn=child)
    client.call("DeleteRecoveryPoint", **MAIN, RecoveryPointArn=POINT)
