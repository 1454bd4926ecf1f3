"""Operations on logically air-gapped vaults, their approval teams, and restore access to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safehold.api import existing, new_vaults
from safehold.api.call import Call, operation
from safehold.api.pages import Moment, page_by_time
from safehold.api.request_ids import creator_request_id
from safehold.core.errors import InvalidParameterValue, InvalidRequest, ResourceNotFound
from safehold.core.ids import new_id
from safehold.domain import arns
from safehold.domain.air_gap import (
    SESSION_LIFE,
    RestoreAccess,
    Team,
    access_name,
    check_air_gapped,
    check_no_request,
    check_source,
    check_team_arn,
)
from safehold.domain.events import of_vault
from safehold.domain.locking import MIN_DAYS_AIR_GAPPED, check_bounds
from safehold.domain.vaults import Vault, VaultState, VaultType, check_name, key_arn_for
from safehold.records import air_gap, events, tags, vaults


@operation("CreateLogicallyAirGappedBackupVault")
def create_logically_air_gapped_backup_vault(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """A vault that is locked for ever from its first moment; AVAILABLE when a worker has made its store.

    Source: model 2018-11-15 `CreateLogicallyAirGappedBackupVault`; docs/parity/air-gapped-vaults.md.
    """
    shortest, longest = req["MinRetentionDays"], req["MaxRetentionDays"]
    check_bounds(shortest, longest, at_least=MIN_DAYS_AIR_GAPPED)
    wanted = replace(
        _new_vault(call, req, req["BackupVaultName"]),
        vault_type=VaultType.AIR_GAPPED,
        key_arn=key_arn_for(req.get("EncryptionKeyArn"), site=call.site, account_id=call.account_id),
        is_locked=True,
        lock_is_final=True,
        lock_date=call.now,
        min_retention_days=shortest,
        max_retention_days=longest,
    )
    made = new_vaults.insert(call, wanted, req.get("BackupVaultTags"))
    return {
        "BackupVaultName": made.name,
        "BackupVaultArn": made.arn,
        "CreationDate": made.created_at,
        "VaultState": made.state,
    }


@operation("CreateRestoreAccessBackupVault")
def create_restore_access_backup_vault(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """A vault that shows the points of an air-gapped one, for restores: to the account that owns it at once.

    Source: model 2018-11-15 `CreateRestoreAccessBackupVault`; docs/parity/air-gapped-vaults.md.
    """
    source = _source(call, req["SourceBackupVaultArn"])
    check_source(source, air_gap.team(call.tx, source.id))
    is_owner = source.account_id == call.account_id
    vault = _new_vault(call, req, req.get("BackupVaultName"), source=source)
    state = VaultState.AVAILABLE if is_owner else VaultState.CREATING
    wanted = replace(vault, vault_type=VaultType.RESTORE_ACCESS, key_arn=source.key_arn, state=state)
    made = new_vaults.insert(call, wanted, req.get("BackupVaultTags"))
    if made is wanted:
        access = RestoreAccess(
            vault_id=made.id,
            source_vault_id=source.id,
            source_arn=source.arn,
            created_at=call.now,
            comment=req.get("RequesterComment"),
            session_arn=None if is_owner else _session_arn(call),
            approved_at=call.now if is_owner else None,
        )
        air_gap.insert_access(call.tx, access)
    return {
        "RestoreAccessBackupVaultArn": made.arn,
        "VaultState": made.state,
        "RestoreAccessBackupVaultName": made.name,
        "CreationDate": made.created_at,
    }


@operation("ListRestoreAccessBackupVaults")
def list_restore_access_backup_vaults(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Who has, or asked for, restore access to the vault. Source: model `ListRestoreAccessBackupVaults`."""
    vault = existing.vault(call, req)
    if vault.vault_type is not VaultType.AIR_GAPPED:  # the model has no other error for it
        raise InvalidParameterValue(f"Backup vault {vault.name} is not a logically air-gapped vault")

    def fetch(after: Moment | None, limit: int) -> list[tuple[RestoreAccess, Vault]]:
        return air_gap.page_of_source(call.tx, vault.id, after=after, limit=limit)

    found, token = page_by_time(call, req, fetch, moment=lambda each: (each[0].created_at, each[0].vault_id))
    shown = [
        {
            "RestoreAccessBackupVaultArn": given.arn,
            "CreationDate": access.created_at,
            "ApprovalDate": access.approved_at,
            "VaultState": given.state,
        }
        for access, given in found
    ]
    return {"RestoreAccessBackupVaults": shown, "NextToken": token}


