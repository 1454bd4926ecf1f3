"""What workers keep up between jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from safehold.core.clock import FixedClock
from safehold.jobs.upkeep import all_upkeep
from safehold.jobs.vaults import VaultAccess
from safehold.records import idempotency
from safehold.records.engine import Catalog
from tests.jobs.conftest import NOW


def no_connector(resource_type: str) -> None:
    raise AssertionError(resource_type)


def test_tokens_are_forgotten_after_a_week(catalog: Catalog, clock: FixedClock) -> None:
    key = idempotency.Key("1" * 12, "us-east-1", "StartBackupJob", "token")
    with catalog.begin() as tx:
        idempotency.store(tx, key, request_digest="d", response={}, now=NOW)
    access = cast(VaultAccess, None)  # this work asks no vault
    every = all_upkeep(catalog, access, no_connector, clock, discovery_seconds=60, scrub_bytes_per_day=0)  # type: ignore[arg-type]
    work = {upkeep.name: upkeep.work for upkeep in every}["forget tokens"]
    for days, is_known in ((7, True), (8, False)):
        clock.at = NOW + timedelta(days=days)
        work()
        with catalog.read() as tx:
            assert (idempotency.find(tx, key, request_digest="d") is not None) is is_known
