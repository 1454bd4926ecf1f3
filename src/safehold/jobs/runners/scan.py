"""Scan jobs: a recovery point's content held against the rules, all of it or what changed."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from safehold.core.clock import Clock
from safehold.core.errors import Damaged, ObjectMissing, ResourceNotFound
from safehold.domain.items import CONTENT_KINDS, Item
from safehold.domain.job_states import JobState
from safehold.domain.jobs import Job
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.scans import ScanMode, ScanRequest, ScanResult, shown_state
from safehold.domain.vaults import Vault
from safehold.jobs.bytecount import ByteCount
from safehold.jobs.context import JobContext
from safehold.jobs.looking import Looking
from safehold.jobs.outcome import Outcome
from safehold.jobs.scan_rules import compile_rules
from safehold.jobs.scanning import Findings, ScanTarget
from safehold.jobs.troubles import Troubles
from safehold.jobs.vaults import VaultAccess
from safehold.records import point_scans, recovery_points, vaults
from safehold.records.engine import Catalog
from safehold.records.point_scans import PointScan
from safehold.records.tx import Tx
from safehold.store.points.points import PointRecord
from safehold.store.trees.diff import ChangeKind, diff
from safehold.store.vault_store import VaultStore

TOLD = 3
CLEANLY = "COMPLETED"  # as a scan is told that had no trouble with any item
MOST_PATHS = 200_000  # of what changed; with more, everything is scanned, so that memory stays bounded


@dataclass(frozen=True, slots=True)
class _Base:
    """What an incremental scan goes on from: a point, and what its own scan found."""

    point: RecoveryPoint
    record: PointRecord
    found: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class ScanRunner:
    """See jobs.context.Runner. A second attempt begins anew."""

    catalog: Catalog
    access: VaultAccess
    clock: Clock
    looking: Looking

    def run(self, context: JobContext) -> Outcome:
        request = ScanRequest.from_json(context.job.request)
        point, vault = self._look_up(request)
        rules = compile_rules(self.looking.rules)
        store = self.access.for_reading(vault)
        record = store.point(point.id)
        base = self._base(request, point, store)
        paths = None if base is None else list(islice(_changed(store, base, record), MOST_PATHS + 1))
        if paths is not None and len(paths) > MOST_PATHS:
            base = paths = None
        troubles = Troubles()
        largest = self.looking.largest_bytes
        target = ScanTarget(rules, self.looking.scratch, largest_bytes=largest, skip=troubles.add)
        advance = ByteCount(context, record.stats.total_bytes if paths is None else None)
        if paths is None or paths:  # without paths everything would be looked at
            store.restore(record, target, paths=paths or (), advance=advance, skip=troubles.add)
        context.check()
        facts = {"base_point_arn": base.point.arn if base else None, "rules": rules.digest}
        return _outcome(target.findings, troubles, facts)

    def settle(self, tx: Tx, job: Job, outcome: Outcome) -> None:
        """The point bears what was found in it."""
        request = ScanRequest.from_json(job.request)
        point = recovery_points.find_by_id(tx, request.point_id)
        if point is None:
            return
        point_scans.put(
            tx,
            PointScan(
                point_id=point.id,
                vault_id=point.vault_id,
                resource_arn=point.resource_arn,
                point_created_at=point.created_at,
                job_id=job.id,
                state=shown_state(outcome.state),
                result=ScanResult(outcome.facts.get("scan_result_status", ScanResult.UNKNOWN)),
                findings_count=outcome.facts.get("findings_count", 0),
                raw_paths=outcome.facts.get("raw_paths", []),
                scanned_at=self.clock.now(),
            ),
        )

    def _look_up(self, request: ScanRequest) -> tuple[RecoveryPoint, Vault]:
        with self.catalog.read() as tx:
            point = recovery_points.find_by_id(tx, request.point_id)
            vault = vaults.find_by_id(tx, point.vault_id) if point else None
        if point is None or vault is None:
            raise ResourceNotFound("the recovery point has been deleted since its scan was asked for")
        return point, vault

    def _base(self, request: ScanRequest, point: RecoveryPoint, store: VaultStore) -> _Base | None:
        """None: everything has to be scanned, because that was asked for or nothing was scanned before."""
        if request.mode is ScanMode.FULL:
            return None
        with self.catalog.read() as tx:
            if request.base_point_id is not None:
                scan = point_scans.find(tx, request.base_point_id)
            else:
                where = {"vault_id": point.vault_id, "resource_arn": point.resource_arn}
                scan = point_scans.last_before(tx, **where, before=point.created_at)
            before = None if scan is None else recovery_points.find_by_id(tx, scan.point_id)
        if scan is None or before is None:
            return None
        if scan.state != CLEANLY or scan.findings_count > len(scan.raw_paths):
            return None  # something there was not scanned, or not all that was found is known
        try:
            record = store.point(before.id)
        except (Damaged, ObjectMissing):
            return None
        return _Base(before, record, [base64.b64decode(path) for path in scan.raw_paths])


def _changed(store: VaultStore, base: _Base, record: PointRecord) -> Iterator[bytes]:
    """Paths of items whose bytes are not those of the base, and of what was found there and is still here.

    What was found in a folder that has another name by now is looked for beneath that.
    """
    found = list(base.found)
    for change in diff(base.record.root, record.root, store.chunks().read):
        if change.kind is ChangeKind.RENAMED:
            beneath = change.old_path + b"/"
            found += [
                change.path + b"/" + path.removeprefix(beneath) for path in found if path.startswith(beneath)
            ]
        elif change.after is not None and _is_new(change.before, change.after):
            yield change.path
    tree = store.tree(record)
    yield from (path for path in found if _is_content(tree.find(path)))


def _is_new(before: Item | None, after: Item) -> bool:
    return after.kind in CONTENT_KINDS and (before is None or before.content != after.content)


def _is_content(item: Item | None) -> bool:
    return item is not None and item.kind in CONTENT_KINDS


def _outcome(findings: Findings, troubles: Troubles, facts: dict[str, Any]) -> Outcome:
    found = findings.told()
    told = "; ".join(f"{path} ({', '.join(rules)})" for path, *rules in found[:TOLD])
    more = f"; and {findings.count - TOLD} more" if findings.count > TOLD else ""
    parts = [f"{findings.count} items match rules: {told}{more}"] if found else []
    if (issue := troubles.message("could not be scanned")) is not None:
        parts.append(issue)
    return Outcome(
        JobState.PARTIAL if troubles.count else JobState.COMPLETED,
        ". ".join(parts) or None,
        facts={
            **facts,
            "scan_result_status": ScanResult.THREATS if found else ScanResult.CLEAN,
            "findings_count": findings.count,
            "findings": found,
            "raw_paths": findings.raw_paths(),
            **troubles.facts(),
        },
    )