@operation("RevokeRestoreAccessBackupVault")
def revoke_restore_access_backup_vault(call: Call, req: Mapping[str, Any]) -> None:
    """Nobody restores through that vault any more: it is gone. No point is.

    Source: model 2018-11-15 `RevokeRestoreAccessBackupVault`; docs/parity/air-gapped-vaults.md.
    """
    vault = existing.vault(call, req)
    arn = req["RestoreAccessBackupVaultArn"]
    given = vaults.find_by_arn(call.tx, arn)
    access = None if given is None else air_gap.find_access(call.tx, given.id)
    if given is None or access is None or access.source_vault_id != vault.id:
        raise ResourceNotFound(f"Cannot find restore access backup vault {arn}", context=arn)
    vaults.delete_empty(call.tx, given.id)
    tags.delete_all(call.tx, given.arn)
    events.add(call.tx, of_vault(given, "DELETED", at=call.now))


@operation("AssociateBackupVaultMpaApprovalTeam")
def associate_backup_vault_mpa_approval_team(call: Call, req: Mapping[str, Any]) -> None:
    """The vault has this team; when it has another, a change is asked for, of which that one decides.

    Source: model 2018-11-15 `AssociateBackupVaultMpaApprovalTeam`; docs/parity/air-gapped-vaults.md.
    """
    vault = existing.vault_to_change(call, req)
    check_air_gapped(vault)
    arn, comment = req["MpaApprovalTeamArn"], req.get("RequesterComment")
    check_team_arn(arn)
    known = air_gap.team(call.tx, vault.id)
    if known is None:
        air_gap.put_team(call.tx, vault.id, Team(arn, call.now, comment))
    elif known.team_arn != arn:
        _ask_for_change(call, vault, known, arn, comment)


@operation("DisassociateBackupVaultMpaApprovalTeam")
def disassociate_backup_vault_mpa_approval_team(call: Call, req: Mapping[str, Any]) -> None:
    """That the vault has no team any more is asked for, of which the team decides.

    Source: model 2018-11-15 `DisassociateBackupVaultMpaApprovalTeam`; docs/parity/air-gapped-vaults.md.
    """
    vault = existing.vault_to_change(call, req)
    check_air_gapped(vault)
    known = air_gap.team(call.tx, vault.id)
    if known is None:
        raise InvalidRequest(f"Backup vault {vault.name} has no approval team", context=vault.arn)
    _ask_for_change(call, vault, known, None, req.get("RequesterComment"))


def _ask_for_change(call: Call, vault: Vault, known: Team, wanted: str | None, comment: str | None) -> None:
    check_no_request(known, call.now)
    asked = replace(
        known,
        wanted_arn=wanted,
        comment=comment,
        session_arn=_session_arn(call),
        requested_at=call.now,
        expires_at=call.now + SESSION_LIFE,
    )
    air_gap.put_team(call.tx, vault.id, asked)


def _session_arn(call: Call) -> str:
    return f"arn:{call.config.partition}:mpa:{call.site}:{call.account_id}:session/backup/{new_id()}"


def _source(call: Call, arn: str) -> Vault:
    if arns.parse(arn).region != call.site:
        raise InvalidParameterValue(f"Backup vault {arn} is in another Region")
    found = vaults.find_by_arn(call.tx, arn)
    if found is None:
        raise ResourceNotFound(f"Cannot find backup vault {arn}", context=arn)
    return found


def _new_vault(call: Call, req: Mapping[str, Any], name: str | None, *, source: Vault | None = None) -> Vault:
    """CREATING, with the site's own key; named after its source when nobody says how."""
    vault_id = new_id()
    if name is None:
        assert source is not None
        name = access_name(source, vault_id)
    check_name(name)
    return Vault(
        id=vault_id,
        account_id=call.account_id,
        site=call.site,
        name=name,
        arn=call.arn("backup-vault", name),
        key_arn=call.default_key_arn,
        creator_request_id=creator_request_id(req),
        created_at=call.now,
        state=VaultState.CREATING,
    )
