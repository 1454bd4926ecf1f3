"""What a request names, or the error that AWS answers when it is not there."""

from __future__ import annotations

from collections.abc import Mapping

from safehold.api.call import Call
from safehold.core.errors import AccessDenied, ResourceNotFound
from safehold.domain.air_gap import check_takes_points
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.vaults import Vault, VaultType
from safehold.records import air_gap, recovery_points, vaults


def vault(call: Call, req: Mapping[str, object]) -> Vault:
    """The vault that `BackupVaultName` names.

    Raises AccessDenied when there is none, as AWS does even for an administrator, and for a vault of another
    account: none is shared. Source: docs/parity/vaults.md, "a vault that is not there".
    """
    name, owner = str(req["BackupVaultName"]), req.get("BackupVaultAccountId")
    if owner not in (None, call.account_id):
        raise AccessDenied
    found = vaults.find(call.tx, account_id=call.account_id, site=call.site, name=name)
    if found is None:
        raise AccessDenied
    return found


def vault_to_change(call: Call, req: Mapping[str, object]) -> Vault:
    """The same, and nobody else changes it until this request is done: neither its lock nor its points."""
    found = vaults.lock_by_arn(call.tx, vault(call, req).arn)
    if found is None:  # RACE: deleted since we looked
        raise AccessDenied
    return found


def point(call: Call, vault: Vault, req: Mapping[str, object]) -> RecoveryPoint:
    """The recovery point that `RecoveryPointArn` names in that vault. Raises ResourceNotFound."""
    arn = str(req["RecoveryPointArn"])
    found = recovery_points.find(call.tx, vault_id=shown_vault_id(call, vault), arn=arn)
    if found is None:
        raise missing_point(arn)
    return found


def shown_vault_id(call: Call, vault: Vault) -> str:
    """The id of the vault whose points that vault shows: its own, but for one that gives restore access."""
    if vault.vault_type is not VaultType.RESTORE_ACCESS:
        return vault.id
    access = air_gap.find_access(call.tx, vault.id)
    return vault.id if access is None or access.approved_at is None else access.source_vault_id


def point_to_change(call: Call, vault: Vault, req: Mapping[str, object]) -> RecoveryPoint:
    """The same, and nobody else changes it until this request is done.

    Raises ResourceNotFound, and InvalidRequest in a vault that only shows the points of another one.
    """
    check_takes_points(vault)
    found = recovery_points.lock(call.tx, point(call, vault, req).id)
    if found is None:
        raise missing_point(str(req["RecoveryPointArn"]))
    return found


def missing_point(arn: str) -> ResourceNotFound:
    return ResourceNotFound("Cannot find recovery point.", code="ERROR_2603", context=arn)
