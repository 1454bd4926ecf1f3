"""What processes do on a vault, and on one of copies, until they are killed: WORKS by name.

Each tells what it is about to do.

Points are deleted, announced, trashed and purged while backups, restores and scrubs run; writers that were
killed are revoked, packs are written anew, points are moved to cold storage.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from safehold.core.clock import FixedClock, SystemClock, to_micros
from safehold.core.errors import CollectionRefused, ObjectMissing, PointDamaged, WriterRevoked
from safehold.jobs.fencing import CatalogFence
from safehold.store.cold.cold import cool
from safehold.store.copies import copy_trees
from safehold.store.copies.copying import CopyOrder, copy_point
from safehold.store.soundness import checking
from safehold.store.upkeep.scrub import scrub
from safehold.store.vault_store import VaultStore
from safehold.store.writing import loads, packing, session
from tests.faults.vault_places import SETTINGS, Place, counts_of
from tests.store.resumed import Attempt
from tests.store.vaults import Tree, back_up, flat, restore

RESOURCES = ("alpha", "beta")
KEPT = 3  # generations of a resource that are not deleted
IDLE_SECONDS = 0.02  # when there is nothing to move
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
    chance: random.Random
    fence: CatalogFence = field(init=False)

    def __post_init__(self) -> None:
        self.fence = self.place.fence()

    @property
    def copies(self) -> Desk:
        return Desk(place_of_copies(self.place), self.chance)

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
    yield from adopt(store, before)
    yield "backup", name
    is_there = generation > 0 and store.find_point(before) is not None
    try:
        back_up(store, name, tree_of(name), previous=before if is_there else None, block_bytes=50_000)
    except WriterRevoked:
        yield "revoked", name
        return
    yield "committed", name
    yield from delete(store, [point_name(resource, old) for old in range(generation - KEPT + 1)][-KEPT:])


def adopt(store: VaultStore, point: str) -> Telling:
    """The point stands from now on, or never will: who wrote it may have been killed before it was told."""
    if store.find_point(point) is None:
        return
    yield "adopt", point
    with suppress(WriterRevoked):
        if store.adopt_point(point) is not None and not store.is_deleted(point):
            yield "stands", point


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
        yield ("gone", point) if is_gone(source, point) else ("WRONG", point, str(error))
        return
    yield "committed", order.point_id
    yield from delete(target, [old for old in before if old != order.point_id][:-2][-KEPT:])


def read(desk: Desk) -> Telling:
    """Of each resource, one of the points that are kept comes back as it was."""
    for resource in RESOURCES:
        back = desk.chance.randrange(KEPT)
        name = point_name(resource, max(0, desk.newest(resource) - back))
        yield "restore", name
        yield from restore_one(desk.place.store(desk.fence), name)


def restore_one(store: VaultStore, point: str) -> Telling:
    """One of the older points may be deleted meanwhile, and then it may be gone."""
    if store.find_point(point) is None:
        return
    began, skipped = time.monotonic(), list[tuple[bytes, str]]()
    try:
        is_equal = restore(store, point, skipped=skipped) == flat(tree_of(point)) and not skipped
    except (ObjectMissing, PointDamaged) as error:
        is_equal, skipped = False, [(b"", str(error))]
    if is_equal:
        yield ("equal",)
    elif is_gone(store, point):
        yield "gone", point
    elif time.monotonic() - began >= SETTINGS.grace_seconds + SETTINGS.trash_seconds:
        yield "late", point  # what was moved meanwhile may be purged where it looked; no restore lasts weeks
    else:
        yield "WRONG", point, *map(str, skipped)


def is_gone(store: VaultStore, point: str) -> bool:
    with suppress(ObjectMissing):  # RACE: its deletion is purged while it is read
        # ORDER: its record goes before its deletion does.
        return store.is_deleted(point) or store.find_point(point) is None
    return True


def move(desk: Desk) -> Telling:
    """A warm point goes to cold storage, all its data with it. Deleted meanwhile, it may stay."""
    store = desk.place.store(desk.fence)
    warm = [point for point in store.points() if is_warm(store, point)]
    if not warm:
        time.sleep(IDLE_SECONDS)
        return
    point = desk.chance.choice(warm)
    yield "move", point
    try:
        cool(store, point, now=to_micros(SystemClock().now()))
    except (ObjectMissing, WriterRevoked):
        yield "stays", point
        return
    yield "moved", point


def is_warm(store: VaultStore, point: str) -> bool:
    with suppress(ObjectMissing):  # RACE: it was purged since it was listed
        return not store.is_deleted(point) and not store.is_cold(point)
    return False


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
    yield from adopt(store, before)
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
    "mover": move,
    "second mover": lambda desk: chain(move(desk.copies), move(desk)),
    "scrubber": read_back,
}
RESULTS = frozenset(
    {"equal", "collected", "refused", "scrubbed", "committed", "resumed", "revoked", "gone"}
    | {"stands", "moved", "stays", "late"}
)  # of a work
