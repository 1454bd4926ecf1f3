"""Later facts about recovery points, on their way into the vaults.

Whoever changes a point adds the fact here in the same transaction; a worker writes it into the vault's store
and says so. Nothing that the API has answered is lost if the worker is not there for a while.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from safehold.domain.recovery_points import RecoveryPoint
from safehold.records import recovery_points
from safehold.records.tables import amendment as t
from safehold.records.tx import Tx


class AmendmentKind(StrEnum):
    """What changed. The names stand in the store's objects too."""

    LIFECYCLE = "lifecycle"
    TAGS = "tags"
    DELETION = "deletion"


@dataclass(frozen=True, slots=True)
class PendingAmendment:
    """sequence grows: of one kind the highest holds. body is small JSON:

    lifecycle  {"lifecycle": members of `Lifecycle`, "delete_at": ISO 8601 or null, "move_at": likewise}
    tags       {"tags": all tags that the point has now}
    deletion   {"by": the caller's ARN, "reason": "request" or "lifecycle"}
    """

    sequence: int
    recovery_point_id: str
    vault_id: str
    kind: AmendmentKind
    body: Mapping[str, Any]
    created_at: datetime


def add(tx: Tx, point: RecoveryPoint, kind: AmendmentKind, body: Mapping[str, Any], *, now: datetime) -> None:
    """The fact will be written. The caller holds the point by `recovery_points.lock`: facts keep order."""
    row = {"recovery_point_id": point.id, "vault_id": point.vault_id, "kind": kind, "body": dict(body)}
    tx.execute(insert(t).values(**row, created_at=now))


def pending(tx: Tx, *, limit: int, except_vaults: Collection[str] = ()) -> list[PendingAmendment]:
    """Facts that no worker has written yet, oldest first, but for vaults that cannot be told now."""
    query = select(t).where(t.c.written_at.is_(None)).order_by(t.c.sequence)
    if except_vaults:
        query = query.where(t.c.vault_id.not_in(list(except_vaults)))
    return [_from_row(row) for row in tx.execute(query.limit(limit))]


def mark_written(tx: Tx, amendment: PendingAmendment, *, now: datetime) -> None:
    """The vault has the fact; a point whose deletion was written is forgotten with that."""
    if amendment.kind is AmendmentKind.DELETION:
        point = recovery_points.find_by_id(tx, amendment.recovery_point_id)
        if point is not None:
            recovery_points.tell(tx, point, "DELETED", at=now)
        recovery_points.forget(tx, amendment.recovery_point_id)
    tx.execute(update(t).where(t.c.sequence == amendment.sequence).values(written_at=now))


def forget_written_before(tx: Tx, moment: datetime) -> int:
    """Facts that the vaults have had for so long leave the catalog; returns how many they were."""
    return tx.execute(delete(t).where(t.c.written_at < moment)).rowcount


def _from_row(row: Row[Any]) -> PendingAmendment:
    return PendingAmendment(
        sequence=row.sequence,
        recovery_point_id=row.recovery_point_id,
        vault_id=row.vault_id,
        kind=AmendmentKind(row.kind),
        body=row.body,
        created_at=row.created_at,
    )
