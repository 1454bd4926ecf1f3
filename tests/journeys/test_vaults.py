"""Vaults and what is set on them through the stock client: their lives, policies and notifications."""

from __future__ import annotations

import json

import pytest

from tests.fixtures.service import Service
from tests.journeys.conftest import Protected, refused

pytestmark = pytest.mark.slow

DENY = {"Effect": "Deny", "Principal": "*", "Action": "backup:DeleteRecoveryPoint", "Resource": "*"}


def test_vaults_are_made_listed_and_deleted_when_they_are_empty(
    service: Service, protected: Protected
) -> None:
    client = service.client()
    asked = {"BackupVaultName": "brief", "BackupVaultTags": {"a": "b"}, "CreatorRequestId": "once"}
    made = client.create_backup_vault(**asked)
    again = client.create_backup_vault(**asked)
    assert again["BackupVaultArn"] == made["BackupVaultArn"]
    taken = refused(client.create_backup_vault, BackupVaultName="brief")
    assert taken.startswith("AlreadyExistsException")
    pages = client.get_paginator("list_backup_vaults").paginate(PaginationConfig={"PageSize": 1})
    names = [vault["BackupVaultName"] for page in pages for vault in page["BackupVaultList"]]
    assert {"brief", "protected", "Default"} <= set(names)
    assert len(names) == len(set(names))
    assert client.describe_backup_vault(BackupVaultName=protected.vault)["NumberOfRecoveryPoints"] == 1
    full = refused(client.delete_backup_vault, BackupVaultName=protected.vault)
    assert full.startswith("InvalidRequestException: Backup vault cannot be deleted because it contains")
    client.delete_backup_vault(BackupVaultName="brief")
    gone = refused(client.describe_backup_vault, BackupVaultName="brief")
    assert gone.startswith("AccessDeniedException"), "as AWS says of a vault that is not there"


def test_a_policy_and_notifications_are_put_shown_and_taken_away(service: Service) -> None:
    client, vault = service.client(), {"BackupVaultName": "set"}
    client.create_backup_vault(**vault)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [DENY]})
    client.put_backup_vault_access_policy(**vault, Policy=policy)
    assert json.loads(client.get_backup_vault_access_policy(**vault)["Policy"]) == json.loads(policy)
    client.delete_backup_vault_access_policy(**vault)
    assert "has no associated POLICY" in refused(client.get_backup_vault_access_policy, **vault)

    topic = f"arn:aws:sns:{service.account['region']}:{service.account['account_id']}:told"
    wanted = {"SNSTopicArn": topic, "BackupVaultEvents": ["BACKUP_JOB_COMPLETED", "COPY_JOB_FAILED"]}
    client.put_backup_vault_notifications(**vault, **wanted)
    assert client.get_backup_vault_notifications(**vault).items() >= wanted.items()
    wrong = {**vault, **wanted, "BackupVaultEvents": ["BACKUP_PLAN_CREATED"]}
    assert "Please select from the following list" in refused(client.put_backup_vault_notifications, **wrong)
    client.delete_backup_vault_notifications(**vault)
    assert "Failed reading notifications" in refused(client.get_backup_vault_notifications, **vault)
    client.delete_backup_vault(**vault)
