"""Kill writers and collectors of one vault at random, start them again, and see that no kept point suffers.

Days become a second here: points are deleted, announced, trashed and purged while backups run, writers that
were killed are revoked, packs are written anew, points are moved to cold storage.

By hand: `python -m tests.faults.collect_kill --rounds 100` (with the checkout and its `src` on PYTHONPATH).
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from safehold.core.clock import SystemClock, to_micros
from safehold.core.errors import CollectionRefused, ObjectMissing, WriterRevoked
from safehold.jobs.fencing import CatalogFence
from safehold.records import tables
from safehold.records.engine import Catalog
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.tiered import TieredBackend
from safehold.store.cold.cold import cool
from safehold.store.collect.collection import Collection, CollectionReport
from safehold.store.collect.settings import CollectionSettings
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from safehold.store.writers.intents import Intents
from tests.faults.store_kill import CHECKOUT, RESOURCES, last_generation, point_name, tree_of
from tests.store.vaults import back_up, flat, open_store, restore

KEPT = 3  # generations of a resource that are not deleted
DAY_SECONDS = 0.5
SETTINGS = CollectionSettings(
    grace_seconds=DAY_SECONDS,
    trash_seconds=2 * DAY_SECONDS,
    silence_seconds=6 * DAY_SECONDS,
    most_dead_percent=100.0,
)
COUNTED = ("announced", "purged", "repacked", "revoked")
LAST_RUNS = 60  # until the vault must be still


@dataclass(slots=True)
class Findings:
    """What a trial saw. `broken` must be empty."""

    rounds: int
    kills: Counter[str] = field(default_factory=Counter)  # by what the process was doing
    done: Counter[str] = field(default_factory=Counter)  # by collectors: runs, objects announced, purged, ...
    points: int = 0  # kept in the end
    deleted: int = 0
    stored_bytes: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """A vault and the catalog that fences it, shared by processes."""

    folder: Path
    name: str = "vault"

    @property
    def vault(self) -> Path:
        return self.folder / self.name

    @property
    def vault_id(self) -> bytes:
        return self.name.encode().ljust(16)

    @property
    def both(self) -> TieredBackend:
        """The vault with its cold place."""
        return TieredBackend(LocalBackend(self.vault), self._cold)

    def _cold(self, create: bool) -> LocalBackend | None:
        folder = self.folder / f"{self.name}-cold"
        if create:
            return LocalBackend.create(folder)
        return LocalBackend(folder) if folder.is_dir() else None

    def fence(self) -> CatalogFence:
        return CatalogFence(Catalog(f"sqlite:///{self.folder}/catalog.db"), self.name, SystemClock())

    def make(self) -> None:
        tables.metadata.create_all(self.fence().catalog.engine)
        open_store(LocalBackend.create(self.vault), vault_id=self.vault_id)

    def store(self, fence: CatalogFence) -> VaultStore:
        store = open_store(self.both, vault_id=self.vault_id)
        store.intents = Intents(
            store.backend, store.keys, store.vault_id, fence=fence, writer="trial", renew_seconds=DAY_SECONDS
        )
        return store

    def collect(self, fence: CatalogFence) -> CollectionReport:
        collection = Collection(self.store(fence), SystemClock(), settings=SETTINGS, fence=fence, who="trial")
        return collection.run()


def write(place: Place, resource: str) -> None:
    """Back up generation after generation and delete the oldest, until killed. Tells what it does."""
    fence = place.fence()
    print("ready", flush=True)
    while True:
        store = place.store(fence)
        generation = last_generation(store, resource) + 1
        name = point_name(resource, generation)
        before = point_name(resource, generation - 1)
        is_there = generation > 0 and store.find_point(before) is not None
        print(f"backup {name}", flush=True)
        try:
            back_up(store, name, tree_of(resource, generation), previous=before if is_there else None)
        except WriterRevoked:
            print(f"revoked {name}", flush=True)
            continue
        print(f"committed {name}", flush=True)
        for old in range(max(0, generation - KEPT - 2), generation - KEPT + 1):
            gone = point_name(resource, old)
            if store.find_point(gone) is not None:
                print(f"delete {gone}", flush=True)
                now = to_micros(SystemClock().now())
                store.amend(gone, "deletion", {}, written_at=now)
        print(f"restore {name}", flush=True)
        found = restore(place.store(fence), name)
        print("equal" if found == flat(tree_of(resource, generation)) else "DIFFERENT", flush=True)


def collect(place: Place) -> None:
    """Collect again and again, until killed."""
    fence = place.fence()
    print("ready", flush=True)
    while True:
        print("collect", flush=True)
        try:
            report = place.collect(fence)
        except CollectionRefused as error:
            print(f"refused {error}", flush=True)
            continue
        print("collected", *counts_of(report).values(), flush=True)


def move(place: Place) -> None:
    """Move points to cold storage, until killed."""
    fence, chance = place.fence(), random.Random()
    print("ready", flush=True)
    while True:
        time.sleep(chance.uniform(0.0, 0.2))
        warm = [point for point in place.store(fence).points() if not place.store(fence).is_cold(point)]
        if not warm:
            continue
        point = chance.choice(warm)
        print(f"move {point}", flush=True)
        try:
            cool(place.store(fence), point, now=to_micros(SystemClock().now()))
        except (ObjectMissing, WriterRevoked) as error:
            print(f"stays {point}: {error}", flush=True)
            continue
        print(f"moved {point}", flush=True)


def counts_of(report: CollectionReport) -> dict[str, int]:
    return {what: len(getattr(report, what)) for what in COUNTED}


class Trial:
    """Two writers and two collectors on one vault, and the kills. Leaves no process behind."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self._place = Place(folder)
        self._place.make()
        self._fence = self._place.fence()
        self._random = random.Random(seed)
        self._committed: set[str] = set()
        self._deleted: set[str] = set()

    def run(self, rounds: int) -> Findings:
        started = time.monotonic()
        found = Findings(rounds)
        for number in range(rounds):
            self._one_round(found)
            self._check(found, f"round {number}")
            if found.broken:
                break
        self._end(found)
        found.deleted, found.points = len(self._deleted), len(self._kept())
        found.stored_bytes = sum(info.size_bytes for info in self._place.both.list(""))
        found.seconds = time.monotonic() - started
        self._fence.catalog.close()
        return found

    def _one_round(self, found: Findings) -> None:
        command = [sys.executable, "-m", "tests.faults.collect_kill", "--act", str(self._place.folder)]
        actors = [
            subprocess.Popen([*command, role], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
            for role in (*RESOURCES, "collector", "collector", "mover")
        ]
        try:
            for actor in actors:
                assert actor.stdout is not None
                assert actor.stdout.readline() == "ready\n"
            self._random.shuffle(actors)
            for actor in actors:
                time.sleep(self._random.uniform(0.0, 1.2))
                actor.kill()
        finally:
            for actor in actors:
                actor.kill()
                self._listen(actor.communicate()[0].splitlines(), actor.returncode, found)

    def _listen(self, said: list[str], ending: int, found: Findings) -> None:
        words = [line.split() for line in said]
        self._committed |= {line[1] for line in words if line[0] == "committed"}
        self._deleted |= {line[1] for line in words if line[0] == "delete"}
        found.broken += [f"a restore came back different: {said}" for line in words if line[0] == "DIFFERENT"]
        if ending >= 0:
            found.broken.append(f"ended by itself: {said[-3:]}")
        for line in words:
            if line[0] == "collected":
                found.done += Counter(dict(zip(COUNTED, map(int, line[1:]), strict=True)))
            found.done[line[0]] += line[0] in ("collected", "refused", "committed", "moved")
        found.kills[words[-1][0] if words else "start"] += 1

    def _kept(self) -> list[str]:
        return sorted(self._committed - self._deleted)

    def _check(self, found: Findings, when: str) -> None:
        store = self._place.store(self._fence)
        for point in self._kept():
            resource, _, generation = point.rpartition("-")
            if store.find_point(point) is None:
                found.broken.append(f"{when}: {point} is lost")
            elif restore(store, point) != flat(tree_of(resource, int(generation))):
                found.broken.append(f"{when}: {point} restores to something else")

    def _end(self, found: Findings) -> None:
        """Left alone, collection comes to an end: nothing is announced, and all that is there is sound."""
        quiet = 0
        for _ in range(LAST_RUNS):
            report = self._place.collect(self._fence)
            found.done += Counter(counts_of(report))
            waits = list(self._place.both.list("trash/"))
            quiet = 0 if report.announced or report.purged or report.repacked or waits else quiet + 1
            if quiet > 4:
                break
            time.sleep(DAY_SECONDS)
        else:
            found.broken.append("collection does not come to an end")
        self._check(found, "in the end")
        problems = verify(self._place.store(self._fence), read_data=True).problems
        found.broken += [f"in the end: {problem}" for problem in problems]
        left = {info.name.removeprefix("points/") for info in LocalBackend(self._place.vault).list("points/")}
        found.broken += [f"{point} was deleted and is still there" for point in self._still_there(left)]

    def _still_there(self, left: set[str]) -> list[str]:
        """Of deleted points whose deletion was written; a combined one whose chunks others need may stay."""
        store = self._place.store(self._fence)
        gone = sorted(point for point in left & self._deleted if store.is_deleted(point))
        return [point for point in gone if len(store.object(f"points/{point}").directory.frames) == 1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--act", nargs=2, metavar=("FOLDER", "ROLE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.act:
        place, role = Place(Path(arguments.act[0])), arguments.act[1]
        {"collector": collect, "mover": move}.get(role, partial(write, resource=role))(place)
        return 1
    with tempfile.TemporaryDirectory(prefix="safehold-kill-") as folder:
        found = Trial(Path(folder), seed=arguments.seed).run(arguments.rounds)
    print(found)
    return 1 if found.broken else 0


if __name__ == "__main__":
    sys.exit(main())
