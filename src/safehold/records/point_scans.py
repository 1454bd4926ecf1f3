"""What the last scan of each recovery point came to, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select

from safehold.domain.scans import ScanResult
from safehold.records.dialect import in_batches, put_row
from safehold.records.tables_search import point_scan as t
from safehold.records.tx import Tx


@dataclass(frozen=True, slots=True)
class PointScan:
    """raw_paths  of what was found, the first of `findings_count`; base64, since they need be no text"""

    point_id: str
    vault_id: str
    resource_arn: str
    point_created_at: datetime
    job_id: str
    state: str
    result: ScanResult
    findings_count: int
    raw_paths: Sequence[str]
    scanned_at: datetime


def put(tx: Tx, scan: PointScan) -> None:
    """This is what the point's last scan came to."""
    put_row(tx, t, asdict(scan))


def find(tx: Tx, point_id: str) -> PointScan | None:
    row = tx.execute(select(t).where(t.c.point_id == point_id)).one_or_none()
    return None if row is None else _from_row(row)


def of_many(tx: Tx, point_ids: Iterable[str]) -> dict[str, PointScan]:
    """Those of these points that were scanned, by the point's id."""
    found: dict[str, PointScan] = {}
    for batch in in_batches(point_ids):
        query = select(t).where(t.c.point_id.in_(batch))
        found |= {row.point_id: _from_row(row) for row in tx.execute(query)}
    return found


def last_before(tx: Tx, *, vault_id: str, resource_arn: str, before: datetime) -> PointScan | None:
    """The newest older point of the resource, in that vault, that was scanned, all of it."""
    where = (
        t.c.vault_id == vault_id,
        t.c.resource_arn == resource_arn,
        t.c.point_created_at < before,
        t.c.state == "COMPLETED",
    )
    query = select(t).where(*where).order_by(t.c.point_created_at.desc(), t.c.point_id.desc())
    row = tx.execute(query.limit(1)).one_or_none()
    return None if row is None else _from_row(row)


def forget(tx: Tx, point_id: str) -> None:
    """The point is gone, and so is what was found in it."""
    tx.execute(delete(t).where(t.c.point_id == point_id))


def _from_row(row: Row[Any]) -> PointScan:
    values = {field.name: getattr(row, field.name) for field in fields(PointScan)}
    return PointScan(**{**values, "result": ScanResult(row.result)})
