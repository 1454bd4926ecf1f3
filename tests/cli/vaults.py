"""Recovery points in an installation's vaults, made without any source: trees of bytes."""

from __future__ import annotations

from pathlib import Path

from safehold.cli.installation import opened
from safehold.cli.working import vault_access
from safehold.domain.recovery_points import PointStatus, RecoveryPoint
from safehold.records import recovery_points, vaults
from safehold.store.vault_store import VaultStore
from tests.store.vaults import Tree, back_up


def put_point(
    data: Path, point_id: str, tree: Tree, *, previous: str | None = None, vault: str = "Default"
) -> str:
    """Back that up as a job would, and put it into the catalog; returns the point's ARN."""
    with opened(data) as installation:
        with installation.catalog.read() as tx:
            row = vaults.find(tx, account_id=installation.account_id, site=installation.site, name=vault)
        assert row is not None
        access = vault_access(installation)
        record = back_up(access.for_writing(row), point_id, tree, previous=previous)
        access.close()  # as a worker that ends: no writer is left announced
        point = RecoveryPoint(
            id=point_id,
            arn=f"arn:aws:backup:{row.site}:{row.account_id}:recovery-point:{point_id}",
            vault_id=row.id,
            account_id=row.account_id,
            site=row.site,
            job_id=record.job_id,
            resource_arn=record.resource_arn,
            resource_type="EFS",
            status=PointStatus.COMPLETED,
            created_at=installation.clock.now(),
        )
        with installation.catalog.begin() as tx:
            recovery_points.insert_if_new(tx, point)
    return point.arn


def store_of(data: Path, vault: str = "Default") -> VaultStore:
    """The vault's store, to look into or to harm."""
    with opened(data) as installation:
        with installation.catalog.read() as tx:
            row = vaults.find(tx, account_id=installation.account_id, site=installation.site, name=vault)
        assert row is not None
        return vault_access(installation).for_reading(row)
