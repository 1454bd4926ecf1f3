"""What `store repair-versions` does: each vault's bucket is what Safehold wrote there."""

from __future__ import annotations

from typing import Any

from safehold.cli.installation import Installation
from safehold.cli.storing import used_vaults
from safehold.cli.working import vault_access
from safehold.domain.vaults import Vault
from safehold.store.backends.contract import Version
from safehold.store.points.locking import Repaired, intruders
from safehold.store.points.locking import repair_versions as repair


def repair_vaults(installation: Installation, name: str | None, *, dry_run: bool) -> list[dict[str, Any]]:
    """A report for the vault of that name, or each that holds points. Raises ResourceNotFound, StoreError."""
    return [_report(installation, vault, dry_run=dry_run) for vault in used_vaults(installation, name)]


def _report(installation: Installation, vault: Vault, *, dry_run: bool) -> dict[str, Any]:
    backend = vault_access(installation).for_reading(vault).backend
    found = list(intruders(backend))
    told = Repaired(removed=len(found)) if dry_run else repair(backend)
    return {
        "vault": vault.name,
        "site": vault.site,
        "is_dry_run": dry_run,
        "removed": told.removed,
        "kept": told.kept,
        "intruders": [{"name": each.name, "what": _what(each)} for each in found],
    }


def _what(version: Version) -> str:
    return "marked as deleted" if version.is_marker else f"written over with {version.size_bytes} bytes"
