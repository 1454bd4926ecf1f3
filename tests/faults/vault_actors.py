"""What processes do on a vault, and on one of copies, until they are killed: WORKS by name.

Each tells what it is about to do.

A day is half a second here: points are deleted, announced, trashed and purged while backups, restores and
scrubs run; writers that were killed are revoked, packs are written anew.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from safehold.core.clock import FixedClock, SystemClock, to_micros
from safehold.core.errors import CollectionRefused, ObjectMissing, PointDamaged, WriterRevoked
from safehold.jobs.fencing import CatalogFence
from safehold.store.backends.local import LocalBackend
from safehold.store.copies import copy_trees
from safehold.store.copies.copying import CopyOrder, copy_point
from safehold.store.soundness import checking
from safehold.store.soundness.verify import verify
from safehold.store.upkeep.scrub import scrub
from safehold.store.vault_store import VaultStore
from safehold.store.writers.tombstones import Tombstones
from safehold.store.writing import loads, packing, session
from tests.faults.collect_kill import DAY_SECONDS, Place, counts_of
from tests.store.resumed import Attempt
from tests.store.vaults import Tree, back_up, flat, restore

RESOURCES = ("alpha", "beta")
KEPT = 3  # generations of a resource that are not deleted
LAST_RUNS = 80  # of collection, until the vault must be still
QUIET_RUNS = 5
COPY = "copy-"  # so are copies called, and what they are copies of behind that
COPY_NAMED_BYTES = 60_000


def make_small() -> None:
    """Small trees make objects of every kind, several packs among them. For a process of its own only."""
    session.COMBINED_BYTES = 20_000
    loads.LOAD_ITEMS = 16
    packing.PACK_BYTES = 100_000
    checking.PAUSE_SECONDS = 0.0
    copy_trees.WINDOW_BYTES = 30_000


def point_name(resource: str, generation: int) -> str:
    return f"{resource}-{generation:06}"


def tree_of(point: str) -> Tree:
    """What a point holds. Neighbours share most of it, the two resources some of it."""
    point = point.removeprefix(COPY)
    generation = int(point.rpartition("-")[2])
    folders: dict[bytes, Tree] = {}
    for folder in range(6):
        # Every generation changes one folder in three, and the same third has the same content for both.
        age = generation - (generation - folder) % 3
        content = random.Random(f"{folder} {age}")
        folders[b"folder %d" % folder] = {
            b"%d" % n: content.randbytes(content.randrange(4000)) for n in range(8)
        }
    large = random.Random(f"large {generation // 2}").randbytes(150_000)
    is_small = generation % 4 == 3  # such a generation is one combined object
    mine = random.Random(point).randbytes(100)
    return {**folders, b"large": b"" if is_small else large, b"own": mine}


@dataclass
class Desk:
    """What an actor has at hand."""

    place: Place
    fence: CatalogFence = field(init=False)

    def __post_init__(self) -> None:
        self.fence = self.place.fence()

    @property
    def copies(self) -> Desk:
        return Desk(place_of_copies(self.place))

    def newest(self, resource: str) -> int:
        """The newest generation of which there is a record, -1 if none."""
        return max(self.generations(resource), default=-1)

    def generations(self, resource: str) -> list[int]:
        points = self.place.store(self.fence).points()
        return sorted(int(point.rpartition("-")[2]) for point in points if point.startswith(resource))


def place_of_copies(place: Place) -> Place:
    return Place(place.folder, "copies")


Telling = Iterator[tuple[str, ...]]  # before each thing, what it is; and how it went
Work = Callable[[Desk], Telling]


def write(desk: Desk, resource: str) -> Telling:
    """A backup of the next generation, then the oldest are deleted."""
    store = desk.place.store(desk.fence)
    generation = desk.newest(resource) + 1
    name, before = point_name(resource, generation), point_name(resource, generation - 1)
    yield "backup", name
    is_there = generation > 0 and store.find_point(before) is not None
    try:
        back_up(store, name, tree_of(name), previous=before if is_there else None, block_bytes=50_000)
    except WriterRevoked:
        yield "revoked", name
        return
    yield "committed", name
    yield from delete(store, [point_name(resource, old) for old in range(generation - KEPT + 1)][-KEPT:])


def delete(store: VaultStore, points: list[str]) -> Telling:
    for gone in points:
        if store.find_point(gone) is not None:
            yield "delete", gone
            store.amend(gone, "deletion", {}, written_at=to_micros(SystemClock().now()))


def copy(desk: Desk) -> Telling:
    """The newest point of each resource is copied, where its last copy is known; then the oldest are deleted.

    The source may be deleted meanwhile: then it is copied all the same, or there is no copy.
    """
    for resource in RESOURCES:
        generation = desk.newest(resource)
        if generation >= 0:
            yield from copy_one(desk, resource, point_name(resource, generation))


def copy_one(desk: Desk, resource: str, point: str) -> Telling:
    copies = desk.copies
    source, target = desk.place.store(desk.fence), copies.place.store(copies.fence)
    before = [COPY + point_name(resource, number) for number in copies.generations(COPY + resource)]
    order = CopyOrder(point, COPY + point, "arn", "job")
    earlier = list(reversed(before))
    yield "copy", order.point_id
    try:
        copy_point(
            source, target, order, earlier=earlier, advance=lambda i, b: None, named_bytes=COPY_NAMED_BYTES
        )
    except WriterRevoked:
        yield "revoked", order.point_id
        return
    except (ObjectMissing, PointDamaged) as error:
        is_gone = source.find_point(point) is None or source.is_deleted(point)
        yield ("gone", point) if is_gone else ("WRONG", point, str(error))
        return
    yield "committed", order.point_id
    yield from delete(target, [old for old in before if old != order.point_id][:-2][-KEPT:])


def read(desk: Desk) -> Telling:
    """The newest point comes back as it was. It is deleted only when there are three newer ones."""
    for resource in RESOURCES:
        name = point_name(resource, max(0, desk.newest(resource)))
        yield "restore", name
        store = desk.place.store(desk.fence)
        if store.find_point(name) is not None:
            yield ("equal",) if restore(store, name) == flat(tree_of(name)) else ("WRONG", name)


def collect(desk: Desk) -> Telling:
    yield ("collect",)
    try:
        report = desk.place.collect(desk.fence)
    except CollectionRefused as error:
        yield "refused", str(error)
        return
    yield "collected", *map(str, counts_of(report).values())


def read_back(desk: Desk) -> Telling:
    yield ("scrub",)
    report = scrub(desk.place.store(desk.fence), budget_bytes=1 << 30, clock=SystemClock())
    bad = [f"{finding.name}: {finding.what}" for finding in report.findings]
    yield ("WRONG", *bad) if bad else ("scrubbed", str(report.objects))


def write_on(desk: Desk, resource: str) -> Telling:
    """A backup that writes down how far it is, and goes on with what one that was killed left."""
    store = desk.place.store(desk.fence)
    generation = desk.newest(resource) + 1
    name, before = point_name(resource, generation), point_name(resource, generation - 1)
    note = desk.place.folder / f"{name}.checkpoint"
    yield "checkpoint", name
    is_there = generation > 0 and store.find_point(before) is not None
    attempt = Attempt(
        store,
        tree_of(name),
        FixedClock(SystemClock().now()),  # as it began: a checkpoint is then always due
        previous=before if is_there else None,
        noted=lambda checkpoint: keep(note, checkpoint),
        point=name,
    )
    try:
        attempt.run(note.read_text() if note.exists() else None)
    except WriterRevoked:
        yield "revoked", name
        return
    yield "committed", name
    if attempt.resumed:
        yield "resumed", name
    note.unlink()
    yield from delete(store, [point_name(resource, old) for old in range(generation - KEPT + 1)][-KEPT:])


def keep(note: Path, text: str) -> None:
    """The note says that or what it said before, as a job's row does, whoever is killed."""
    fresh = note.with_suffix(".fresh")
    fresh.write_text(text)
    fresh.replace(note)


