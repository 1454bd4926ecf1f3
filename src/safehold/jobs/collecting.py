"""Collection of every vault, again and again, in a thread of its own: a large vault takes minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from safehold.core import log
from safehold.core.clock import Clock, to_micros
from safehold.core.errors import SafeholdError
from safehold.domain.vaults import Vault
from safehold.jobs.aside import Aside
from safehold.jobs.vaults import VaultAccess
from safehold.records import vaults, writer_intents
from safehold.records.engine import Catalog
from safehold.store.collect.journal import Journal
from safehold.store.collect.settings import CollectionSettings

_log = log.get(__name__)

KEPT_DAYS = 30  # rows of writers that ended; far longer than any backup


@dataclass(slots=True)
class Collecting:
    """Several workers may run one each: two runs on one vault do each other no harm, only work twice."""

    catalog: Catalog
    access: VaultAccess
    clock: Clock
    every: timedelta
    settings: CollectionSettings
    who: str = ""
    _aside: Aside = field(default_factory=lambda: Aside("collect"))

    def start_due(self) -> None:
        """Begin to collect what is due, unless that is going on already."""
        self._aside.start(self.collect_due)

    def collect_due(self) -> int:
        """Collect every vault that is due; how many were. One's trouble stops no other."""
        with self.catalog.read() as tx:
            known = vaults.every(tx)
        return sum(_survive(vault, self._collect_if_due) for vault in known)

    def _collect_if_due(self, vault: Vault) -> bool:
        if vault.point_count == 0 and not self._was_used(vault):
            return False
        collection = self.access.for_collecting(vault, self.settings, who=self.who)
        store = self.access.for_reading(vault)
        for run in Journal(store.backend, store.keys, store.vault_id).runs(newest=1):
            if run.seen.written_at > to_micros(self.clock.now() - self.every):
                return False
        report = collection.run()
        facts = {"vault": vault.name, "announced": len(report.announced), "purged": len(report.purged)}
        _log.info("collected a vault", extra=facts)
        return True

    def _was_used(self, vault: Vault) -> bool:
        """A vault that never held a point has no place yet."""
        try:
            return any(True for _ in self.access.place(vault).list("keys/"))
        except SafeholdError:
            return False

    def forget_writers(self) -> int:
        """Drop rows of writers that ended long ago; how many."""
        with self.catalog.begin() as tx:
            return writer_intents.forget_before(tx, self.clock.now() - timedelta(days=KEPT_DAYS))


def _survive(vault: Vault, work: Callable[[Vault], bool]) -> bool:
    try:
        return work(vault)
    except SafeholdError as error:
        told = {"vault": vault.name, "error": f"{error} {error.hint}".strip()}
        _log.warning("a vault cannot be collected", extra=told)
        return False
