"""Operations on backup vaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api import existing, new_vaults
from safehold.api.call import Call, operation
from safehold.api.pages import page_by_name
from safehold.api.request_ids import creator_request_id
from safehold.core.errors import InvalidRequest, ResourceNotFound
from safehold.core.ids import new_id
from safehold.domain.air_gap import SessionStatus, request_status
from safehold.domain.events import of_vault
from safehold.domain.vaults import Vault, VaultType, check_name, key_arn_for
from safehold.records import air_gap, events, tags, vaults

EXPIRED = "The request was not approved in time."


@operation("CreateBackupVault")
def create_backup_vault(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Create an empty vault, and the site with its first one.

    A request sent again answers as the first did; another one for a taken name raises AlreadyExists.
    Source: model 2018-11-15 `CreateBackupVault`; docs/parity/vaults.md, "create".
    """
    return _created(new_vaults.insert(call, _wanted(call, req), req.get("BackupVaultTags")))


@operation("DescribeBackupVault")
def describe_backup_vault(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """One vault. Source: model 2018-11-15 `DescribeBackupVault`."""
    vault = existing.vault(call, req)
    return _shown(vault) | _approval(call, vault) | _access(call, vault)


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

    def fetch(after: str | None, limit: int) -> list[Vault]:
        return vaults.page(
            call.tx,
            account_id=call.account_id,
            site=call.site,
            vault_type=None if wanted_type is None else VaultType(wanted_type),
            after=after,
            limit=limit,
        )

    found, token = page_by_name(call, req, fetch, name=lambda vault: vault.name)
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


def _approval(call: Call, vault: Vault) -> dict[str, Any]:
    """Who approves for an air-gapped vault, and the latest request to change that."""
    team = air_gap.team(call.tx, vault.id)
    if team is None:
        return {}
    status = request_status(team, call.now)
    request = {
        "MpaSessionArn": team.session_arn,
        "Status": status,
        "StatusMessage": EXPIRED if status is SessionStatus.FAILED else None,
        "InitiationDate": team.requested_at,
        "ExpiryDate": team.expires_at,
    }
    return {
        "MpaApprovalTeamArn": team.team_arn,
        "LatestMpaApprovalTeamUpdate": None if status is None else request,
    }


def _access(call: Call, vault: Vault) -> dict[str, Any]:
    """Whose points a restore-access vault shows."""
    access = air_gap.find_access(call.tx, vault.id)
    if access is None:
        return {}
    source = vaults.find_by_id(call.tx, existing.shown_vault_id(call, vault))
    return {
        "SourceBackupVaultArn": access.source_arn,
        "MpaSessionArn": access.session_arn,
        "NumberOfRecoveryPoints": 0 if source is None else source.point_count,
    }


def key_type(vault: Vault) -> str:
    """Source: model 2018-11-15 `EncryptionKeyType`."""
    return "CUSTOMER_MANAGED_KMS_KEY" if vault.has_own_key else "AWS_OWNED_KMS_KEY"
