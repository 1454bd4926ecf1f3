"""May a new point take over what an earlier one refers to, without looking each thing up?

Unless collection is known to leave alone what that point needs, all of it is looked up, and what is gone or
about to go is read and stored again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from safehold.core.errors import Damaged, KeyMismatch
from safehold.store.backends.contract import Backend
from safehold.store.points.points import DELETION, STORAGE, UNDELETION, Amendment, PointRecord
from safehold.store.sealed.keys import VaultKeys
from safehold.store.writers.intent_folder import void_check
from safehold.store.writers.intents import Announcement
from safehold.store.writers.tombstones import OpenTombstone

# What a point that was ever deleted needs may be gone; of one in cold storage nothing but the tree is warm.
_DOUBTFUL = (DELETION, UNDELETION, STORAGE)


class Points(Protocol):
    """What of a VaultStore is needed here."""

    backend: Backend
    keys: VaultKeys
    vault_id: bytes

    def find_point(self, point_id: str) -> PointRecord | None: ...

    def amendments(self, point_id: str) -> list[Amendment]: ...


def are_whole(points: Points, parents: Sequence[str] | None, announcement: Announcement) -> bool:
    """Is all that these points refer to there, and does it stay at least as long as the announcement holds?

    # ORDER: asked after the intent is there. What collection finds a root later, it leaves alone, or it waits
    # for us.
    """
    if announcement.listed.epoch == 0:
        return True  # nothing was ever collected
    if parents is None:
        return False
    return all(_is_whole(points, parent, announcement.tombstones) for parent in parents)


def _is_whole(points: Points, parent: str, tombstones: Iterable[OpenTombstone]) -> bool:
    try:
        record = points.find_point(parent)
        told = points.amendments(parent)
        if record is None or any(each.kind in _DOUBTFUL for each in told) or _is_void(points, record):
            return False
    except (Damaged, KeyMismatch):
        return False
    # A tombstone spares what its roots need; a point that was written later, by a writer who knew of the
    # tombstone, needs nothing of what it names.
    return all(parent in stone.roots or record.epoch >= stone.number for stone in tombstones)


def _is_void(points: Points, record: PointRecord) -> bool:
    return void_check(points.backend, points.keys, points.vault_id)(record)
