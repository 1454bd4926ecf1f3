"""What is known of recovery points besides their rows: search index, scan results; one look for a list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from safehold.api.call import Call
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.scans import SCANNER, ScanResult
from safehold.records import point_indexes, point_scans
from safehold.records.point_scans import PointScan


class PointMarks:
    """Of some points, by their ids."""

    def __init__(self, call: Call, points: Iterable[RecoveryPoint]) -> None:
        ids = [point.id for point in points]
        self._indexes = point_indexes.of_many(call.tx, ids)
        self._scans = point_scans.of_many(call.tx, ids)

    def told_alone(self, point: RecoveryPoint) -> dict[str, Any]:
        """What DescribeRecoveryPoint tells."""
        return {**self._index(point), **self._scan(point)}

    def told_in_a_list(self, point: RecoveryPoint) -> dict[str, Any]:
        return {**self._index(point), **self._scans_together(point)}

    def _index(self, point: RecoveryPoint) -> dict[str, Any]:
        """`IndexStatus` and its message; nothing for a point without an index.

        Source: model 2018-11-15 `RecoveryPointByBackupVault`.
        """
        found = self._indexes.get(point.id)
        if found is None or found.status is None:
            return {}
        return {"IndexStatus": found.status, "IndexStatusMessage": found.status_message}

    def _scan(self, point: RecoveryPoint) -> dict[str, Any]:
        """`ScanResults`. Source: model 2018-11-15 `ScanResult`."""
        found = self._scans.get(point.id)
        if found is None:
            return {}
        result = {
            "MalwareScanner": SCANNER,
            "ScanJobState": found.state,
            "LastScanTimestamp": found.scanned_at,
            "Findings": _findings(found),
        }
        return {"ScanResults": [result]}

    def _scans_together(self, point: RecoveryPoint) -> dict[str, Any]:
        """`AggregatedScanResult`. Source: model 2018-11-15 `AggregatedScanResult`."""
        found = self._scans.get(point.id)
        if found is None:
            return {}
        together = {
            "FailedScan": found.state in ("FAILED", "CANCELED"),
            "Findings": _findings(found),
            "LastComputed": found.scanned_at,
        }
        return {"AggregatedScanResult": together}


def _findings(scan: PointScan) -> list[str]:
    return ["MALWARE"] if scan.result is ScanResult.THREATS else []
