"""The store's fence, as the catalog keeps it. A catalog that is away makes a commit late, and no more."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass

from safehold.core.clock import Clock
from safehold.jobs.patience import patiently
from safehold.records import writer_intents
from safehold.records.engine import Catalog

NEVER = threading.Event()  # the process ends, should the worker stop while the catalog is away


@dataclass(frozen=True, slots=True)
class CatalogFence:
    """See store.intents.Fence. Processes may share the rows. `revoke` raises CatalogUnavailable."""

    catalog: Catalog
    vault_id: str
    clock: Clock

    def admit(self, intent_id: str, point_id: str) -> bool:
        def once() -> bool:
            with self.catalog.begin() as tx:
                return writer_intents.admit(
                    tx, intent_id, vault_id=self.vault_id, point_id=point_id, now=self.clock.now()
                )

        return patiently(once, stopping=NEVER)

    def revoke(self, intent_id: str) -> Collection[str] | None:
        with self.catalog.begin() as tx:
            return writer_intents.revoke(tx, intent_id, vault_id=self.vault_id, now=self.clock.now())
