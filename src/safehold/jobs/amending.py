"""Facts that the API has accepted about recovery points are written into the vaults' stores.

The catalog's row is what the API shows at once; the vault's own amendment is what holds when the catalog
is lost. Writing one twice does no harm: of a kind, the fact that was decided last is what counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from safehold.core import log
from safehold.core.clock import Clock, to_micros
from safehold.core.errors import SafeholdError
from safehold.jobs.locks import retention_for
from safehold.jobs.vaults import VaultAccess
from safehold.records import amendments, recovery_points, vaults
from safehold.records.amendments import AmendmentKind, PendingAmendment
from safehold.records.engine import Catalog
from safehold.store.trees.search_tables import drop_tables

_log = log.get(__name__)

BATCH = 100
KEPT_DAYS = 7  # in the catalog, after the vault has them


@dataclass(frozen=True, slots=True)
class AmendmentWriter:
    """Several workers may run one each: what two of them write twice is the same fact."""

    catalog: Catalog
    access: VaultAccess
    clock: Clock

    def write_pending(self) -> int:
        """Write what is waiting; how many facts the vaults have got. One vault's trouble stops no other."""
        troubled: set[str] = set()
        written = 0
        while True:
            known_trouble = len(troubled)
            written += self._write_batch(troubled)
            if len(troubled) == known_trouble:
                return written

    def _write_batch(self, troubled: set[str]) -> int:
        """Write one batch for the vaults that are not in trouble; add those that now are."""
        with self.catalog.read() as tx:
            waiting = amendments.pending(tx, limit=BATCH, except_vaults=troubled)
        written = 0
        for amendment in waiting:
            if amendment.vault_id in troubled:  # ORDER: a vault's facts are written in the order they came
                continue
            try:
                self._write(amendment)
                written += 1
            except SafeholdError as error:
                troubled.add(amendment.vault_id)
                _log.warning("a vault cannot be told of a change", extra={"error": str(error)})
        return written

    def forget_written(self) -> None:
        """Drop from the catalog what the vaults have had for long."""
        with self.catalog.begin() as tx:
            amendments.forget_written_before(tx, self.clock.now() - timedelta(days=KEPT_DAYS))

    def _write(self, amendment: PendingAmendment) -> None:
        with self.catalog.read() as tx:
            vault = vaults.find_by_id(tx, amendment.vault_id)
            point = recovery_points.find_by_id(tx, amendment.recovery_point_id)
        if vault is not None:
            store = self.access.for_reading(vault)
            kept = None if point is None else retention_for(vault, point.delete_at, self.clock.now())
            facts = {name: json.dumps(value) for name, value in amendment.body.items()}
            store.amend(
                amendment.recovery_point_id,
                amendment.kind,
                facts,
                written_at=to_micros(amendment.created_at),
                # A deletion from before the lock goes with its point.
                kept=None if amendment.kind is AmendmentKind.DELETION else kept,
            )
            if amendment.kind is AmendmentKind.DELETION:
                drop_tables(store, amendment.recovery_point_id)
        with self.catalog.begin() as tx:
            amendments.mark_written(tx, amendment, now=self.clock.now())
