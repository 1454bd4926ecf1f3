"""What a backup's request asks for once its point is there: each thing is a job of its own."""

from __future__ import annotations

from datetime import datetime

from safehold.core.ids import new_id
from safehold.domain.backup_requests import BackupRequest
from safehold.domain.point_indexes import index_job, new_index
from safehold.domain.recovery_points import RecoveryPoint
from safehold.records import point_indexes
from safehold.records.tx import Tx


def follow_up(tx: Tx, point: RecoveryPoint, request: BackupRequest, *, now: datetime) -> None:
    """The jobs that follow stand in the outbox, in the transaction that makes the point visible."""
    if request.index:
        index = new_index(point, new_id(), role_arn=point.role_arn, now=now)
        point_indexes.begin(tx, index, index_job(index, point, now=now))
