"""Restore jobs: a recovery point's items are put back where the request says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from safehold.connectors.contract import Connector, Restore, RestoreRequest, SourceSpec
from safehold.core.clock import Clock
from safehold.core.errors import RestoreError
from safehold.domain.job_states import JobState
from safehold.domain.jobs import Job
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.restore_requests import RestoreJobRequest
from safehold.domain.vaults import Vault
from safehold.jobs.bytecount import ByteCount
from safehold.jobs.context import JobContext
from safehold.jobs.discovery import spec_of
from safehold.jobs.outcome import Outcome
from safehold.jobs.troubles import Troubles
from safehold.jobs.vaults import VaultAccess
from safehold.records import recovery_points, resources, sources, vaults
from safehold.records.engine import Catalog
from safehold.records.tx import Tx
from safehold.store.cold.retrieving import Retrieval, all_readable
from safehold.store.points.points import PointRecord
from safehold.store.restoring.restoring import RestoreCounts
from safehold.store.vault_store import VaultStore

ARCHIVE_LOOK_SECONDS = 60.0  # an archive gives back what was asked for after minutes at best
DOUBLINGS = 4  # of the time between two looks: a quarter of an hour, when hours are what it takes
AWAITED = "awaited"  # the job's note: some of the objects that were on their way, and what was said of them
WAITING = "Waiting for the archive: {readable} of {total} objects can be read."
RESTORING = "The archive has given back what is needed; restoring."


@dataclass(frozen=True, slots=True)
class RestoreRunner:
    """See jobs.context.Runner. A second attempt goes on in the folder that the first one made."""

    catalog: Catalog
    access: VaultAccess
    connector_of: Callable[[str], Connector]
    clock: Clock
    look_seconds: float = ARCHIVE_LOOK_SECONDS

    def run(self, context: JobContext) -> Outcome:
        job = context.job
        request = RestoreJobRequest.from_json(job.request)
        point, vault, source = self._look_up(job, request)
        connector = self.connector_of(source.kind)
        wanted = RestoreRequest(
            resource_arn=point.resource_arn,
            resource_facts=point.facts,
            metadata=request.metadata,
            items=request.paths(),
            job_id=job.id,
            now=job.created_at,  # not the attempt's time: a folder named after it must stay the same one
        )
        connector.check_restore(source, wanted)
        store = self.access.for_reading(vault)
        record = store.point(point.id)
        self._wait_for_archive(context, store, record, wanted.items)
        troubles = Troubles()
        advance = ByteCount(context, record.stats.total_bytes if not request.items else None)
        with connector.restore(source, wanted, skip=troubles.add) as target:
            if not wanted.items:
                target.make(b"", record.root)
            counts = store.restore(record, target, paths=wanted.items, advance=advance, skip=troubles.add)
            context.check()
            created_arn = target.finish()
        return _outcome(counts, target, troubles, created_arn)

    def _wait_for_archive(
        self, context: JobContext, store: VaultStore, record: PointRecord, paths: Sequence[bytes]
    ) -> None:
        """All that the restore will read can be read; until then the job is parked: RUNNING, saying what it
        waits for, in no worker.

        An attempt that comes too early sees that by a few objects, without going through the point again.
        """
        known = context.find_checkpoint(AWAITED) or {}
        if not all_readable(store, known.get("names", ())):
            self._park(context, known["message"])
        retrieval = Retrieval(store, record, paths)
        waiting = retrieval.look()
        if not waiting.is_over:
            message = WAITING.format(readable=waiting.readable, total=waiting.total)
            context.put_checkpoint(AWAITED, {"names": retrieval.some_pending(), "message": message})
            self._park(context, message)
        if retrieval.total:
            context.progress(0, message=RESTORING)

    def _park(self, context: JobContext, message: str) -> NoReturn:
        context.park(self.look_seconds * 2 ** min(context.job.parked_count, DOUBLINGS), message)

    def settle(self, tx: Tx, job: Job, outcome: Outcome) -> None:
        if outcome.state is JobState.COMPLETED:
            request = RestoreJobRequest.from_json(job.request)
            recovery_points.update_point(tx, request.recovery_point_id, restored_at=self.clock.now())

    def _look_up(self, job: Job, request: RestoreJobRequest) -> tuple[RecoveryPoint, Vault, SourceSpec]:
        with self.catalog.read() as tx:
            point = recovery_points.find_by_id(tx, request.recovery_point_id)
            if point is None:
                raise RestoreError("the recovery point has been deleted since the restore was asked for")
            vault = vaults.find_by_id(tx, point.vault_id)
            resource = resources.find(tx, point.resource_arn)
            source = sources.find(tx, resource.source_id) if resource and resource.source_id else None
        if vault is None:
            raise RestoreError("the recovery point's vault is gone")
        if source is None:
            raise RestoreError(
                f"the source of {point.resource_arn} has been removed; add it again to restore through it"
            )
        return point, vault, spec_of(source)


def _outcome(counts: RestoreCounts, target: Restore, troubles: Troubles, created_arn: str) -> Outcome:
    message = troubles.message("could not be restored as they were")
    failed = counts.failed + target.failed_items
    lost = counts.failed + target.failed_files if counts.files else failed
    is_lost = failed > 0 and lost >= (counts.files or counts.items)
    size_bytes = 0 if is_lost else counts.bytes  # what the target refused was read all the same
    facts: dict[str, Any] = {
        "items": counts.items,
        "files": counts.files,
        "bytes": size_bytes,
        "failed_items": failed,
        **troubles.facts(),
    }
    return Outcome(
        JobState.FAILED if is_lost else JobState.COMPLETED,
        message,
        "COMPLETED_WITH_ISSUES" if message and not is_lost else None,
        size_bytes=size_bytes,
        created_resource_arn=created_arn,
        facts=facts,
    )
