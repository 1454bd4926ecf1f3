"""What is known of recovery points besides their rows: search index, scan results; one look for a list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from safehold.api.call import Call
from safehold.domain.recovery_points import RecoveryPoint
from safehold.records import point_indexes


class PointMarks:
    """Of some points, by their ids."""

    def __init__(self, call: Call, points: Iterable[RecoveryPoint]) -> None:
        self._indexes = point_indexes.of_many(call.tx, [point.id for point in points])

    def index(self, point: RecoveryPoint) -> dict[str, Any]:
        """`IndexStatus` and its message; nothing for a point without an index.

        Source: model 2018-11-15 `RecoveryPointByBackupVault`.
        """
        found = self._indexes.get(point.id)
        if found is None or found.status is None:
            return {}
        return {"IndexStatus": found.status, "IndexStatusMessage": found.status_message}
