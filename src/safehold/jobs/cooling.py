"""Recovery points moved to cold storage, one at a time. When a point's time has come is for its lifecycle to
say; whoever watches that calls `Cooler.cool`, and so does `safehold store cool`.

# ORDER: the vault first, then the row: a crash in between leaves a point that its vault knows to be cold and
# the catalog shows as warm; done again, that is set right and nothing is moved twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from safehold.core.clock import Clock, to_micros
from safehold.core.errors import ConfigError, InvalidResourceState, ResourceNotFound
from safehold.domain.recovery_points import PointStatus, RecoveryPoint, StorageClass
from safehold.domain.vaults import Vault
from safehold.jobs.vaults import VaultAccess
from safehold.records import point_locks, recovery_points, sites, vaults
from safehold.records.engine import Catalog
from safehold.store.cold.cold import Advance, CoolReport, cool

MOVABLE = (PointStatus.COMPLETED, PointStatus.AVAILABLE, PointStatus.PARTIAL, PointStatus.EXPIRED)


@dataclass(frozen=True, slots=True)
class Cooler:
    """Several may move the same point at once: that costs room until it is collected, and nothing else."""

    catalog: Catalog
    access: VaultAccess
    clock: Clock

    def cool(self, point_id: str, *, advance: Advance = lambda items, size: None) -> CoolReport:
        """The point is in cold storage, for its vault and for the API. Again does what is lacking.

        advance  told (items, bytes) further; may raise to stop it, and then the point is where it was
        Raises ResourceNotFound, InvalidResourceState, ConfigError for a site without cold storage,
        StoreError.
        """
        point, vault = self._look_up(point_id)
        store = self.access.for_writing(vault)
        report = cool(store, point.id, now=to_micros(self.clock.now()), advance=advance)
        with self.catalog.begin() as tx:
            recovery_points.update_point(tx, point.id, storage_class=StorageClass.COLD)
            # RACE: whoever lengthened its lock meanwhile may not have known of all its objects.
            point_locks.forget_until(tx, point.id)
        return report

    def _look_up(self, point_id: str) -> tuple[RecoveryPoint, Vault]:
        with self.catalog.read() as tx:
            point = recovery_points.find_by_id(tx, point_id)
            vault = vaults.find_by_id(tx, point.vault_id) if point is not None else None
            cold_url = sites.cold_storage_url(tx, point.site) if point is not None else None
        if point is None or vault is None:
            raise ResourceNotFound("Cannot find recovery point.", context=point_id)
        if point.status not in MOVABLE:
            raise InvalidResourceState(f"Recovery point is in state {point.status}", context=point.arn)
        if cold_url is None:
            error = ConfigError(f"site {point.site} has no cold storage")
            error.hint = "Set `cold_storage_url` in safehold.toml to a folder or a bucket."
            raise error
        return point, vault
