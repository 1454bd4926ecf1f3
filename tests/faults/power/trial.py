"""Stories of a vault on a disk that may lose what nobody synced, and what must hold after each power cut.

By hand: `python -m tests.faults.power.trial --chances 20` (with the checkout and its `src` on PYTHONPATH).
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from safehold.core.errors import SafeholdError
from safehold.store.backends.contract import Backend
from safehold.store.backends.local import LocalBackend
from safehold.store.collect.settings import CollectionSettings
from safehold.store.collect.undeleting import undelete
from safehold.store.custody.key_rotation import reepoch, renew
from safehold.store.names import ObjectType
from safehold.store.sealed.objects import SealedObject
from safehold.store.soundness import checking
from safehold.store.soundness.verify import verify
from safehold.store.upkeep.index_rebuild import rebuild_index
from safehold.store.vault_store import VaultStore
from safehold.store.writing import session
from tests.faults.power.disk import History, State, fates
from tests.faults.power.recording import HastyOs, Recorder, RecordingOs, instead_of_os, seen
from tests.store.collect.worlds import START, VaultWorld
from tests.store.custody.test_key_rotation import OLD
from tests.store.vaults import VAULT_ID, Tree, back_up, flat, open_store, restore

VAULT = "vault"
COMBINED_BYTES = 20_000  # points above that have packs: so small vaults have objects of every kind
AT_ONCE = CollectionSettings(grace_seconds=0, trash_seconds=0, silence_seconds=0, most_dead_percent=100.0)
RUNS_TO_THE_END = 15  # of collection at once, at most, until a run finds nothing to do
SECOND = timedelta(seconds=1)
LONG_AFTER = timedelta(days=1000)

Trees: TypeAlias = dict[str, Tree]


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


SMALL: Tree = {b"a": b"alpha", b"d": {b"b": b"beta", b"c": noise(3000, 1)}}
LARGE: Tree = {b"large": noise(30_000, 2), b"d": {b"b": b"beta", b"e": noise(9000, 3)}}
OTHER: Tree = {b"large": noise(30_000, 2), b"more": noise(25_000, 4)}
TREES: Trees = {"small": SMALL, "large": LARGE, "other": OTHER, "after": {**SMALL, b"new": noise(22_000, 5)}}


@contextmanager
def short_ways() -> Iterator[None]:
    """Packs come early, and nothing waits before it is read again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "COMBINED_BYTES", COMBINED_BYTES)
        patch.setattr(checking, "PAUSE_SECONDS", 0)
        yield


