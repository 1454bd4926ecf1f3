"""Operations on vaults' locks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api import existing
from safehold.api.call import Call, operation
from safehold.domain.events import of_vault
from safehold.domain.locking import WantedLock, check_may_lock, locked, unlocked
from safehold.records import events, settings, vault_locks


@operation("PutBackupVaultLockConfiguration")
def put_backup_vault_lock_configuration(call: Call, req: Mapping[str, Any]) -> None:
    """The vault is locked so, instead of as it was: bounds that the request leaves out are gone.

    Source: model 2018-11-15 `PutBackupVaultLockConfiguration`; docs/parity/vault-lock.md.
    """
    vault = existing.vault_to_change(call, req)
    wanted = WantedLock(
        req.get("MinRetentionDays"), req.get("MaxRetentionDays"), req.get("ChangeableForDays")
    )
    changed = locked(vault, wanted, call.now)
    check_may_lock(
        vault,
        export_is_proved=settings.key_export_is_proved(call.tx, vault),
        can_lock=settings.may_lock(call.tx, vault),
    )
    vault_locks.put_lock(call.tx, changed)
    events.add(call.tx, of_vault(changed, "MODIFIED", at=call.now))


@operation("DeleteBackupVaultLockConfiguration")
def delete_backup_vault_lock_configuration(call: Call, req: Mapping[str, Any]) -> None:
    """The vault is not locked; no error when it was not.

    Source: model 2018-11-15 `DeleteBackupVaultLockConfiguration`; docs/parity/vault-lock.md.
    """
    vault = existing.vault_to_change(call, req)
    changed = unlocked(vault, call.now)
    vault_locks.put_lock(call.tx, changed)
    if vault.is_locked:
        events.add(call.tx, of_vault(changed, "MODIFIED", at=call.now))
