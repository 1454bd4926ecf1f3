"""The root user wants the points of a logically air-gapped vault gone."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from safehold.core.errors import RequestError
from safehold.records import settings, tables
from tests.attacks.conftest import DAY, Besieged
from tests.attacks.test_by_api import ATTACKS
from tests.jobs.test_runners import SITE


def turn_into_air_gapped(besieged: Besieged) -> None:
    """The house's vault with its points, as if it had been made so: the API makes only empty ones."""
    values: dict[str, Any] = {
        "vault_type": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT",
        "is_locked": True,
        "lock_is_final": True,
        "lock_date": besieged.house.clock.at,
        "min_retention_days": 7,
        "max_retention_days": 60,
    }
    with besieged.house.catalog.begin() as tx:
        tx.execute(update(tables.vault).values(values))
        settings.put_key_export(tx, besieged.house.vault, is_proved=True, now=besieged.house.clock.at)
    besieged.keep()


def test_an_air_gapped_vault_stands_up_to_every_call(besieged: Besieged) -> None:
    turn_into_air_gapped(besieged)
    client = besieged.client()
    for operation, forms in ATTACKS.items():
        for members in forms:
            named = besieged.named() if "RecoveryPoint" in operation else {"BackupVaultName": "Default"}
            with pytest.raises(RequestError):
                client.call(operation, **named, **members)
    besieged.assert_restores()


@pytest.mark.slow
def test_neither_teams_nor_restore_access_open_a_way_to_delete(besieged: Besieged) -> None:
    turn_into_air_gapped(besieged)
    client, vault = besieged.client(), besieged.house.vault
    team = f"arn:aws:mpa:{SITE}:{besieged.house.account_id}:approval-team/mine/1"
    client.call("AssociateBackupVaultMpaApprovalTeam", BackupVaultName="Default", MpaApprovalTeamArn=team)
    client.call("DisassociateBackupVaultMpaApprovalTeam", BackupVaultName="Default")
    besieged.house.clock.at += DAY
    given = client.call(
        "CreateRestoreAccessBackupVault", SourceBackupVaultArn=vault.arn, BackupVaultName="view"
    )
    for operation, forms in ATTACKS.items():
        for members in forms:
            named = besieged.named() if "RecoveryPoint" in operation else {}
            if operation == "DeleteBackupVault":
                continue  # of the view: below
            with pytest.raises(RequestError):
                client.call(operation, **named | {"BackupVaultName": "view"}, **members)
    client.call(
        "RevokeRestoreAccessBackupVault",
        BackupVaultName="Default",
        RestoreAccessBackupVaultArn=given["RestoreAccessBackupVaultArn"],
    )
    besieged.assert_restores()
    client.call("CreateRestoreAccessBackupVault", SourceBackupVaultArn=vault.arn, BackupVaultName="view")
    client.call("DeleteBackupVault", BackupVaultName="view")
    besieged.assert_restores()
