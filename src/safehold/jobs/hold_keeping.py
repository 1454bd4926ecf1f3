"""Sees to it that the stores hold what legal holds cover, and let go of it when none does any more.

The API refuses to delete a held point at once; here the vault itself is told: an amendment, and the store's
own hold on each object where it has such holds. Several workers may do it at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from safehold.core import log
from safehold.core.clock import Clock, to_micros
from safehold.core.errors import Damaged, ObjectMissing, SafeholdError
from safehold.domain.legal_holds import HoldStatus, LegalHold
from safehold.domain.recovery_points import RecoveryPoint
from safehold.jobs.locks import retention_for
from safehold.jobs.vaults import VaultAccess
from safehold.records import legal_holds, point_locks, tags, vaults
from safehold.records.engine import Catalog
from safehold.store.backends.contract import locking
from safehold.store.collect.undeleting import keep_again
from safehold.store.custody.point_locks import hold_point, release_point
from safehold.store.names import ObjectType
from safehold.store.points.locking import hold_all, needs_locks
from safehold.store.points.points import HELD, HOLD, RELEASED, STATE, is_deleted, is_held
from safehold.store.vault_store import VaultStore

_log = log.get(__name__)

POINTS_SECONDS = 30.0  # between two looks for points that came while a hold stands
BATCH = 100
_FindPoints = Callable[..., list[RecoveryPoint]]


@dataclass(slots=True)
class HoldKeeping:
    """`work` does all that is due now."""

    catalog: Catalog
    access: VaultAccess
    clock: Clock
    _troubled: set[str] = field(default_factory=set)  # ids of vaults that cannot be told now
    _looked_at: float | None = None
    _damaged: set[str] = field(default_factory=set)  # ids of points of which there is nothing to hold

    def work(self) -> None:
        """Stores hold and let go as the holds say; holds whose stores all did are ACTIVE, or CANCELED."""
        self._troubled.clear()
        with self.catalog.read() as tx:
            creating = legal_holds.in_status(tx, HoldStatus.CREATING)
            canceling = legal_holds.in_status(tx, HoldStatus.CANCELING)
            is_any = bool(creating or canceling) or legal_holds.are_any(tx)
        if not is_any or not (creating or canceling or self._is_due()):
            self._forget()
            return
        # ORDER: the holds were read before the points, so that all points of each are seen to.
        self._each(legal_holds.to_hold, self._hold)
        self._each(legal_holds.to_release, self._release)
        if not self._troubled:
            for hold in creating:
                self._settle(hold, HoldStatus.ACTIVE)
            for hold in canceling:
                self._settle(hold, HoldStatus.CANCELED)
        self._forget()

    def _is_due(self) -> bool:
        """Are all points to be looked at, for those that came since?"""
        now = self.clock.monotonic()
        if self._looked_at is not None and now - self._looked_at < POINTS_SECONDS:
            return False
        self._looked_at = now
        return True

    def _each(self, find: _FindPoints, work: Callable[[RecoveryPoint, VaultStore], None]) -> None:
        passed = 0
        while True:
            with self.catalog.read() as tx:
                found = find(tx, limit=BATCH + passed)
            left = [p for p in found if p.vault_id not in self._troubled and p.id not in self._damaged]
            if not left:
                if len(found) < BATCH + passed:
                    return
                passed = len(found)
            for point in left:
                self._survive(point, work)

    def _survive(self, point: RecoveryPoint, work: Callable[[RecoveryPoint, VaultStore], None]) -> None:
        if point.vault_id in self._troubled:
            return
        extra = {"point": point.arn}
        try:
            with self.catalog.read() as tx:
                vault = vaults.find_by_id(tx, point.vault_id)
            if vault is not None:
                work(point, self.access.for_reading(vault))
        except (Damaged, ObjectMissing) as error:
            self._damaged.add(point.id)
            _log.warning("a point under legal hold is damaged", extra=extra | {"error": str(error)})
        except SafeholdError as error:
            self._troubled.add(point.vault_id)
            _log.warning("a vault cannot be told of a legal hold", extra=extra | {"error": str(error)})

    def _hold(self, point: RecoveryPoint, store: VaultStore) -> None:
        told = store.amendments(point.id)
        if is_deleted(told) and not is_held(told):
            self._hold_deleted(point, store)
            told = store.amendments(point.id)
        # ORDER: what cannot be held, because it is damaged, is not said to be.
        if locking(store.backend) is not None:
            hold_point(store, point.id)
        else:
            store.objects_used(store.point(point.id))
        if not is_held(told):
            name = self._amend(point, store, HELD)
            if locking(store.backend) is not None:
                hold_all(needs_locks(store.backend), [name], is_held=True)
        with self.catalog.begin() as tx:
            point_locks.put_held(tx, point.id, vault_id=point.vault_id, is_held=True)

    def _hold_deleted(self, point: RecoveryPoint, store: VaultStore) -> None:
        """The vault was told to delete it, and the catalog, of an earlier day, does not know. Raises Damaged
        when it is too late."""

        def tell(point_id: str, state: str) -> None:
            self._amend(point, store, state)

        report = keep_again(store, [point.id], tell, now=to_micros(self.clock.now()))
        if point.id in report.broken:
            tell(point.id, RELEASED)
            raise Damaged(f"point {point.id} cannot be held: {report.broken[point.id]}")

    def _release(self, point: RecoveryPoint, store: VaultStore) -> None:
        with self.catalog.read() as tx:
            others = legal_holds.covered_ids(tx, point.vault_id)
        if locking(store.backend) is not None:
            release_point(store, point.id, still_held=others)
        self._amend(point, store, RELEASED)
        with self.catalog.begin() as tx:
            point_locks.put_held(tx, point.id, vault_id=point.vault_id, is_held=False)
            # RACE: what a new hold covers since then may have lost its share: it is held once more.
            for other in legal_holds.covered_ids(tx, point.vault_id) - others:
                point_locks.put_held(tx, other, vault_id=point.vault_id, is_held=False)

    def _amend(self, point: RecoveryPoint, store: VaultStore, state: str) -> str:
        """The vault itself knows; returns the name of the object that says it."""
        now = self.clock.now()
        with self.catalog.read() as tx:
            vault = vaults.find_by_id(tx, point.vault_id)
        kept = None if vault is None else retention_for(vault, point.delete_at, now)
        told = store.amend(point.id, HOLD, {STATE: state}, written_at=to_micros(now), kept=kept)
        return f"{ObjectType.AMENDMENT.folder}{point.id}/{told.sequence:08}"

    def _settle(self, hold: LegalHold, status: HoldStatus) -> None:
        with self.catalog.begin() as tx:
            legal_holds.update_hold(tx, hold.id, from_status=hold.status, status=status)

    def _forget(self) -> None:
        with (
            self.catalog.read() as tx
        ):  # a writer keeps others waiting, and mostly there is nothing to forget
            if not legal_holds.are_over(tx, self.clock.now()):
                return
        with self.catalog.begin() as tx:
            for hold in legal_holds.forget_before(tx, self.clock.now()):
                tags.delete_all(tx, hold.arn)
