"""Locks on points that are there already: their lives lengthened, legal holds."""

from __future__ import annotations

from collections.abc import Iterable

from safehold.store.backends.contract import Retention
from safehold.store.names import ObjectType
from safehold.store.points.locking import KEYS_FOLDER, hold_all, needs_locks, retain_all
from safehold.store.vault_store import VaultStore


def keep_point(store: VaultStore, point_id: str, needed: Retention) -> int:
    """Everything that restoring the point takes is kept at least so; returns how many objects were not.

    For points that were there before their vault was locked, and for lives that were lengthened. Once done it
    may be done again. Raises ObjectMissing, ConfigError where the place cannot lock.
    """
    keys = (info.name for info in store.backend.list(KEYS_FOLDER))
    return retain_all(needs_locks(store.backend), {*_objects_of(store, point_id), *keys}, needed)


def hold_point(store: VaultStore, point_id: str) -> None:
    """The store's legal hold is on everything that restoring the point takes, the keys included."""
    keys = (info.name for info in store.backend.list(KEYS_FOLDER))
    hold_all(needs_locks(store.backend), {*_objects_of(store, point_id), *keys}, is_held=True)


def release_point(store: VaultStore, point_id: str, *, still_held: Iterable[str]) -> None:
    """The hold is off what no other held point takes: `still_held` are the ids of all of those."""
    others = {name for other in still_held for name in _objects_of(store, other)}
    mine = _objects_of(store, point_id)
    if store.is_cold(point_id):
        # What was held before the point was moved stays as long as it is held.
        mine |= store.objects_used(store.point(point_id))
    hold_all(needs_locks(store.backend), mine - others, is_held=False)


def _objects_of(store: VaultStore, point_id: str) -> set[str]:
    """The point's record, what it needs, and what was amended to it since."""
    amendments = store.backend.list(f"{ObjectType.AMENDMENT.folder}{point_id}/")
    record = ObjectType.POINT.folder + point_id
    used = store.objects_used(store.point(point_id), cold=store.is_cold(point_id))
    return {record, *used, *(info.name for info in amendments)}
