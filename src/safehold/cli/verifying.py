"""What `verify` does: opens each vault's store and compares it with what the catalog shows."""

from __future__ import annotations

from typing import Any

from safehold.cli.installation import Installation
from safehold.cli.working import vault_access
from safehold.core.errors import KeyMismatch, ObjectMissing, ResourceNotFound, StoreError, StoreUnavailable
from safehold.domain.vaults import Vault
from safehold.records import recovery_points, vaults
from safehold.store.restoring.verdicts import Verdict
from safehold.store.soundness.verify import VerifyReport, verify

PAGE = 500


def verify_vaults(installation: Installation, name: str | None, *, read_data: bool) -> list[dict[str, Any]]:
    """A report for the vault of that name, or for each. Raises ResourceNotFound."""
    with installation.catalog.read() as tx:
        known = vaults.every(tx)
    mine = [vault for vault in known if vault.account_id == installation.account_id]
    chosen = [vault for vault in mine if name in (None, vault.name)]
    if not chosen:
        raise ResourceNotFound(f"Cannot find backup vault {name}.")
    return [_report(installation, vault, read_data=read_data) for vault in chosen]


def _report(installation: Installation, vault: Vault, *, read_data: bool) -> dict[str, Any]:
    report = _verified(installation, vault, read_data=read_data)
    return {
        "vault": vault.name,
        "site": vault.site,
        "is_well": report.is_well,
        "verdict": str(report.verdict),
        "points": report.points,
        "objects": report.objects,
        "items": report.items,
        "chunks": report.chunks,
        "bytes_read": report.bytes_read,
        "problem_count": report.problem_count,
        "unreadable_count": report.unreadable_count,
        "intruder_count": report.intruder_count,
        "intruders": [{"where": each.where, "what": each.what} for each in report.intruders],
        "problems": [
            {
                "where": each.where,
                "path": each.path.decode("utf-8", "backslashreplace"),
                "what": each.what,
                "verdict": str(each.verdict),
            }
            for each in report.problems
        ],
    }


def _verified(installation: Installation, vault: Vault, *, read_data: bool) -> VerifyReport:
    """A store that cannot be opened is a problem of its own: the other vaults are looked at all the same."""
    shown = _shown_points(installation, vault)
    try:
        store = vault_access(installation).for_reading(vault)
        report = verify(store, read_data=read_data)
        missing = shown - set(store.points())
    except KeyMismatch:
        raise
    except ObjectMissing as error:
        report, missing = VerifyReport(), shown
        if shown:
            report.add(vault.name, b"", str(error))
    except StoreUnavailable as error:
        report, missing = VerifyReport(), set()
        if shown:  # else nothing was ever stored in it: its place is made with its first backup
            report.add(vault.name, b"", str(error), Verdict.UNREADABLE)
    except StoreError as error:
        report, missing = VerifyReport(), set()
        report.add(vault.name, b"", str(error))
    for point_id in sorted(missing):
        report.add(f"point {point_id}", b"", "the catalog shows it, the vault does not hold it")
    return report


def _shown_points(installation: Installation, vault: Vault) -> set[str]:
    """Ids of the points that the API shows of this vault."""
    shown: set[str] = set()
    after = None
    while True:
        with installation.catalog.read() as tx:
            found = recovery_points.page_of_vault(tx, vault_id=vault.id, after=after, limit=PAGE)
        shown |= {point.id for point in found if point.status in ("COMPLETED", "AVAILABLE", "PARTIAL")}
        if len(found) < PAGE:
            return shown
        after = (found[-1].created_at, found[-1].id)
