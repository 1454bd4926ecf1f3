"""Bringing back what collection has not yet purged, and points that were deleted by mistake."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from safehold.core.errors import ObjectExists, ObjectMissing
from safehold.store.collect.collection import bring_back
from safehold.store.collect.trash import Trash
from safehold.store.points.points import UNDELETION
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from safehold.store.writers.fences import adopted
from safehold.store.writers.tombstones import Decided, Tombstones


@dataclass(slots=True)
class UndeletionReport:
    """brought_back  names of objects; too_late: tombstones whose purge had begun

    broken  of the points that were asked for: what is wrong with them, as `verify` tells it
    """

    brought_back: list[str] = field(default_factory=list)
    too_late: list[int] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


def undelete(store: VaultStore, *, points: Sequence[str] = (), now: int) -> UndeletionReport:
    """Everything that is named in tombstones and not yet purged is where it was; those points are kept again.

    # ORDER: the points first: they are roots then, and no purge that begins later takes what they need.
    Raises ObjectMissing for a point that is gone, WriterRevoked, StoreUnavailable.
    """
    report = UndeletionReport(points=list(points))
    stones = Tombstones(store.backend, store.keys, store.vault_id)
    trash = Trash(store.backend)
    for point_id in points:
        _keep_again(store, trash, stones, point_id, now=now)
    for number in stones.listed().open:
        with suppress(ObjectExists):
            stones.put(number, Decided(what="undelete", written_at=now))
        if stones.decided(number).what == "undelete":
            report.brought_back += bring_back(trash, stones, number, now=now)
        else:
            report.too_late.append(number)
    report.broken = _broken(store, points)
    return report


def _keep_again(store: VaultStore, trash: Trash, stones: Tombstones, point_id: str, *, now: int) -> None:
    for number in stones.listed().open:
        trash.bring_back(number, f"points/{point_id}")
    record = store.find_point(point_id)
    if record is None:
        raise ObjectMissing(f"point {point_id} is gone for good")
    adopted(store.intents.admit, record)
    decided = [amendment.written_at for amendment in store.amendments(point_id)]
    facts = {"reason": "brought back"}
    store.amend(point_id, UNDELETION, facts, written_at=max([now, *(at + 1 for at in decided)]))


def _broken(store: VaultStore, points: Sequence[str]) -> dict[str, str]:
    if not points:
        return {}
    fresh = VaultStore(store.backend, store.keys, store.vault_id)
    problems = verify(fresh, read_data=False).problems
    wrong = {problem.where: problem.what for problem in problems}
    return {point: wrong[f"point {point}"] for point in points if f"point {point}" in wrong}
