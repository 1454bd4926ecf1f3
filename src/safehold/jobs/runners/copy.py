"""Copy jobs: a recovery point becomes another one, in another vault, under other keys.

The copy's id is the job's, fixed when the job was made: an attempt that finds the copy there already takes it
for its own, so that a job never makes two.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from safehold.core.clock import Clock
from safehold.domain import locking
from safehold.domain.air_gap import check_takes_points
from safehold.domain.copy_requests import OTHER_ACCOUNT, SAME_ORGANIZATION, CopyJobRequest, destination_of
from safehold.domain.job_states import JobState
from safehold.domain.jobs import Job
from safehold.domain.recovery_points import PointStatus, RecoveryPoint, with_lifecycle
from safehold.domain.vaults import Vault
from safehold.jobs.bytecount import ByteCount
from safehold.jobs.context import JobContext
from safehold.jobs.locks import retention_for
from safehold.jobs.outcome import Outcome, failed
from safehold.jobs.runners.points import show_point, take_back
from safehold.jobs.vaults import VaultAccess
from safehold.records import organizations, recovery_points, tags, vaults
from safehold.records.engine import Catalog
from safehold.records.tx import Tx
from safehold.store.backends.retention import UNTIL_FACT
from safehold.store.copies.copying import CopyOrder, copy_point
from safehold.store.points.points import PointRecord

NO_VAULT = "Copy job failed because backup vault {arn} does not exist."
NO_POINT = "Copy job failed because the recovery point has been deleted since the copy was asked for."
SAME_VAULT = "Copy job failed because the source and the destination backup vault are the same."
EARLIER = 20  # of the resource's newest points in the destination, to find one that can be built upon


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that the catalog knows and the copy needs, read in one transaction."""

    job: Job
    request: CopyJobRequest
    source: Vault
    target: Vault
    point: RecoveryPoint
    tags: dict[str, str]
    earlier: list[str]

    @property
    def delete_at(self) -> datetime | None:
        """When the copy's life is over: its days count from the original's creation."""
        return with_lifecycle(self.point, self.request.lifecycle).delete_at


@dataclass(frozen=True, slots=True)
class CopyRunner:
    """See jobs.context.Runner."""

    catalog: Catalog
    access: VaultAccess
    clock: Clock

    def run(self, context: JobContext) -> Outcome:
        with self.catalog.read() as tx:
            plan = _plan(tx, context.job)
        if isinstance(plan, Outcome):
            return plan
        record = copy_point(
            self.access.for_writing(plan.source),  # its intent keeps collection off what is read
            self.access.for_writing(plan.target),
            _order(plan),
            earlier=plan.earlier,
            kept=retention_for(plan.target, plan.delete_at, self.clock.now()),
            advance=ByteCount(context, plan.point.size_bytes),
        )
        return _outcome(plan, record)

    def settle(self, tx: Tx, job: Job, outcome: Outcome) -> None:
        """The copy becomes visible in the same transaction that ends its job."""
        row = outcome.facts.get("copy")
        if row is None or not outcome.is_good:
            return
        vault = vaults.find_by_id(tx, row["vault_id"])
        copy = _copy(job, row, completed_at=self.clock.now(), key_arn=vault.key_arn if vault else None)
        show_point(tx, copy, row)

    def discard(self, job: Job) -> None:
        """An attempt may have written the copy and died, or lost the job, before it said so: it shall not
        stand.
        """
        with self.catalog.read() as tx:
            target = vaults.find_by_arn(tx, job.vault_arn or "")
        if target is None or job.attempt == 0:
            return
        take_back(self.access.for_writing(target), job.id.lower(), now=self.clock.now())


