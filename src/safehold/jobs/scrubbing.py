"""Vaults are read back a little at a time, each once a day within its budget, between other upkeep."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from safehold.core import log
from safehold.core.clock import Clock
from safehold.core.errors import SafeholdError
from safehold.domain.vaults import Vault
from safehold.jobs.vaults import VaultAccess
from safehold.records import scrubs, vaults
from safehold.records.engine import Catalog
from safehold.records.scrubs import ScrubState
from safehold.store.upkeep.scrub import ALARM_DAYS, Scrub, ScrubReport, is_overdue

_log = log.get(__name__)

EVERY = timedelta(days=1)
AGAIN = timedelta(hours=1)  # after a store gave no answer
LOOK_SECONDS = 60.0  # between two looks for a vault that is due
STEP_BYTES = 32 << 20  # read back at a time: other upkeep waits that long
STEP_OBJECTS = 50


class Scrubber:
    """One worker's part in it: the catalog decides who takes a vault on. `work` is called often."""

    def __init__(self, catalog: Catalog, access: VaultAccess, clock: Clock, *, bytes_per_day: int) -> None:
        self._catalog = catalog
        self._access = access
        self._clock = clock
        self._bytes_per_day = bytes_per_day
        self._vault: Vault | None = None  # taken on
        self._scrub: Scrub | None = None
        self._looked_at: float | None = None

    def work(self) -> None:
        """Read a little of the vault that is being scrubbed; when there is none, take one on that is due."""
        if self._bytes_per_day <= 0:
            return
        try:
            self._vault = self._vault or self._take_on()
            if self._vault is not None:
                self._read(self._vault)
        except SafeholdError as error:
            self._give_up(error)

    def _take_on(self) -> Vault | None:
        now = self._clock.monotonic()
        if self._looked_at is not None and now - self._looked_at < LOOK_SECONDS:
            return None
        vault = self._claim_one()
        if vault is None:
            self._looked_at = now  # not before: vaults that are due follow one another at once
        return vault

    def _claim_one(self) -> Vault | None:
        with self._catalog.read() as tx:
            known = [vault for vault in vaults.every(tx) if vault.point_count]
        for vault in known:
            with self._catalog.begin() as tx:
                if scrubs.claim(tx, vault, now=self._clock.now(), every=EVERY):
                    return vault
        return None

    def _read(self, vault: Vault) -> None:
        if self._scrub is None:
            store = self._access.for_reading(vault)
            self._scrub = Scrub(store, budget_bytes=self._bytes_per_day, clock=self._clock)
        scrub, report = self._scrub, self._scrub.report
        bytes_before, objects_before = report.bytes_read, report.objects
        while scrub.step():
            is_enough = report.bytes_read - bytes_before >= STEP_BYTES
            if is_enough or report.objects - objects_before >= STEP_OBJECTS:
                return
        note_scrub(self._catalog, vault, scrub.finish(), now=self._clock.now())
        self._vault = self._scrub = None

    def _give_up(self, error: SafeholdError) -> None:
        vault, self._vault, self._scrub = self._vault, None, None
        extra = {"error": str(error)}
        if vault is None:
            _log.warning("no vault can be scrubbed", extra=extra)
            return
        _log.warning("a vault's scrub ended early", extra=extra | {"vault": vault.name})
        with self._catalog.begin() as tx:
            state = scrubs.of(tx, vault)
            now = self._clock.now()
            scrubs.put(tx, vault, replace(state, started_at=now - EVERY + AGAIN), now=now)


def note_scrub(catalog: Catalog, vault: Vault, report: ScrubReport, *, now: datetime) -> None:
    """The catalog knows how the vault stands; what somebody should know stands in the log."""
    with catalog.begin() as tx:
        started_at = scrubs.of(tx, vault).started_at
        state = ScrubState(started_at, now, report.oldest_at, report.condemned, report.unread_count)
        scrubs.put(tx, vault, state, now=now)
    for sentence in alarms(vault, state, now):
        _log.warning(sentence, extra={"vault": vault.name})


def alarms(vault: Vault, state: ScrubState, now: datetime) -> list[str]:
    """What about the vault's soundness needs somebody's attention, as sentences."""
    told = []
    # What was never scrubbed is as old as the vault at most.
    oldest_at = state.oldest_at or (vault.created_at if vault.point_count else None)
    if is_overdue(oldest_at, now):
        assert oldest_at is not None
        days = (now - oldest_at).days
        told.append(
            f"vault {vault.name}: parts of it were not read back for {days} days (more than {ALARM_DAYS})"
        )
    if state.condemned_count:
        told.append(f"vault {vault.name}: {state.condemned_count} objects are damaged")
    return told
