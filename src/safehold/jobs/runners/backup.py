"""Backup jobs: a resource becomes a recovery point.

The point's id is the job's, fixed when the job was made: an attempt that finds the point there already
takes it for its own, so that a job never makes two.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from safehold.connectors.contract import Connector, FoundResource, SourceSpec
from safehold.core.clock import Clock, to_micros
from safehold.core.errors import Damaged, ObjectMissing, SourceMissing
from safehold.domain import arns, locking
from safehold.domain.air_gap import check_takes_points
from safehold.domain.backup_requests import BackupRequest
from safehold.domain.items import PreviousTree
from safehold.domain.job_states import JobState
from safehold.domain.jobs import Job
from safehold.domain.recovery_points import PointStatus, RecoveryPoint, with_lifecycle
from safehold.domain.resources import Resource
from safehold.domain.tags import MAX_TAGS
from safehold.domain.vaults import Vault
from safehold.jobs.bytecount import ByteCount
from safehold.jobs.context import JobContext
from safehold.jobs.discovery import spec_of
from safehold.jobs.following_up import follow_up
from safehold.jobs.locks import retention_for
from safehold.jobs.outcome import Outcome, failed
from safehold.jobs.runners.points import show_point, take_back
from safehold.jobs.troubles import Troubles
from safehold.jobs.vaults import VaultAccess
from safehold.records import recovery_points, resources, sources, tags, vaults
from safehold.records.engine import Catalog
from safehold.records.tx import Tx
from safehold.store.backends.retention import UNTIL_FACT
from safehold.store.points.checkpoints import CheckpointFolder
from safehold.store.points.locking import PointLock
from safehold.store.points.points import RECORD_VERSION, PointRecord
from safehold.store.vault_store import VaultStore
from safehold.store.writing.checkpointing import EVERY_SECONDS, Checkpointing
from safehold.store.writing.resuming import resume
from safehold.store.writing.session import Session

NO_VAULT = "Backup job failed because backup vault {arn} does not exist."
CHECKPOINT = "checkpoint"  # the job's note: which one in the vault the next attempt goes on with
TROUBLES = "troubles"  # among the facts of a point's record: what it lost
TOO_MANY_TAGS = "The resultant tag set must not have more than 50 user tags."


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that the catalog knows and the capture needs, read in one transaction."""

    job: Job
    request: BackupRequest
    vault: Vault
    resource: Resource
    source: SourceSpec
    tags: dict[str, str]
    previous: RecoveryPoint | None

    @property
    def point_id(self) -> str:
        return self.job.id.lower()

    @property
    def found(self) -> FoundResource:
        r = self.resource
        return FoundResource(r.arn, r.resource_type, r.name, r.size_bytes, r.facts)


