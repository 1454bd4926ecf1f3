"""What `store cool` does: points are moved to cold storage, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from safehold.cli.installation import Installation
from safehold.cli.looking import named_point
from safehold.cli.working import vault_access
from safehold.core.errors import SafeholdError
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.vaults import Vault
from safehold.jobs.cooling import Cooler


def cool_points(installation: Installation, names: Sequence[str]) -> list[dict[str, Any]]:
    """A report for each; `refused` says why one stays where it is. Raises ResourceNotFound before anything is
    done."""
    points = [named_point(installation, name) for name in names]
    access = vault_access(installation)
    cooler = Cooler(installation.catalog, access, installation.clock)
    try:
        return [_cool(cooler, point, vault) for point, vault in points]
    finally:
        access.close()  # nothing waits for us any more


def _cool(cooler: Cooler, point: RecoveryPoint, vault: Vault) -> dict[str, Any]:
    told = {"recovery_point_arn": point.arn, "vault": vault.name, "refused": None}
    try:
        return told | asdict(cooler.cool(point.id))
    except SafeholdError as error:
        return told | {"refused": f"{error} {error.hint}".strip()}
