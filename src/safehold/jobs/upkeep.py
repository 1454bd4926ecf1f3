"""What workers do besides jobs: ask sources what they hold, tell vaults what has changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from safehold.connectors.contract import Connector
from safehold.core.clock import Clock
from safehold.domain.searches import KEPT
from safehold.jobs.amending import AmendmentWriter
from safehold.jobs.collecting import Collecting
from safehold.jobs.discarding import Discarder
from safehold.jobs.discovery import discover_due
from safehold.jobs.indexing import IndexKeeper
from safehold.jobs.lock_keeping import LockKeeping
from safehold.jobs.runners import all_runners
from safehold.jobs.scrubbing import Scrubber
from safehold.jobs.vaults import VaultAccess
from safehold.jobs.worker import Upkeep
from safehold.records import idempotency, searches
from safehold.records.engine import Catalog

MINUTE, HOUR = 60.0, 3600.0
LOCK_SECONDS = 3.0  # from a lock, or its date, to what the store does about it
SCRUB_SECONDS = 0.5  # between two pieces of a vault that is being read back
TOKEN_DAYS = 7  # far longer than any client goes on sending the same request


def all_upkeep(
    catalog: Catalog,
    access: VaultAccess,
    connector_of: Callable[[str], Connector],
    clock: Clock,
    *,
    discovery_seconds: float,
    scrub_bytes_per_day: int,
    collecting: Collecting | None = None,
) -> list[Upkeep]:
    """The one list of it. `collecting`: None where vaults are collected by hand."""
    writer = AmendmentWriter(catalog, access, clock)
    discarder = Discarder(catalog, all_runners(catalog, access, connector_of, clock), clock)
    locks = LockKeeping(catalog, access, clock)
    scrubber = Scrubber(catalog, access, clock, bytes_per_day=scrub_bytes_per_day)

    def discover() -> int:
        return discover_due(catalog, connector_of, now=clock.now(), every_seconds=discovery_seconds)

    def forget_tokens() -> int:
        with catalog.begin() as tx:
            return idempotency.forget_before(tx, clock.now() - timedelta(days=TOKEN_DAYS))

    def forget_found() -> int:
        with catalog.begin() as tx:
            return searches.forget_found_before(tx, clock.now() - KEPT)

    collect = [] if collecting is None else [Upkeep("collect", 10 * MINUTE, collecting.start_due)]
    forget = [] if collecting is None else [Upkeep("forget writers", HOUR, collecting.forget_writers)]
    return [
        *collect,
        *forget,
        Upkeep("discover", max(1.0, discovery_seconds / 10), discover),
        Upkeep("tell vaults", 1.0, writer.write_pending),
        Upkeep("keep indexes", 2.0, IndexKeeper(catalog, access, clock).work),
        Upkeep("forget what vaults know", HOUR, writer.forget_written),
        Upkeep("take back what jobs left", MINUTE, discarder.discard_due),
        Upkeep("forget tokens", HOUR, forget_tokens),
        Upkeep("forget what was found", HOUR, forget_found),
        Upkeep("keep locked vaults", LOCK_SECONDS, locks.start_due),
        Upkeep("scrub", SCRUB_SECONDS, scrubber.work),
    ]
