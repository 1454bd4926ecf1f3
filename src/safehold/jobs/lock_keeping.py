"""Sees to it that the stores of locked vaults keep what the locks promise, in a thread of its own.

New points are locked by the jobs that write them. Here comes what no job does: points from before the lock
and those whose life was lengthened, points without an end whose date is renewed, a lock that becomes final,
and the daily look whether the place still keeps what it says. Several workers may run one each: all of it
bears being done twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from safehold.core import log
from safehold.core.clock import Clock
from safehold.core.errors import Damaged, ObjectMissing, SafeholdError
from safehold.domain import locking
from safehold.domain.locking import LockStage
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.vaults import Vault, VaultState
from safehold.jobs import lock_facts
from safehold.jobs.aside import Aside
from safehold.jobs.hold_keeping import HoldKeeping
from safehold.jobs.locks import retention_for
from safehold.jobs.vaults import VaultAccess
from safehold.records import point_locks, settings, vault_locks, vaults
from safehold.records.engine import Catalog
from safehold.records.vault_locks import Locking
from safehold.store.backends.contract import Backend
from safehold.store.backends.contract import locking as can_lock
from safehold.store.custody.point_locks import keep_point
from safehold.store.points.locking import make_final

_log = log.get(__name__)

LOOK_EVERY = timedelta(days=1)  # whether the place keeps what it says
POINTS_SECONDS = 60.0  # between two looks at all points of a vault, of which there may be a million
BATCH = 100
NOTED_OBJECTS = 200  # made final between two notes of how far it is


@dataclass(slots=True)
class LockKeeping:
    """`start_due` is called often; a piece of work that is going on is not begun twice here."""

    catalog: Catalog
    access: VaultAccess
    clock: Clock
    _aside: Aside = field(default_factory=lambda: Aside("locks"))
    _told: dict[str, lock_facts.Facts] = field(default_factory=dict)  # what vaults say of themselves, by id
    _looked: dict[str, _Look] = field(default_factory=dict)  # at vaults' points
    _holds: HoldKeeping | None = field(default=None)  # for as long as this: it remembers what is damaged

    def start_due(self) -> None:
        """Begin what is due, unless it is going on already."""
        self._aside.start(self._try)

    def join(self) -> None:
        """What was begun is done."""
        self._aside.join()

    def _try(self) -> None:
        try:
            self.work()
        except SafeholdError as error:  # the catalog is away: the next start does it
            _log.warning("locks and holds cannot be seen to", extra={"error": str(error)})

    def work(self) -> None:
        """All that is due now is done. One vault's trouble stops no other."""
        with self.catalog.read() as tx:
            known = vaults.every(tx)
        for vault in known:
            if vault.is_locked or self._may_be_locked(vault):
                self._survive(vault)
        if self._holds is None:
            self._holds = HoldKeeping(self.catalog, self.access, self.clock)
        self._holds.work()

    def _may_be_locked(self, vault: Vault) -> bool:
        """Could the vault itself say that it is locked, where the catalog says that it is open?"""
        return vault.point_count > 0 and self._told.get(vault.id) != lock_facts.OPEN

    def _survive(self, vault: Vault) -> None:
        try:
            trouble = self._keep(self._settled(vault))
        except SafeholdError as error:
            trouble = f"{error} {error.hint}".strip()
            _log.warning("a vault's lock is not kept", extra={"vault": vault.name, "error": trouble})
        self._note(vault, trouble)

    def _note(self, vault: Vault, trouble: str | None) -> None:
        with self.catalog.read() as tx:  # a writer keeps others waiting, and mostly there is nothing to write
            known = vault_locks.of(tx, vault.id)
        if known.trouble != trouble:
            with self.catalog.begin() as tx:
                vault_locks.put(tx, vault.id, replace(vault_locks.of(tx, vault.id), trouble=trouble))

    def _settled(self, vault: Vault) -> Vault:
        """The vault, its lock final for good from the moment that anybody here saw its date pass."""
        if vault.lock_is_final or locking.stage(vault, self.clock.now()) is not LockStage.FINAL:
            return vault
        with self.catalog.begin() as tx:
            vault_locks.mark_final(tx, vault.id)
        _log.info("a vault's lock is final", extra={"vault": vault.name})
        return replace(vault, lock_is_final=True)

    def _keep(self, vault: Vault) -> str | None:
        """What is still wrong afterwards, as a sentence; None: nothing."""
        if vault.state is VaultState.CREATING:
            return self._make(vault)
        if vault.point_count == 0:
            return None
        vault = self._agreed(vault)
        if not vault.is_locked:
            return None
        troubles = [self._look(vault), *self._of_points(vault)]
        if vault.lock_is_final:
            self._make_final(vault)
        return next(filter(None, troubles), None)

    def _of_points(self, vault: Vault) -> list[str]:
        """All points are kept long enough, but for these troubles.

        They are looked at when the vault's lock has changed, and once in a while: a job from before the lock
        may have ended since.
        """
        now, facts = self.clock.monotonic(), lock_facts.facts_of(vault)
        seen = self._looked.get(vault.id)
        if seen is not None and seen.facts == facts and now - seen.at < POINTS_SECONDS:
            return seen.troubles
        troubles = self._keep_short(vault)
        self._looked[vault.id] = _Look(now, facts, troubles)
        return troubles

    def _agreed(self, vault: Vault) -> Vault:
        """The vault, which itself says of its lock what the catalog says; where it says more, that holds."""
        if self._told.get(vault.id) == lock_facts.facts_of(vault):
            return vault
        store = self.access.for_reading(vault)
        says = lock_facts.told(store)
        believed = lock_facts.believe(self.catalog, vault, says)
        if believed is not vault:
            _log.error("a vault that is locked for ever was open in the catalog", extra={"vault": vault.name})
        if says != lock_facts.facts_of(believed):
            says = lock_facts.tell(store, believed, self.clock.now())
        self._told[vault.id] = says
        return believed

    def _make(self, vault: Vault) -> str | None:
        """An air-gapped vault gets its store, and is AVAILABLE; FAILED where objects cannot be locked."""
        store = self.access.for_writing(vault)
        trouble = None if can_lock(store.backend) else "objects cannot be locked there"
        trouble = trouble or self.access.lock_trouble(vault)
        state = VaultState.AVAILABLE if trouble is None else VaultState.FAILED
        with self.catalog.begin() as tx:
            vaults.set_state(tx, vault.id, state, from_state=VaultState.CREATING)
        return trouble

    def _look(self, vault: Vault) -> str | None:
        now = self.clock.now()
        with self.catalog.read() as tx:
            known = vault_locks.of(tx, vault.id)
        is_fresh = known.checked_at is not None and now - known.checked_at < LOOK_EVERY
        if is_fresh and known.trouble is None:
            return None
        trouble = self.access.lock_trouble(vault)
        if trouble is None:
            lock_facts.renew(self.access.for_reading(vault), vault, now)
        with self.catalog.begin() as tx:
            vault_locks.put(tx, vault.id, replace(known, checked_at=now, trouble=trouble))
        return trouble

    def _keep_short(self, vault: Vault) -> list[str]:
        """All points are kept long enough but those that are told of: one's damage keeps no other from it."""
        now = self.clock.now()
        troubles: dict[str, str] = {}
        while True:
            with self.catalog.read() as tx:
                short = point_locks.kept_too_short(tx, vault, now=now, limit=BATCH + len(troubles))
            short = [point for point in short if point.id not in troubles]
            if not short:
                return list(troubles.values())
            for point in short:
                try:
                    self._keep_one(vault, point, now)
                except (Damaged, ObjectMissing) as error:
                    troubles[point.id] = f"recovery point {point.arn}: {error}"

    def _keep_one(self, vault: Vault, point: RecoveryPoint, now: datetime) -> None:
        needed = retention_for(vault, point.delete_at, now)
        assert needed is not None  # only locked vaults come here
        # Each point by itself: what one store remembers of many would grow with the vault.
        keep_point(self.access.for_reading(vault), point.id, needed)
        with self.catalog.begin() as tx:
            point_locks.put_until(tx, point.id, vault_id=vault.id, until=needed.until)

    def _make_final(self, vault: Vault) -> None:
        with self.catalog.read() as tx:
            known = vault_locks.of(tx, vault.id)
            # They put objects in the mode from before: what is made final must be all there is.
            is_early = vault_locks.has_older_writers(tx, vault)
        if known.final_at is not None or is_early:
            return
        noting = _Noting(self.catalog, vault.id, known)
        make_final(self._place_read(vault), progress=noting.note, after=known.after)
        noting.finish(self.clock.now())
        _log.info("all objects of a locked vault are final", extra={"vault": vault.name})

    def _place_read(self, vault: Vault) -> Backend:
        """The place as the vault's keys read it: of a name with several versions the right one."""
        return self.access.for_reading(vault).backend


