"""Operations on backup vaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api import existing
from safehold.api.call import Call, operation
from safehold.api.pages import Position, page
from safehold.api.request_ids import creator_request_id
from safehold.core.errors import AlreadyExists, InvalidRequest, ResourceNotFound
from safehold.core.ids import new_id
from safehold.domain import tags as tag_rules
from safehold.domain.events import of_vault
from safehold.domain.quotas import check_room
from safehold.domain.vaults import Vault, VaultType, check_name, key_arn_for
from safehold.records import events, sites, tags, vaults


@operation("CreateBackupVault")
def create_backup_vault(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Create an empty vault, and the site with its first one.

    A request sent again answers as the first did; another one for a taken name raises AlreadyExists.
    Source: model 2018-11-15 `CreateBackupVault`; docs/parity/vaults.md, "create".
    """
    wanted = _wanted(call, req)
    new_tags = tag_rules.added({}, req.get("BackupVaultTags") or {})
    known = vaults.find(call.tx, account_id=call.account_id, site=call.site, name=wanted.name)
    if known is None:
        _check_quota(call)
        sites.ensure(call.tx, call.site, now=call.now)
        if vaults.insert_if_new(call.tx, wanted):
            tags.put(call.tx, wanted.arn, new_tags)
            events.add(call.tx, of_vault(wanted, "CREATED", at=call.now))
            return _created(wanted)
        # RACE: another request took the name since we looked.
        known = vaults.find(call.tx, account_id=call.account_id, site=call.site, name=wanted.name)
    if known is None or not _is_replay(wanted, of=known):
        raise AlreadyExists(
            "Backup vault with the same name already exists",
            arn=wanted.arn,
            creator_request_id=None if known is None else known.creator_request_id,
        )
    return _created(known)


@operation("DescribeBackupVault")
def describe_backup_vault(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """One vault. Source: model 2018-11-15 `DescribeBackupVault`."""
    return _shown(existing.vault(call, req))


@operation("DeleteBackupVault")
def delete_backup_vault(call: Call, req: Mapping[str, Any]) -> None:
    """The vault is gone, and its tags. Only an empty one may go; a lock does not keep an empty one.

    Source: model 2018-11-15 `DeleteBackupVault`; docs/parity/vaults.md, "delete".
    """
    name = req["BackupVaultName"]
    found = vaults.find(call.tx, account_id=call.account_id, site=call.site, name=name)
    if found is None:
        raise ResourceNotFound(f"Backup vault {name} cannot be found.", context=name)
    if not vaults.delete_empty(call.tx, found.id):
        raise InvalidRequest(
            "Backup vault cannot be deleted because it contains recovery points.",
            code="ERROR_9101",
            context=str(found.point_count),
        )
    tags.delete_all(call.tx, found.arn)
    events.add(call.tx, of_vault(found, "DELETED", at=call.now))


@operation("ListBackupVaults")
def list_backup_vaults(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Vaults of this account and site by name. Source: model 2018-11-15 `ListBackupVaults`."""
    if req.get("ByShared"):  # none is shared
        return {"BackupVaultList": []}
    wanted_type = req.get("ByVaultType")

    def fetch(after: Position | None, limit: int) -> list[Vault]:
        return vaults.page(
            call.tx,
            account_id=call.account_id,
            site=call.site,
            vault_type=None if wanted_type is None else VaultType(wanted_type),
            after=None if after is None else str(after[0]),
            limit=limit,
        )

    found, token = page(call, req, fetch, position=lambda vault: (vault.name,))
    return {"BackupVaultList": [_shown(vault) for vault in found], "NextToken": token}


def _wanted(call: Call, req: Mapping[str, Any]) -> Vault:
    name = req["BackupVaultName"]
    check_name(name)
    return Vault(
        id=new_id(),
        account_id=call.account_id,
        site=call.site,
        name=name,
        arn=call.arn("backup-vault", name),
        key_arn=key_arn_for(req.get("EncryptionKeyArn"), site=call.site, account_id=call.account_id),
        creator_request_id=creator_request_id(req),
        created_at=call.now,
    )


def _is_replay(wanted: Vault, *, of: Vault) -> bool:
    """Is it the request that made the vault, sent again? SDKs make an id of their own for each request."""
    is_same_request = wanted.creator_request_id is not None and (
        wanted.creator_request_id == of.creator_request_id
    )
    return is_same_request and wanted.key_arn == of.key_arn


def _check_quota(call: Call) -> None:
    there_are = vaults.count(call.tx, account_id=call.account_id, site=call.site)
    check_room(call.config.quotas.vaults, there_are, "backup vaults in a Region")


def _created(vault: Vault) -> dict[str, Any]:
    return {
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "CreationDate": vault.created_at,
    }


def _shown(vault: Vault) -> dict[str, Any]:
    return {
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "VaultType": vault.vault_type,
        "VaultState": vault.state,
        "EncryptionKeyArn": vault.key_arn,
        "EncryptionKeyType": key_type(vault),
        "CreationDate": vault.created_at,
        "CreatorRequestId": vault.creator_request_id,
        "NumberOfRecoveryPoints": vault.point_count,
        "Locked": vault.is_locked,
        "MinRetentionDays": vault.min_retention_days,
        "MaxRetentionDays": vault.max_retention_days,
        "LockDate": vault.lock_date,
    }


def key_type(vault: Vault) -> str:
    """Source: model 2018-11-15 `EncryptionKeyType`."""
    return "CUSTOMER_MANAGED_KMS_KEY" if vault.has_own_key else "AWS_OWNED_KMS_KEY"
