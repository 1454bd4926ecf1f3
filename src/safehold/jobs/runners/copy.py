"""Copy jobs: a recovery point becomes another one, in another vault."""

from __future__ import annotations

from dataclasses import dataclass

from safehold.domain.copy_requests import OTHER_ACCOUNT, CopyJobRequest, destination_of
from safehold.jobs.context import JobContext
from safehold.jobs.outcome import Outcome, failed
from safehold.records import recovery_points, vaults
from safehold.records.engine import Catalog

NO_VAULT = "Copy job failed because backup vault {arn} does not exist."
NO_POINT = "Copy job failed because the recovery point has been deleted since the copy was asked for."
NOT_COPIED = "Copy job failed because this release of Safehold does not copy recovery points yet."


@dataclass(frozen=True, slots=True)
class CopyRunner:
    """See jobs.context.Runner."""

    catalog: Catalog

    def run(self, context: JobContext) -> Outcome:
        job = context.job
        request = CopyJobRequest.from_json(job.request)
        destination = destination_of(job.vault_arn or "")
        if destination.account_id != job.account_id:
            return failed(OTHER_ACCOUNT, category="InvalidParameters")
        with self.catalog.read() as tx:
            target = vaults.find_by_arn(tx, destination.arn)
            point = recovery_points.find_by_id(tx, request.source_point_id)
        if target is None:
            return failed(NO_VAULT.format(arn=destination.arn), category="VaultNotFound")
        if point is None:
            return failed(NO_POINT, category="RecoveryPointNotFound")
        return failed(NOT_COPIED, category="NotSupported")
