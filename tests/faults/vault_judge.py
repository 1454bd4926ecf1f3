"""What must be true of a vault, and of the one of copies, when nobody is at work: tells what is wrong.

Told is what somebody was told of: points that were committed, those whose deletion was begun, and those that
were moved to cold storage.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from safehold.core.clock import SystemClock, to_micros
from safehold.store.backends.tiers import COLD, LABELS, label_of
from safehold.store.cold.cold import cool
from safehold.store.soundness.verify import verify
from safehold.store.writers.tombstones import Tombstones
from tests.faults.vault_actors import COPY, place_of_copies, tree_of
from tests.faults.vault_places import DAY_SECONDS, Place
from tests.store.vaults import flat, restore

LAST_RUNS = 80  # of collection, until the vault must be still
QUIET_RUNS = 5


@dataclass
class Told:
    """Ids of points, of both vaults."""

    committed: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)  # or about to be
    moved: set[str] = field(default_factory=set)

    def kept(self) -> list[str]:
        return sorted(self.committed - self.deleted)


def judge(place: Place, told: Told, *, is_thorough: bool) -> Iterator[str]:
    """What is wrong with points that were committed and not deleted; nobody else is at work."""
    copies = [point for point in told.kept() if point.startswith(COPY)]
    originals = [point for point in told.kept() if not point.startswith(COPY)]
    yield from _judge(place, originals, told.moved, is_thorough=is_thorough)
    yield from _judge(place_of_copies(place), copies, told.moved, is_thorough=is_thorough)


def _judge(place: Place, kept: list[str], moved: set[str], *, is_thorough: bool) -> Iterator[str]:
    store = place.store(place.fence())
    for point in kept:
        skipped: list[tuple[bytes, str]] = []
        if store.find_point(point) is None:
            yield f"{point} is lost"
        elif restore(store, point, skipped=skipped) != flat(tree_of(point)) or skipped:
            yield f"{point} restores to something else: {skipped[:3]}"
        elif point in moved and not store.is_cold(point):
            yield f"{point} was moved to cold storage and is warm"
    if is_thorough:
        problems = verify(place.store(place.fence()), read_data=True).problems
        yield from (f"{place.name}: {problem}" for problem in problems)


def wind_up(place: Place, told: Told) -> Iterator[str]:
    """Left alone, collection comes to an end: nothing is announced, and all that is there is sound.

    Half of what is left is moved before: however slow the machine was, restores read cold storage, too.
    """
    _move_half(place, told)
    for each in (place, place_of_copies(place)):
        if not _comes_to_rest(each):
            yield f"collection of {each.name} does not come to an end"
    yield from judge(place, told, is_thorough=True)
    for each in (place, place_of_copies(place)):
        yield from _still_there(each, told.deleted)
        yield from _halves(each)


def _move_half(place: Place, told: Told) -> None:
    for point in told.kept()[::2]:
        where = place_of_copies(place) if point.startswith(COPY) else place
        cool(where.store(where.fence()), point, now=to_micros(SystemClock().now()))
        told.moved.add(point)


def _still_there(place: Place, deleted: set[str]) -> Iterator[str]:
    store = place.store(place.fence())
    for point in sorted(deleted & set(store.points())):
        # A combined object stays while others need its chunks.
        if store.is_deleted(point) and len(store.object(f"points/{point}").directory.frames) == 1:
            yield f"{point} was deleted and is still there"


def _halves(place: Place) -> Iterator[str]:
    """Objects of cold storage without a label, and labels of none."""
    objects = {label_of(info.name) for info in place.both.list(COLD)}
    labels = {info.name for info in place.both.list(LABELS)}
    yield from (f"{place.name}: {label} is all alone" for label in sorted(objects ^ labels))


def _comes_to_rest(place: Place) -> bool:
    fence, quiet = place.fence(), 0
    backend, store = place.both, place.store(fence)
    stones = Tombstones(backend, store.keys, store.vault_id)
    for _ in range(LAST_RUNS):
        began = time.monotonic()
        report = place.collect(fence)
        is_busy = report.announced or report.repacked or stones.listed().open or list(backend.list("trash/"))
        quiet = 0 if is_busy else quiet + 1
        if quiet == QUIET_RUNS:
            return True
        time.sleep(max(0.0, began + DAY_SECONDS - time.monotonic()))
    return False
