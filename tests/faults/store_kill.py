"""Kill writers and readers of one vault at random, start them again, and see what became of the points.

By hand: `python -m tests.faults.store_kill --rounds 100` (with the checkout and its `src` on PYTHONPATH).
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
from pathlib import Path

from safehold.store.backends.local import LocalBackend
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from tests.store.vaults import Tree, back_up, flat, open_store, restore

RESOURCES = ("alpha", "beta")
MIB = 1 << 20
CHECKOUT = Path(__file__).parents[2]


@dataclass(slots=True)
class Findings:
    """What a trial saw. `broken` must be empty."""

    rounds: int
    kills: Counter[str] = field(default_factory=Counter)  # by what the process was doing
    points: int = 0
    committed_unseen: int = 0  # points that stood although their writer died before it could say so
    stored_bytes: int = 0
    leftover_bytes: int = 0  # unfinished temporary files: never part of the vault
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


def tree_of(resource: str, generation: int) -> Tree:
    """The resource as it is at that generation. Neighbours share most of it, the two resources some of it."""
    mine = random.Random(f"{resource} {generation}")
    folders: dict[bytes, Tree] = {}
    for folder in range(12):
        # Every generation changes one folder in three, and the same third has the same content for both.
        age = generation - (generation - folder) % 3
        content = random.Random(f"{folder} {age}")
        folders[b"folder %d" % folder] = {
            b"%d" % n: content.randbytes(content.randrange(9000)) for n in range(30)
        }
    large = random.Random(f"large {generation // 2}").randbytes(2 * MIB) + mine.randbytes(700_000)
    small = generation % 4 == 3  # such a generation is one combined object
    return {**folders, b"large": b"" if small else large, b"own": mine.randbytes(100)}


def last_generation(store: VaultStore, resource: str) -> int:
    mine = [point for point in store.points() if point.startswith(resource)]
    return max((int(point.rpartition("-")[2]) for point in mine), default=-1)


def point_name(resource: str, generation: int) -> str:
    return f"{resource}-{generation:04}"


def act(vault: Path, resource: str) -> None:
    """Back up generation after generation, restoring in between, until killed. Tells what it does."""
    chance = random.Random()
    print("ready", flush=True)
    while True:
        store = open_store(LocalBackend.create(vault))
        generation = last_generation(store, resource) + 1
        name = point_name(resource, generation)
        before = point_name(resource, generation - 1) if generation else None
        tree = tree_of(resource, generation)
        print(f"backup {name}", flush=True)
        back_up(store, name, tree, previous=before, block_bytes=300_000)
        print(f"committed {name}", flush=True)
        back = chance.randrange(max(0, generation - 3), generation + 1)
        print(f"restore {point_name(resource, back)}", flush=True)
        found = restore(open_store(LocalBackend(vault)), point_name(resource, back))
        print("equal" if found == flat(tree_of(resource, back)) else "DIFFERENT", flush=True)


class Trial:
    """Two writers on one vault, and the kills. Leaves no process behind."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self._vault = folder / "vault"
        self._random = random.Random(seed)
        self._committed: set[str] = set()
        open_store(LocalBackend.create(self._vault))

    def run(self, rounds: int) -> Findings:
        started = time.monotonic()
        found = Findings(rounds)
        for number in range(rounds):
            self._one_round(found)
            self._check(found, number, all_points=number == rounds - 1)
            if found.broken:
                break
        store = self._open()
        found.points = len(list(store.points()))
        found.stored_bytes = sum(info.size_bytes for info in store.backend.list(""))
        found.leftover_bytes = sum(info.size_bytes for info in store.backend.list("tmp/"))
        found.seconds = time.monotonic() - started
        return found

    def _one_round(self, found: Findings) -> None:
        command = [sys.executable, "-m", "tests.faults.store_kill", "--act", str(self._vault)]
        actors = [
            subprocess.Popen([*command, resource], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
            for resource in RESOURCES
        ]
        try:
            for actor in actors:
                assert actor.stdout is not None
                assert actor.stdout.readline() == "ready\n"
            self._random.shuffle(actors)
            for actor in actors:
                time.sleep(self._random.uniform(0.0, 0.7))
                actor.kill()
        finally:
            for actor in actors:
                actor.kill()
                said = actor.communicate()[0].splitlines()
                self._listen(said, found)

    def _listen(self, said: list[str], found: Findings) -> None:
        words = [line.split() for line in said]
        self._committed |= {line[1] for line in words if line[0] == "committed"}
        found.broken += [f"a restore came back different: {said}" for line in words if line[0] == "DIFFERENT"]
        found.kills[words[-1][0] if words else "start"] += 1

    def _check(self, found: Findings, number: int, *, all_points: bool) -> None:
        store = self._open()
        points = set(store.points())
        lost = self._committed - points
        found.broken += [f"round {number}: {point} is lost" for point in sorted(lost)]
        found.committed_unseen += len(points - self._committed)
        self._committed |= points
        report = verify(store, read_data=True)
        found.broken += [f"round {number}: {problem}" for problem in report.problems]
        newest = sorted(points, key=lambda point: point.rpartition("-")[2])
        chosen = newest if all_points else [*newest[-3:], *self._random.sample(newest, min(2, len(newest)))]
        for point in sorted(set(chosen)):
            resource, _, generation = point.rpartition("-")
            if restore(store, point) != flat(tree_of(resource, int(generation))):
                found.broken.append(f"round {number}: {point} restores to something else")

    def _open(self) -> VaultStore:
        return open_store(LocalBackend(self._vault))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--act", nargs=2, metavar=("VAULT", "RESOURCE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.act:
        act(Path(arguments.act[0]), arguments.act[1])
        return 1
    with tempfile.TemporaryDirectory(prefix="safehold-kill-") as folder:
        found = Trial(Path(folder), seed=arguments.seed).run(arguments.rounds)
    print(found)
    return 1 if found.broken else 0


if __name__ == "__main__":
    sys.exit(main())
