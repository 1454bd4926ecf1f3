"""Operations on vaults' notifications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api import existing
from safehold.api.call import Call, operation
from safehold.core.errors import ResourceNotFound
from safehold.domain.vault_events import check_events, check_topic
from safehold.domain.vaults import Vault
from safehold.records import vault_settings


@operation("PutBackupVaultNotifications")
def put_backup_vault_notifications(call: Call, req: Mapping[str, Any]) -> None:
    """The vault's events go to this topic, those and no others.

    Source: model 2018-11-15 `PutBackupVaultNotifications`; docs/parity/vault-notifications.md.
    """
    vault = existing.vault_to_change(call, req)
    topic_arn, events = req["SNSTopicArn"], list(dict.fromkeys(req["BackupVaultEvents"]))
    check_topic(topic_arn, site=call.site, account_id=call.account_id)
    check_events(events)
    vault_settings.put_notification(call.tx, vault.id, topic_arn=topic_arn, events=events, now=call.now)


@operation("GetBackupVaultNotifications")
def get_backup_vault_notifications(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where the vault's events go. Source: model 2018-11-15 `GetBackupVaultNotifications`."""
    vault = existing.vault(call, req)
    found = vault_settings.notification(call.tx, vault.id)
    if found is None:
        raise _nowhere(vault)
    return {
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "SNSTopicArn": found.topic_arn,
        "BackupVaultEvents": list(found.events),
    }


@operation("DeleteBackupVaultNotifications")
def delete_backup_vault_notifications(call: Call, req: Mapping[str, Any]) -> None:
    """The vault's events go nowhere. Source: model 2018-11-15 `DeleteBackupVaultNotifications`."""
    vault = existing.vault_to_change(call, req)
    if not vault_settings.delete_notification(call.tx, vault.id):
        raise _nowhere(vault)


def _nowhere(vault: Vault) -> ResourceNotFound:
    return ResourceNotFound(
        f"Failed reading notifications from database for Backup vault {vault.name}",
        code="ERROR_2106",
        context=vault.name,
    )