@dataclass(frozen=True, slots=True)
class _Look:
    """When all points of a vault were looked at, what its lock was then, and what was found."""

    at: float
    facts: lock_facts.Facts
    troubles: list[str]


@dataclass(slots=True)
class _Noting:
    """Writes down how far a lock is being made final: `locking n of m`, and where to go on after a cut."""

    catalog: Catalog
    vault_id: str
    known: Locking
    _unnoted: int = 0

    def note(self, done: int, total: int, name: str) -> None:
        self.known = replace(self.known, done=done, total=total, after=name)
        self._unnoted += 1
        if self._unnoted >= NOTED_OBJECTS:
            self._put(self.known)
            self._unnoted = 0

    def finish(self, now: datetime) -> None:
        self._put(replace(self.known, final_at=now))

    def _put(self, known: Locking) -> None:
        with self.catalog.begin() as tx:
            vault_locks.put(tx, self.vault_id, known)


def alarms(catalog: Catalog, vault: Vault, now: datetime) -> list[str]:
    """What about the vault's lock needs somebody's attention, as sentences."""
    with catalog.read() as tx:
        known = vault_locks.of(tx, vault.id)
        is_overdue = vault.is_locked and point_locks.overdue(
            tx, vault, forever_until=now + locking.ALARM_BEFORE, now=now
        )
        is_proved = settings.key_export_is_proved(tx, vault)
    told = []
    if vault.is_locked and not is_proved:
        told.append(
            f"vault {vault.name}: it is locked, and no export of its keys was proved to open it: run "
            f"`safehold keys export --vault {vault.name} --out KIT`, then `safehold keys prove KIT`"
        )
    if vault.is_locked and known.trouble is not None:
        told.append(f"vault {vault.name}: its lock is not kept where it lives: {known.trouble}")
    if is_overdue:
        told.append(
            f"vault {vault.name}: locks of points that are kept for ever end within "
            f"{locking.ALARM_BEFORE.days} days and are not renewed"
        )
    return told


def points_to_lock(catalog: Catalog, vault: Vault, now: datetime) -> int:
    """How many points of a locked vault the store does not keep long enough yet; counts to a thousand."""
    with catalog.read() as tx:
        return len(point_locks.kept_too_short(tx, vault, now=now, limit=1000))


def state_of(catalog: Catalog, vault: Vault, now: datetime) -> str:
    """How firmly the vault is locked, as a phrase; `locking n of m` while its objects are made final."""
    stage = locking.stage(vault, now)
    if stage is LockStage.OPEN:
        return "not locked"
    if stage is LockStage.GOVERNANCE:
        return "locked, until somebody takes the lock off"
    if stage is LockStage.COOLING:
        return f"locked, for ever from {vault.lock_date:%Y-%m-%d %H:%M} UTC"
    with catalog.read() as tx:
        known = vault_locks.of(tx, vault.id)
    if known.final_at is None and vault.point_count:
        return f"locked for ever, locking {known.done} of {known.total or 'all'} objects"
    return "locked for ever"