def _plan(tx: Tx, job: Job) -> _Plan | Outcome:
    """What is to be done, or how the job ends when nothing can be."""
    request = CopyJobRequest.from_json(job.request)
    destination = destination_of(job.vault_arn or "")
    if destination.account_id != job.account_id:
        return failed(_account_fault(tx, job, destination.account_id), category="InvalidParameters")
    target = vaults.find_by_arn(tx, destination.arn)
    if target is None:
        return failed(NO_VAULT.format(arn=destination.arn), category="VaultNotFound")
    check_takes_points(target)
    if target.id == request.source_vault_id:
        return failed(SAME_VAULT, category="InvalidParameters")
    source = vaults.find_by_id(tx, request.source_vault_id)
    point = recovery_points.find_by_id(tx, request.source_point_id)
    if source is None or point is None or point.status is PointStatus.DELETING:
        return failed(NO_POINT, category="RecoveryPointNotFound")
    if not locking.is_in_range(target, request.lifecycle):
        return failed(locking.COPY_OUT_OF_RANGE, category="InvalidParameters")
    there = recovery_points.page_of_vault(
        tx, vault_id=target.id, resource_arn=point.resource_arn, limit=EARLIER
    )
    own_tags, earlier = tags.of(tx, point.arn), [known.id for known in there]
    return _Plan(job, request, source, target, point, own_tags, earlier)


def _account_fault(tx: Tx, job: Job, other_account_id: str) -> str:
    """Why there is no copy to another account. Source: AWS Backup Developer Guide, "Cross-account backup"."""
    own, other = (organizations.of_account(tx, account) for account in (job.account_id, other_account_id))
    return OTHER_ACCOUNT if own is None or own != other else SAME_ORGANIZATION


def _order(plan: _Plan) -> CopyOrder:
    """What is copied, and what the copy's record says of itself instead of what the original's said."""
    documents: dict[str, Any] = {
        "lifecycle": plan.job.request.get("lifecycle"),
        "created_by": plan.job.request.get("created_by"),
        "tags": plan.tags,
        "restore_metadata": dict(plan.point.restore_metadata),
        "resource_facts": dict(plan.point.facts),
    }
    facts = {
        "account_id": plan.target.account_id,
        "site": plan.target.site,
        "vault_arn": plan.target.arn,
        "role_arn": plan.job.role_arn or "",
        **{name: json.dumps(document) for name, document in documents.items()},
    }
    return CopyOrder(
        source_point_id=plan.point.id,
        point_id=plan.job.id.lower(),
        point_arn=plan.request.destination_point_arn,
        job_id=plan.job.id,
        facts=facts,
    )


def _outcome(plan: _Plan, record: PointRecord) -> Outcome:
    row = {
        "vault_id": plan.target.id,
        "account_id": plan.target.account_id,
        "site": plan.target.site,
        "created_at": plan.point.created_at.isoformat(),
        "tags": json.loads(record.facts["tags"]),
        "restore_metadata": json.loads(record.facts["restore_metadata"]),
        "resource_facts": json.loads(record.facts["resource_facts"]),
        "size_bytes": record.stats.total_bytes,
        "locked_until": record.facts.get(UNTIL_FACT),
    }
    stats = msgspec.structs.asdict(record.stats)
    return Outcome(
        JobState.COMPLETED, size_bytes=record.stats.total_bytes, facts={"copy": row, "stats": stats}
    )


def _copy(job: Job, row: dict[str, Any], *, completed_at: datetime, key_arn: str | None) -> RecoveryPoint:
    request = CopyJobRequest.from_json(job.request)
    point = RecoveryPoint(
        id=job.id.lower(),
        arn=request.destination_point_arn,
        vault_id=row["vault_id"],
        account_id=row["account_id"],
        site=row["site"],
        job_id=job.id,
        resource_arn=job.resource_arn,
        resource_type=job.resource_type,
        resource_name=job.resource_name,
        role_arn=job.role_arn,
        status=PointStatus.COMPLETED,
        created_at=datetime.fromisoformat(row["created_at"]),
        completed_at=completed_at,
        size_bytes=row["size_bytes"],
        created_by=request.created_by,
        plan_id=None if request.created_by is None else request.created_by.plan_id,
        key_arn=key_arn,
        restore_metadata=row["restore_metadata"],
        facts=row["resource_facts"],
    )
    return with_lifecycle(point, request.lifecycle)
