"""What every job that makes a recovery point does with it, whatever it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from safehold.core.clock import to_micros
from safehold.domain.recovery_points import RecoveryPoint
from safehold.records import point_locks, recovery_points, tags
from safehold.records.tx import Tx
from safehold.store.vault_store import VaultStore


def show_point(tx: Tx, point: RecoveryPoint, row: Mapping[str, Any]) -> bool:
    """The catalog has the point, with the tags and the lock that `row` tells of; False when it had it."""
    is_new = recovery_points.insert_if_new(tx, point)
    if is_new:
        tags.put(tx, point.arn, row["tags"])
    if row.get("locked_until"):
        until = datetime.fromisoformat(row["locked_until"])
        point_locks.put_until(tx, point.id, vault_id=point.vault_id, until=until)
    return is_new


def take_back(store: VaultStore, point_id: str, *, now: datetime) -> None:
    """A point that an attempt left before it could say so does not stand. Raises StoreError."""
    if store.find_point(point_id) is None or store.is_deleted(point_id):
        return
    store.amend(point_id, "deletion", {"reason": "the job did not complete"}, written_at=to_micros(now))