@dataclass(frozen=True, slots=True)
class BackupRunner:
    """See jobs.context.Runner."""

    catalog: Catalog
    access: VaultAccess
    connector_of: Callable[[str], Connector]
    clock: Clock
    checkpoint_seconds: float = EVERY_SECONDS

    def run(self, context: JobContext) -> Outcome:
        job = context.job
        with self.catalog.read() as tx:
            vault = self._vault(tx, job)
        if vault is None:
            return failed(NO_VAULT.format(arn=job.vault_arn), category="VaultNotFound")
        check_takes_points(vault)
        if not locking.is_in_range(vault, BackupRequest.from_json(job.request).lifecycle):
            return failed(locking.BACKUP_OUT_OF_RANGE, category="InvalidParameters")
        store = self.access.for_writing(vault)
        # ORDER: before anything is asked of the source: a point that is there needs it no more.
        record = store.adopt_point(job.id.lower())
        if record is None:
            plan = self._plan(job, vault)
            if isinstance(plan, Outcome):
                return plan
            record = self._take(context, plan, store)
        return _outcome(job, vault, record)

    def discard(self, job: Job) -> None:
        """An attempt may have written the point and died, or lost the job, before it said so: it shall not
        stand.
        """
        store = self._store_left(job)
        if store is None:
            return
        point_id = job.id.lower()
        CheckpointFolder(store.backend, store.keys, store.vault_id).delete_all(point_id)
        take_back(store, point_id, now=self.clock.now())

    def _store_left(self, job: Job) -> VaultStore | None:
        """Where the job's point is, if there is one: even in a vault that was deleted meanwhile."""
        point = (job.result or {}).get("point")
        with self.catalog.read() as tx:
            vault = vaults.find_by_id(tx, point["vault_id"]) if point else self._vault(tx, job)
        if vault is not None:
            return self.access.for_writing(vault)
        return self.access.of_deleted(job.site, point["vault_id"]) if point else None

    def settle(self, tx: Tx, job: Job, outcome: Outcome) -> None:
        """The point becomes visible in the same transaction that ends its job."""
        row = outcome.facts.get("point")
        if row is None or not outcome.is_good:
            return
        vault = vaults.find_by_id(tx, row["vault_id"])
        point = _point(job, row, completed_at=self.clock.now(), key_arn=vault.key_arn if vault else None)
        if show_point(tx, point, row):
            follow_up(tx, point, BackupRequest.from_json(job.request), now=self.clock.now())

    def _plan(self, job: Job, vault: Vault) -> _Plan | Outcome:
        request = BackupRequest.from_json(job.request)
        with self.catalog.read() as tx:
            resource = resources.get(tx, job.resource_arn, account_id=job.account_id, site=job.site)
            source = sources.find(tx, resource.source_id) if resource.source_id else None
            own_tags = tags.of(tx, job.resource_arn)
            previous = recovery_points.latest_of_resource(
                tx, vault_id=vault.id, resource_arn=job.resource_arn
            )
        if source is None:
            raise SourceMissing(f"the source of {job.resource_arn} has been removed")
        point_tags = own_tags | request.recovery_point_tags
        if len(point_tags) > MAX_TAGS:
            return failed(TOO_MANY_TAGS, category="InvalidParameters")
        return _Plan(job, request, vault, resource, spec_of(source), point_tags, previous)

    def _vault(self, tx: Tx, job: Job) -> Vault | None:
        return vaults.find(tx, account_id=job.account_id, site=job.site, name=job.vault_name or "")

    def _take(self, context: JobContext, plan: _Plan, store: VaultStore) -> PointRecord:
        troubles = Troubles()
        store.compact_index()
        before, tree = _previous_tree(store, plan.previous)
        connector = self.connector_of(plan.source.kind)
        now = self.clock.now()
        with ExitStack() as ending:
            parents = [before.point_id] if before else []
            session = ending.enter_context(store.session(parents=parents, lock=self._lock(plan, before)))
            checkpoints = self._checkpoints(context, plan, store, session, tree)
            tree = checkpoints.resumed or tree
            capture = ending.enter_context(
                connector.capture(plan.source, plan.resource.arn, tree, now=now, skip=troubles.add)
            )
            total_bytes = before.stats.total_bytes if before else plan.resource.size_bytes
            advance = ByteCount(context, total_bytes, done_bytes=session.stats.read_bytes)
            root = store.take_in(session, capture, tree, advance=advance, checkpoints=checkpoints)
            context.check()
            session.stats.skipped_items = troubles.count
            facts = _facts(plan, connector.restore_metadata(plan.source, plan.found))
            record = PointRecord(
                version=RECORD_VERSION,
                point_id=plan.point_id,
                point_arn=_point_arn(plan.job),
                resource_arn=plan.resource.arn,
                resource_type=plan.resource.resource_type,
                resource_name=plan.resource.name,
                job_id=plan.job.id,
                created_at=to_micros(plan.job.created_at),
                taken_at=to_micros(capture.taken_at),
                consistency=capture.consistency,
                previous_point_id=before.point_id if before else None,
                root=root,
                stats=session.stats,
                facts=facts | {TROUBLES: troubles.to_text()},
            )
            committed = session.finish(record)
            checkpoints.end()
            return committed

    def _checkpoints(
        self, context: JobContext, plan: _Plan, store: VaultStore, session: Session, before: PreviousTree
    ) -> Checkpointing:
        """Those of this attempt, which goes on with what an earlier one has noted."""
        noted = context.find_checkpoint(CHECKPOINT) if context.attempt > 1 else None
        return Checkpointing(
            session,
            CheckpointFolder(store.backend, store.keys, store.vault_id),
            plan.point_id,
            clock=self.clock,
            note=partial(context.put_checkpoint, CHECKPOINT),
            every_seconds=self.checkpoint_seconds,
            resumed=resume(store, session, noted, before) if noted is not None else None,
        )

    def _lock(self, plan: _Plan, before: PointRecord | None) -> PointLock | None:
        """What keeps the new point; None in a vault that is not locked."""
        lifecycle = plan.request.lifecycle
        delete_at = None if lifecycle is None else lifecycle.delete_at(plan.job.created_at)
        needed = retention_for(plan.vault, delete_at, self.clock.now())
        return None if needed is None else PointLock(needed, before)


