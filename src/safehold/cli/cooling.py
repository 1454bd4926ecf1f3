"""What `store cool` does: points are moved to cold storage, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from safehold.cli.installation import Installation
from safehold.cli.looking import named_point
from safehold.cli.working import vault_access
from safehold.core.errors import SafeholdError
from safehold.jobs.cooling import Cooler


def cool_points(installation: Installation, names: Sequence[str]) -> list[dict[str, Any]]:
    """A report for each; `refused` says why one stays where it is. Raises ResourceNotFound before anything is
    done."""
    points = [named_point(installation, name) for name in names]
    cooler = Cooler(installation.catalog, vault_access(installation), installation.clock)
    reports = []
    for point, vault in points:
        told: dict[str, Any] = {"recovery_point_arn": point.arn, "vault": vault.name, "refused": None}
        try:
            told |= asdict(cooler.cool(point.id))
        except SafeholdError as error:
            told["refused"] = f"{error} {error.hint}".strip()
        reports.append(told)
    return reports
