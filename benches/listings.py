"""Very long lists: a vault of a million recovery points, 100,000 tagged resources, and their pages.

Rows are filled in by a statement for each table, the same on SQLite and PostgreSQL: a million backups would
take a week.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from safehold.api.call import ApiConfig, Principal
from safehold.api.local import Caller, LocalClient, call_of
from safehold.api.pages import write_token
from safehold.records import vaults
from safehold.records.engine import Catalog
from safehold.records.tx import Tx

POINTS_ON_A_PAGE = 1000
RESOURCES_ON_A_PAGE = 100
RUNS = 20
BEGAN = datetime(2030, 1, 1, tzinfo=UTC)
MICROS = 1_000_000
CONFIG = ApiConfig(page_key=b"k" * 32)

NUMBERS = (
    "WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :rows)"
)
POINTS = f"""
INSERT INTO recovery_point (id, arn, vault_id, account_id, site, job_id, resource_arn, resource_type, status,
                            created_at, completed_at, size_bytes, storage_class, lifecycle, is_parent,
                            restore_metadata, facts)
{NUMBERS}
SELECT 'p-' || CAST(100000000 + i AS TEXT),
       :points || CAST(100000000 + i AS TEXT),
       :vault, :account, :site, 'j-' || CAST(100000000 + i AS TEXT),
       :trees || CAST(i % 1000 AS TEXT),
       'EFS', 'COMPLETED', :began + i * {MICROS}, :began + i * {MICROS} + {MICROS}, 1048576, 'WARM',
       '{{"delete_after_days": 35}}', false, '{{"newFileSystem": "false"}}', '{{}}'
FROM n
"""
RESOURCE = ":volumes || CAST(100000000 + i AS TEXT)"
TAGGED = f"INSERT INTO tagged (account_id, site, arn) {NUMBERS} SELECT :account, :site, {RESOURCE} FROM n"
TAGS = f"INSERT INTO tag (arn, key, value) {NUMBERS} SELECT {RESOURCE}, 'env', 'prod' FROM n"


class Crowd:
    """An account's vault with that many points, and that many tagged resources, in an upgraded catalog."""

    def __init__(self, catalog: Catalog, *, account: str, site: str, vault: str = "Default") -> None:
        self.catalog = catalog
        self.account = account
        self.site = site
        self.vault = vault
        self.principal = Principal(account_id=account, arn=f"arn:aws:iam::{account}:root", user_id=account)
        self.client = LocalClient(catalog, CONFIG, principal=self.principal, site=site)

    def fill(self, *, points: int, resources: int) -> None:
        mine = {"account": self.account, "site": self.site}
        with self.catalog.begin() as tx:
            vault = vaults.find(tx, account_id=self.account, site=self.site, name=self.vault)
            assert vault is not None
            began = int(BEGAN.timestamp()) * MICROS
            heads = {"points": self._arn("backup", "recovery-point:"), "trees": self._arn("efs", "fs-")}
            _run(tx, POINTS, **mine, **heads, vault=vault.id, began=began, rows=points)
            _run(tx, TAGGED, **mine, volumes=self._arn("ec2", "volume/vol-"), rows=resources)
            _run(tx, TAGS, volumes=self._arn("ec2", "volume/vol-"), rows=resources)
        with self.catalog.begin() as tx:
            tx.execute(text("ANALYZE"))

    def points(self, *, last: bool = False) -> list[Mapping[str, Any]]:
        """The first or the last full page of the vault's points, which come newest first."""
        request = {"BackupVaultName": self.vault}
        at = BEGAN + timedelta(seconds=POINTS_ON_A_PAGE)
        token = self._token("ListRecoveryPointsByBackupVault", request, (at, _point(POINTS_ON_A_PAGE)))
        found = self.client.call(
            "ListRecoveryPointsByBackupVault", **request, NextToken=token if last else None
        )
        return list(found["RecoveryPoints"])

    def resources(self, count: int, *, last: bool = False) -> list[Mapping[str, Any]]:
        """The first or the last full page of `count` tagged resources."""
        request = {"ResourcesPerPage": RESOURCES_ON_A_PAGE}
        before = self._arn("ec2", f"volume/vol-{100_000_000 + count - RESOURCES_ON_A_PAGE - 1}")
        token = self._token("GetResources", request, (before,)) if last else None
        found = self.client.call(
            "GetResources", service_name="resourcegroupstaggingapi", **request, PaginationToken=token
        )
        return list(found["ResourceTagMappingList"])

    def _arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.site}:{self.account}:{rest}"

    def _token(self, operation: str, request: Mapping[str, object], position: Any) -> str:
        """What a client holds that has read all pages but the last: paging there would take all day."""
        caller = Caller(self.principal, self.site, BEGAN, "r")
        with self.catalog.read() as tx:
            return write_token(call_of(operation, caller, tx=tx, config=CONFIG), request, position)


def milliseconds(crowd: Crowd, *, resources: int) -> dict[str, list[float]]:
    """Of the first and the last page of each list: by the clock, and of our processor time. Best of a few."""
    return {
        "points_first_page": _best(lambda: crowd.points(), POINTS_ON_A_PAGE),
        "points_last_page": _best(lambda: crowd.points(last=True), POINTS_ON_A_PAGE),
        "resources_first_page": _best(lambda: crowd.resources(resources), RESOURCES_ON_A_PAGE),
        "resources_last_page": _best(lambda: crowd.resources(resources, last=True), RESOURCES_ON_A_PAGE),
    }


def _best(page: Any, size: int) -> list[float]:
    clock = processor = float("inf")
    for _ in range(RUNS):
        began = time.perf_counter(), time.process_time()
        found = page()
        clock = min(clock, time.perf_counter() - began[0])
        processor = min(processor, time.process_time() - began[1])
        assert len(found) == size, len(found)
    return [round(seconds * 1000, 2) for seconds in (clock, processor)]


def _run(tx: Tx, statement: str, **values: object) -> None:
    tx.execute(text(statement), values)


def _point(number: int) -> str:
    return f"p-{100_000_000 + number}"