def _previous_tree(
    store: VaultStore, previous: RecoveryPoint | None
) -> tuple[PointRecord | None, PreviousTree]:
    """The last point's tree, or the empty one; one that cannot be read is made good by reading everything."""
    if previous is not None:
        try:
            record = store.point(previous.id)
            return record, store.previous_tree(record)
        except (Damaged, ObjectMissing):
            pass
    return None, PreviousTree()


def _facts(plan: _Plan, restore_metadata: dict[str, str]) -> dict[str, str]:
    """What the catalog keeps of the point besides its record, so that its row can be made from the vault."""
    documents: dict[str, Any] = {
        "lifecycle": plan.job.request.get("lifecycle"),
        "created_by": plan.job.request.get("created_by"),
        "backup_options": plan.request.backup_options,
        "tags": plan.tags,
        "restore_metadata": restore_metadata,
        "resource_facts": dict(plan.resource.facts),
    }
    return {
        "account_id": plan.job.account_id,
        "site": plan.job.site,
        "vault_arn": plan.vault.arn,
        "role_arn": plan.job.role_arn or "",
        **{name: json.dumps(document) for name, document in documents.items()},
    }


def _outcome(job: Job, vault: Vault, record: PointRecord) -> Outcome:
    """As the record says, whichever attempt wrote it."""
    troubles = Troubles.from_text(record.facts[TROUBLES])
    message = troubles.message("could not be backed up as they should")
    if record.stats.surprises:
        told = f"{record.stats.surprises} files had changed although their times say otherwise"
        message = f"{message}. {told}" if message else told
    unmet = BackupRequest.from_json(job.request).unmet()
    if unmet is not None:
        message = f"{message}. {unmet}" if message else unmet
    row = {
        "vault_id": vault.id,
        "tags": json.loads(record.facts["tags"]),
        "restore_metadata": json.loads(record.facts["restore_metadata"]),
        "resource_facts": json.loads(record.facts["resource_facts"]),
        "resource_name": record.resource_name,
        "arn": record.point_arn,
        "size_bytes": record.stats.total_bytes,
        "locked_until": record.facts.get(UNTIL_FACT),
    }
    return Outcome(
        JobState.COMPLETED,
        message,
        "COMPLETED_WITH_ISSUES" if message else None,
        size_bytes=record.stats.total_bytes,
        recovery_point_arn=record.point_arn,
        facts={"point": row, "stats": msgspec.structs.asdict(record.stats), **troubles.facts()},
    )


def _point(job: Job, row: dict[str, Any], *, completed_at: datetime, key_arn: str | None) -> RecoveryPoint:
    request = BackupRequest.from_json(job.request)
    point = RecoveryPoint(
        id=job.id.lower(),
        arn=row["arn"],
        vault_id=row["vault_id"],
        account_id=job.account_id,
        site=job.site,
        job_id=job.id,
        resource_arn=job.resource_arn,
        resource_type=job.resource_type,
        resource_name=row["resource_name"],
        role_arn=job.role_arn,
        status=PointStatus.COMPLETED,
        created_at=job.created_at,
        completed_at=completed_at,
        size_bytes=row["size_bytes"],
        created_by=request.created_by,
        plan_id=job.plan_id,
        key_arn=key_arn,
        restore_metadata=row["restore_metadata"],
        facts=row["resource_facts"],
    )
    return with_lifecycle(point, request.lifecycle)


def _point_arn(job: Job) -> str:
    return job.recovery_point_arn or arns.recovery_point_arn(
        job.resource_type,
        job.resource_arn,
        site=job.site,
        account_id=job.account_id,
        point_id=job.id,
        created_at=job.created_at,
    )
