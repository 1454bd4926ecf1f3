"""Index jobs: what a recovery point holds can be searched afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from safehold.core.clock import Clock
from safehold.core.errors import ResourceNotFound
from safehold.domain.job_states import JobState
from safehold.domain.jobs import Job
from safehold.domain.point_indexes import IndexStatus
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.vaults import Vault
from safehold.jobs.context import JobContext
from safehold.jobs.indexing import build_tables
from safehold.jobs.outcome import Outcome
from safehold.jobs.troubles import Troubles
from safehold.jobs.vaults import VaultAccess
from safehold.records import point_indexes, recovery_points, vaults
from safehold.records.engine import Catalog
from safehold.records.tx import Tx
from safehold.store.trees.search_tables import drop_tables


@dataclass(frozen=True, slots=True)
class IndexRunner:
    """See jobs.context.Runner. A second attempt begins anew, with tables of its own."""

    catalog: Catalog
    access: VaultAccess
    clock: Clock

    def run(self, context: JobContext) -> Outcome:
        point, vault = self._look_up(context.job)
        store = self.access.for_reading(vault)
        troubles = Troubles()
        built = build_tables(
            store, store.point(point.id), skip=troubles, advance=lambda count: context.progress(0)
        )
        context.check()  # ORDER: whoever lost the job drops nothing: the tables there are another attempt's
        drop_tables(store, point.id, keep=built.build)
        message = troubles.message("could not be read and stand in no index")
        facts: dict[str, Any] = {"build": built.build, "rows": built.rows, **troubles.facts()}
        return Outcome(JobState.COMPLETED, message, facts=facts)

    def settle(self, tx: Tx, job: Job, outcome: Outcome) -> None:
        """The index can be searched from now on, or says why not; unless it is unwanted meanwhile."""
        values: dict[str, Any] = {"status_message": outcome.status_message}
        if outcome.is_good:
            values |= {"status": IndexStatus.ACTIVE, "completed_at": self.clock.now()}
            values |= {"build": outcome.facts["build"], "item_count": outcome.facts["rows"]}
        else:
            values["status"] = IndexStatus.FAILED
        point_indexes.update_index(tx, job.request["recovery_point_id"], job_id=job.id, **values)

    def _look_up(self, job: Job) -> tuple[RecoveryPoint, Vault]:
        with self.catalog.read() as tx:
            point = recovery_points.find_by_id(tx, job.request["recovery_point_id"])
            vault = vaults.find_by_id(tx, point.vault_id) if point else None
        if point is None or vault is None:
            raise ResourceNotFound("the recovery point has been deleted since its index was asked for")
        return point, vault
