"""Bringing back what collection has not yet purged, and points that were deleted by mistake.

A deleted point may have lost its tree while its record stays, for another point's chunks. It is kept again
only when its whole tree can be read: a root that cannot would end every run of collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field

from safehold.core.errors import CollectionRefused, Damaged, KeyMismatch, ObjectExists, ObjectMissing
from safehold.store.collect.collection import bring_back
from safehold.store.collect.marking import Marking
from safehold.store.collect.needed import NeededIds
from safehold.store.collect.survey import pages_among
from safehold.store.collect.trash import Trash, TrashView
from safehold.store.names import ObjectType
from safehold.store.points.points import (
    ASKED,
    DELETION,
    HELD,
    RELEASED,
    STATE,
    UNDELETION,
    is_asked_back,
)
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from safehold.store.writers.fences import adopted
from safehold.store.writers.tombstones import Decided, Tombstones

# Writes down of a point, by its id, that it is ASKED for, that it is kept again (HELD), or that neither is
# so any more (RELEASED).
Tell = Callable[[str, str], object]

_TOO_LATE = "a run of collection was taking it away just then: undelete it again when the next run is over"


@dataclass(slots=True)
class UndeletionReport:
    """brought_back  names of objects; too_late: tombstones whose purge had begun

    points  that were asked for and are kept again
    broken  of those that were asked for: what is wrong with them, mostly as `verify` tells it
    """

    brought_back: list[str] = field(default_factory=list)
    too_late: list[int] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)


def undelete(store: VaultStore, *, points: Sequence[str] = (), now: int) -> UndeletionReport:
    """Everything that is named in tombstones and not yet purged is where it was; those points are kept again.

    Raises ObjectMissing for a point that is gone, Damaged for one whose tree is; then nothing was changed.
    Raises WriterRevoked, StoreUnavailable.
    """

    def tell(point_id: str, state: str) -> None:
        decided = [amendment.written_at for amendment in store.amendments(point_id)]
        kind = DELETION if state == RELEASED else UNDELETION
        facts = {"reason": "not whole" if state == RELEASED else "brought back"}
        facts |= {STATE: ASKED} if state == ASKED else {}
        store.amend(point_id, kind, facts, written_at=max([now, *decided]))

    view = _with_trash(store)
    for point_id in points:
        record = view.find_point(point_id)
        if record is None:
            raise ObjectMissing(f"point {point_id} is gone for good")
        adopted(store.intents.admit, record)
    report = keep_again(store, points, tell, now=now)
    report.broken |= _broken(store, report.points)
    return report


def keep_again(store: VaultStore, points: Sequence[str], tell: Tell, *, now: int) -> UndeletionReport:
    """As `undelete`, in whatever words `tell` says it; those that are not deleted are told to be kept, too.

    # ORDER: first the points are asked for: they are roots then, and no purge that begins later takes what
    # they need. Whether they are whole is looked at when everything is back, and only then it is decided:
    # whoever dies in between has promised nothing, and leaves a point that stops no collection.
    """
    report = UndeletionReport()
    deleted = [point_id for point_id in points if store.is_deleted(point_id)]
    for point_id in deleted:
        _refuse_if_not_whole(store, point_id, tell)
    trash, stones = Trash(store.backend), Tombstones(store.backend, store.keys, store.vault_id)
    for point_id in points:
        for number in stones.listed().open:
            trash.bring_back(number, ObjectType.POINT.folder + point_id)
        if point_id not in deleted or not is_asked_back(store.amendments(point_id)):
            tell(point_id, ASKED if point_id in deleted else HELD)
    _bring_all_back(trash, stones, report, now=now)
    for point_id in deleted:
        if report.too_late:
            report.broken[point_id] = _TOO_LATE
        else:
            _decide(store, point_id, tell, report)
    report.points = [point_id for point_id in points if point_id not in report.broken]
    return report


def _bring_all_back(trash: Trash, stones: Tombstones, report: UndeletionReport, *, now: int) -> None:
    for number in stones.listed().open:
        with suppress(ObjectExists):
            stones.put(number, Decided(what="undelete", written_at=now))
        if stones.decided(number).what == "undelete":
            report.brought_back += bring_back(trash, stones, number, now=now)
        else:
            report.too_late.append(number)


def _refuse_if_not_whole(store: VaultStore, point_id: str, tell: Tell) -> None:
    missing = missing_of(store, point_id)
    if missing is None:
        return
    if is_asked_back(store.amendments(point_id)):
        tell(point_id, RELEASED)  # it came too late: what is left of the point may go
    refused = Damaged(f"point {point_id} cannot be kept again: {missing}")
    refused.hint = (
        "It stays deleted, and nothing else was changed. Restore from another point of the resource or from a"
        " copy in another vault; `safehold store journal` tells what was purged."
    )
    raise refused


def _decide(store: VaultStore, point_id: str, tell: Tell, report: UndeletionReport) -> None:
    missing = missing_of(store, point_id)
    tell(point_id, HELD if missing is None else RELEASED)
    if missing is not None:  # RACE: a purge that had begun before we came ended since
        report.broken[point_id] = f"it stays deleted: {missing}"


def missing_of(store: VaultStore, point_id: str) -> str | None:
    """Why collection could not tell what the point needs; None when it could.

    Reads the point's whole tree, wherever it lies, and no data. Raises ObjectMissing when the point itself is
    not there, StoreUnavailable.
    """
    view = _with_trash(store)
    pages = pages_among(view, _names(store))
    with closing(NeededIds()) as needed:
        try:
            Marking(pages.read, needed).mark(view.point(point_id).root)
        except (CollectionRefused, Damaged, KeyMismatch) as error:
            return str(error)
    return None


def _with_trash(store: VaultStore) -> VaultStore:
    return VaultStore(TrashView(store.backend), store.keys, store.vault_id)


def _names(store: VaultStore) -> Iterable[str]:
    """Of all objects that may hold pages."""
    names = {info.name for kind in PAGE_KINDS for info in store.backend.list(kind.folder)}
    return names.union(*Trash(store.backend).listed().values())


PAGE_KINDS = (ObjectType.TREE, ObjectType.POINT)


def _broken(store: VaultStore, points: Sequence[str]) -> dict[str, str]:
    if not points:
        return {}
    fresh = VaultStore(store.backend, store.keys, store.vault_id)
    problems = verify(fresh, read_data=False).problems
    wrong = {problem.where: problem.what for problem in problems}
    return {point: wrong[f"point {point}"] for point in points if f"point {point}" in wrong}