class Scene:
    """A vault in a recorded folder, and what its users were told."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.backend: Backend = LocalBackend.create(seen(recorder, recorder.root / VAULT))
        self.world = VaultWorld(self.backend)

    def tell(self, what: str) -> None:
        """Somebody is told that it holds from here on."""
        self.recorder.tell(what)

    def back_up(self, point: str, *, previous: str | None = None) -> None:
        back_up(self.world.store(), point, TREES[point], previous=previous)
        self.tell(f"stands {point}")

    def delete(self, point: str) -> None:
        self.tell(f"may go {point}")
        self.world.delete(point)

    def collect(self, runs: int) -> None:
        for _ in range(runs):
            self.world.collection(settings=AT_ONCE).run()
            self.world.wait(SECOND)


Story: TypeAlias = Callable[[Scene], None]


def one_backup(scene: Scene) -> None:
    scene.back_up("large")


def two_backups(scene: Scene) -> None:
    scene.back_up("large")
    scene.back_up("small", previous="large")


def a_life(scene: Scene) -> None:
    """Backups, later facts, new keys, a deletion and all of a collection, and a new index."""
    scene.back_up("small")
    scene.back_up("large", previous="small")
    scene.world.store().amend("small", "tags", {"a": "b"}, written_at=scene.world.now)
    reepoch(scene.backend, VAULT_ID, OLD)
    scene.back_up("other", previous="large")
    scene.delete("large")
    scene.collect(4)
    renew(scene.backend, VAULT_ID, OLD)
    rebuild_index(scene.world.store(), dry_run=False, is_confirmed=True)
    scene.collect(4)


def a_change_of_mind(scene: Scene) -> None:
    """A point is deleted, collection takes what it needs out of sight, and all of it is brought back."""
    scene.back_up("large")
    scene.back_up("other", previous="large")
    scene.delete("large")
    scene.collect(2)
    undelete(scene.world.store(), points=["large"], now=scene.world.now)
    scene.tell("stands large")
    scene.collect(1)


STORIES: dict[str, Story] = {
    story.__name__: story for story in (one_backup, two_backups, a_life, a_change_of_mind)
}


def record(story: Story, folder: Path, *, can_do_without_names: bool = True) -> History:
    """What the story does to the disk."""
    recorder = new_disk(folder)
    stand_in = RecordingOs(recorder, can_do_without_names=can_do_without_names)
    with short_ways(), instead_of_os(stand_in):
        story(Scene(recorder))
    return recorder.history


def new_disk(folder: Path) -> Recorder:
    """An empty one; what is done is done in a folder below that one."""
    root = folder / "disk"
    root.mkdir()
    return Recorder(root)


def record_restarted(story: Story, folder: Path, *, killed_after: int) -> History:
    """The story, and its process killed after so many steps; then another one does all of it again."""
    recorder = new_disk(folder)
    with short_ways(), instead_of_os(RecordingOs(recorder)):
        recorder.stop_after = killed_after
        with suppress(SafeholdError):
            story(Scene(recorder))
        recorder.stop_after = None
        story(Scene(recorder))
    return recorder.history


@dataclass(slots=True)
class Findings:
    """What a trial saw. `broken` must be empty: what was wrong, after which cut and fate."""

    steps: int = 0
    states: int = 0  # looked at; many cuts leave the same
    unseen: int = 0  # states with points whose writer had not been told that they stand
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


def cut_power(
    history: History,
    folder: Path,
    *,
    chances: int,
    cuts: Iterable[int] | None = None,
    seed: object = 1,
    most: int = 1,
) -> Findings:
    """Every moment at which the power may go, with the extremes and so many fates by chance.

    cuts  those moments alone
    most  broken states until it stops
    """
    found = Findings(steps=len(history.steps))
    began = time.monotonic()
    known: set[tuple[State, tuple[str, ...]]] = set()
    with short_ways(), instead_of_os(HastyOs()):
        for cut in history.cuts() if cuts is None else cuts:
            told = tuple(history.told(cut))
            for fate in fates(f"{seed} {cut}", chances):
                state = history.state(cut, fate)
                if (state, told) in known:
                    continue
                known.add((state, told))
                wrong = examine(state, told, folder / "after", found)
                found.broken += [f"step {cut}, {fate}: {what}" for what in wrong]
                if len(found.broken) >= most:
                    return found
    found.seconds = time.monotonic() - began
    return found


def lay_out(state: State, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in sorted(state.folders):
        (folder / path).mkdir(exist_ok=True)
    for path, data in state.files:
        (folder / path).write_bytes(data)


def standing(told: Iterable[str]) -> set[str]:
    """Points that somebody was told of, less those that may go."""
    points: set[str] = set()
    for what in told:
        act, _, point = what.rpartition(" ")
        points = points | {point} if act == "stands" else points - {point}
    return points


def examine(state: State, told: tuple[str, ...], folder: Path, found: Findings) -> list[str]:
    """What is wrong with the vault on a disk in that state, and after a further backup and collection."""
    lay_out(state, folder)
    found.states += 1
    stands = standing(told)
    if not (folder / VAULT).is_dir() and not stands:
        return []
    try:
        return look_at(LocalBackend.create(folder / VAULT), stands, found)
    except SafeholdError as error:
        return [f"{type(error).__name__}: {error}"]


def look_at(backend: Backend, stands: set[str], found: Findings) -> list[str]:
    """What is wrong with a vault in which those points must be. Raises SafeholdError."""
    store = open_store(backend)
    there = set(store.points())
    wrong = [f"{point} is lost" for point in sorted(stands - there)]
    found.unseen += bool(there - stands)
    wrong += half_seen(backend, store)
    wrong += unwell(backend)
    wrong += not_whole(backend, there)
    if not wrong:
        wrong += goes_on(backend, there)
    return wrong


def half_seen(backend: Backend, store: VaultStore) -> list[str]:
    """Objects that are there and cannot be read. `verify` looks at the others."""
    wrong = []
    for kind in ObjectType:
        for info in backend.list(kind.folder):
            try:
                opened = SealedObject(backend, store.keys, VAULT_ID, info.name)
                for number in range(len(opened.directory.frames)):
                    opened.frame(number)
            except SafeholdError as error:
                wrong.append(f"{info.name} is half there: {error}")
    return wrong


def unwell(backend: Backend) -> list[str]:
    return [f"verify: {problem}" for problem in verify(open_store(backend), read_data=True).problems]


def not_whole(backend: Backend, points: Iterable[str]) -> list[str]:
    store = open_store(backend)
    kept = [point for point in sorted(points) if not store.is_deleted(point)]
    return [f"{point} restores to something else" for point in kept if not _is_whole(store, point)]


def _is_whole(store: VaultStore, point: str) -> bool:
    skipped: list[tuple[bytes, str]] = []
    try:
        return restore(store, point, skipped=skipped) == flat(TREES[point]) and not skipped
    except SafeholdError:
        return False


def goes_on(backend: Backend, there: set[str]) -> list[str]:
    """A further backup, then collections until nothing is left to collect: what is kept stays whole."""
    world = VaultWorld(backend)
    world.clock.at = START + LONG_AFTER
    kept = sorted(point for point in there if not world.store().is_deleted(point))
    back_up(world.store(), "after", TREES["after"], previous=kept[-1] if kept else None)
    wrong = [] if comes_to_an_end(world) else ["collection does not come to an end"]
    left = world.names("trash/", "intents/")
    wrong += [f"collection leaves {name}" for name in left]
    wrong += [f"collection took {point}" for point in {*kept, "after"} - set(world.store().points())]
    return wrong + unwell(backend) + not_whole(backend, [*kept, "after"])


def comes_to_an_end(world: VaultWorld) -> bool:
    for _ in range(RUNS_TO_THE_END):
        report = world.collection(settings=AT_ONCE).run()
        world.wait(SECOND)
        is_idle = not (report.announced or report.trashed or report.purged or report.revoked)
        if is_idle and not world.names("trash/", "intents/"):
            return True
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chances", type=int, default=20, help="fates by chance of each cut")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--story", choices=STORIES, action="append")
    arguments = parser.parse_args()
    is_broken = False
    for name in arguments.story or STORIES:
        with tempfile.TemporaryDirectory(prefix="safehold-power-") as folder:
            history = record(STORIES[name], Path(folder))
            found = cut_power(history, Path(folder), chances=arguments.chances, seed=arguments.seed, most=20)
        print(name, found)
        is_broken |= bool(found.broken)
    return 1 if is_broken else 0


if __name__ == "__main__":
    sys.exit(main())
