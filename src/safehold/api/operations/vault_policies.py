"""Operations on vaults' access policies. They are kept and shown; permissions are not evaluated yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api import existing
from safehold.api.call import Call, operation
from safehold.core.errors import InvalidParameterValue, MissingParameterValue, ResourceNotFound
from safehold.domain.arns import parse
from safehold.domain.vault_policies import check_policy
from safehold.records import roles, vault_settings


@operation("PutBackupVaultAccessPolicy")
def put_backup_vault_access_policy(call: Call, req: Mapping[str, Any]) -> None:
    """The vault has this policy instead of another; it keeps nobody from anything yet.

    Source: model 2018-11-15 `PutBackupVaultAccessPolicy`; docs/parity/vault-policies.md.
    """
    vault = existing.vault_to_change(call, req)
    policy = req.get("Policy")
    if not policy:
        raise MissingParameterValue("Policy must be given")
    for arn in check_policy(policy):
        is_ours = parse(arn).account_id == call.account_id and ":iam:" in arn
        if is_ours and roles.find(call.tx, arn) is None:
            raise InvalidParameterValue("Provided principal is not valid")
    vault_settings.put_policy(call.tx, vault.id, policy, now=call.now)


@operation("GetBackupVaultAccessPolicy")
def get_backup_vault_access_policy(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The policy as it was given. Source: model 2018-11-15 `GetBackupVaultAccessPolicy`."""
    vault = existing.vault(call, req)
    policy = vault_settings.policy(call.tx, vault.id)
    if policy is None:
        raise ResourceNotFound(f"Backup Vault {vault.arn} has no associated POLICY", context=vault.arn)
    return {"BackupVaultName": vault.name, "BackupVaultArn": vault.arn, "Policy": policy}


@operation("DeleteBackupVaultAccessPolicy")
def delete_backup_vault_access_policy(call: Call, req: Mapping[str, Any]) -> None:
    """The vault has no policy; no error when it had none.

    Source: model 2018-11-15 `DeleteBackupVaultAccessPolicy`; docs/parity/vault-policies.md.
    """
    vault_settings.delete_policy(call.tx, existing.vault_to_change(call, req).id)