WORKS: Mapping[str, Work] = {
    "alpha": lambda desk: write(desk, "alpha"),
    "beta": lambda desk: write(desk, "beta"),
    "gamma": lambda desk: write_on(desk, "gamma"),
    "restorer": read,
    "collector": collect,
    "second collector": lambda desk: chain(collect(desk.copies), collect(desk)),
    "copier": copy,
    "scrubber": read_back,
}
RESULTS = frozenset(
    {"equal", "collected", "refused", "scrubbed", "committed", "resumed", "revoked", "gone"}
)  # of a work


def judge(place: Place, kept: list[str], *, is_thorough: bool) -> Iterator[str]:
    """What is wrong with points that were committed and not deleted; nobody else is at work."""
    copies = [point for point in kept if point.startswith(COPY)]
    originals = [point for point in kept if not point.startswith(COPY)]
    yield from _judge(place, originals, is_thorough=is_thorough)
    yield from _judge(place_of_copies(place), copies, is_thorough=is_thorough)


def _judge(place: Place, kept: list[str], *, is_thorough: bool) -> Iterator[str]:
    store = place.store(place.fence())
    for point in kept:
        if store.find_point(point) is None:
            yield f"{point} is lost"
        elif restore(store, point) != flat(tree_of(point)):
            yield f"{point} restores to something else"
    if is_thorough:
        problems = verify(place.store(place.fence()), read_data=True).problems
        yield from (f"{place.name}: {problem}" for problem in problems)


def wind_up(place: Place, kept: list[str], deleted: frozenset[str]) -> Iterator[str]:
    """Left alone, collection comes to an end: nothing is announced, and all that is there is sound."""
    for each in (place, place_of_copies(place)):
        if not _comes_to_rest(each):
            yield f"collection of {each.name} does not come to an end"
    yield from judge(place, kept, is_thorough=True)
    for each in (place, place_of_copies(place)):
        yield from _still_there(each, deleted)


def _still_there(place: Place, deleted: frozenset[str]) -> Iterator[str]:
    store = place.store(place.fence())
    for point in sorted(deleted & set(store.points())):
        # A combined object stays while others need its chunks.
        if store.is_deleted(point) and len(store.object(f"points/{point}").directory.frames) == 1:
            yield f"{point} was deleted and is still there"


def _comes_to_rest(place: Place) -> bool:
    fence, quiet = place.fence(), 0
    backend, store = LocalBackend(place.vault), place.store(fence)
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
