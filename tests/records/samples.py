"""Rows that the tests of this room begin with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import insert

from safehold.domain import arns
from safehold.domain.recovery_points import PointStatus, RecoveryPoint
from safehold.domain.vaults import Vault
from safehold.records import sites, tables, vaults
from safehold.records.tx import Tx

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ACCOUNT, SITE = "123456789012", "us-east-1"
RESOURCE = "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-1"


def put_account(tx: Tx) -> None:
    tx.execute(insert(tables.account).values(id=ACCOUNT, name="main", created_at=NOW))
    sites.insert_site(tx, SITE, storage_url="file:///vaults", now=NOW)


def put_vault(tx: Tx, name: str = "main", *, site: str = SITE, **changes: object) -> Vault:
    vault = Vault(
        id=f"{site}-{name}",
        account_id=ACCOUNT,
        site=site,
        name=name,
        arn=arns.vault_arn(site, ACCOUNT, name),
        key_arn=arns.default_key_arn(site, ACCOUNT),
        created_at=NOW,
    )
    vault = replace(vault, **changes)  # type: ignore[arg-type]
    assert vaults.insert_if_new(tx, vault)
    return vault


def a_point(vault: Vault, point_id: str, **changes: object) -> RecoveryPoint:
    point = RecoveryPoint(
        id=point_id,
        arn=f"arn:aws:backup:{vault.site}:{ACCOUNT}:recovery-point:{point_id}",
        vault_id=vault.id,
        account_id=ACCOUNT,
        site=vault.site,
        job_id=f"job-{point_id}",
        resource_arn=RESOURCE,
        resource_type="EFS",
        status=PointStatus.COMPLETED,
        created_at=NOW,
    )
    return replace(point, **changes)  # type: ignore[arg-type]
