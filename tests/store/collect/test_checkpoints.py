"""Collection and backups that were cut off: what they may go on with stays, what nobody goes on with goes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from safehold.store.backends.contract import Backend, ObjectInfo
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.collect.journal import Journal
from safehold.store.points.checkpoints import CheckpointFolder
from safehold.store.sealed.chunking import chunk_id
from safehold.store.soundness.verify import verify
from safehold.store.writers.tombstones import Announced, Tombstones
from safehold.store.writing import backup, loads
from tests.store.collect.worlds import DAY, VaultWorld
from tests.store.resumed import Attempt, Cut, killed_at, size_of
from tests.store.troubled import AT_ONCE
from tests.store.vaults import Tree, back_up, flat, restore

FILE_BYTES = 3000
HOUR = timedelta(hours=1)


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def folders(count: int, seed: int = 0) -> dict[bytes, dict[bytes, bytes]]:
    return {
        b"%d" % n: {b"%d" % f: noise(FILE_BYTES, seed + n * 100 + f) for f in range(20)} for n in range(count)
    }


TREE = folders(6)
ENOUGH = size_of(TREE) * 8 // 10


@pytest.fixture(autouse=True)
def small_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "LOAD_ITEMS", 8)
    monkeypatch.setattr(backup, "AHEAD_LOADS", 1)


def packs(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith("packs/"))


def attempt(world: VaultWorld, tree: Tree = TREE, previous: str | None = None) -> Attempt:
    return Attempt(world.store(), tree, clock=world.clock, previous=previous)


def killed(
    world: VaultWorld, tree: Tree = TREE, *, at_bytes: int = ENOUGH, previous: str | None = None
) -> str:
    """The vault is as it was then; returns the checkpoint that was noted last."""
    world.backend, name = killed_at(attempt(world, tree, previous), at_bytes)
    return name


def read_again(world: VaultWorld, name: str, tree: Tree = TREE) -> int:
    again = attempt(world, tree)
    again.run(name)
    assert restore(world.store(), "p") == flat(tree)
    return again.source.read_bytes


def test_a_backup_that_was_killed_is_gone_on_with_days_later() -> None:
    world = VaultWorld()
    name = killed(world)
    before = packs(world.chunk_objects())
    for day in range(2):
        report = world.collect()
        assert (packs(report.announced), report.abandoned) == ([], [])  # earlier checkpoints' trees may go
        assert len(report.revoked) == day  # its writer is silent since a day
        world.wait(DAY - HOUR if day else DAY)
    assert world.names("intents/") == []
    world.collect()
    assert packs(world.chunk_objects()) == before
    assert read_again(world, name) <= size_of(TREE) - ENOUGH + 8 * FILE_BYTES


def test_one_that_let_go_in_order_is_gone_on_with_after_a_collection() -> None:
    world = VaultWorld()
    first = attempt(world)

    def let_go(taken: int) -> None:
        if taken >= ENOUGH:
            raise Cut

    first.advance = let_go
    with suppress(Cut):
        first.run()
    assert world.names("intents/") == []
    world.collect()
    assert read_again(world, first.names[-1]) <= size_of(TREE) - ENOUGH + 8 * FILE_BYTES


def test_what_nobody_goes_on_with_is_gone_in_the_end() -> None:
    world = VaultWorld()
    back_up(world.store(), "other", {b"a": b"alpha"})
    killed(world)
    reports = world.collect_for(28)
    assert [len(report.abandoned) for report in reports].count(1) == 1
    assert world.names("checkpoints/", "intents/", "trash/") == []
    assert world.chunk_objects() == {"points/other"}
    runs = Journal(world.backend, world.store().keys, world.store().vault_id).runs()
    assert len([name for run in runs for name in run.names_of("abandoned")]) == 1


def test_a_checkpoint_that_a_done_backup_left_goes_at_once_and_a_dry_run_tells_of_it() -> None:
    world = VaultWorld()
    lasting = FaultyBackend(world.backend, [Fault("delete", Trouble.FAIL, folder="checkpoints/")])
    first = Attempt(world.store(lasting), TREE, clock=world.clock)
    first.run()
    left = [name.removeprefix("checkpoints/") for name in world.names("checkpoints/")]
    assert len(left) > 1
    assert world.collection().run(dry_run=True).abandoned == sorted(left)
    assert len(world.names("checkpoints/")) == len(left)
    assert world.collect().abandoned == sorted(left)
    assert world.names("checkpoints/") == []
    world.collect_for(12)
    assert restore(world.store(), "p") == flat(TREE)


def test_the_chunks_of_a_long_item_of_which_a_part_was_read_are_kept() -> None:
    world = VaultWorld()
    tree: Tree = {b"image": noise(20 << 20)}
    name = killed(world, tree, at_bytes=18 << 20)
    assert packs(world.collect().announced) == []
    world.wait(DAY)
    assert packs(world.collect().announced) == []
    assert read_again(world, name, tree) < 20 << 20


def _damage(world: VaultWorld, name: str) -> None:
    backend = world.backend
    assert isinstance(backend, MemoryBackend)
    backend.objects[name] = backend.objects[name][:60] + b"damaged!" + backend.objects[name][68:]


@pytest.mark.parametrize("what", ["itself", "a page"])
def test_a_damaged_checkpoint_stops_no_collection(what: str) -> None:
    world = VaultWorld()
    name = killed(world)
    back_up(world.store(), "other", folders(2, seed=9000))
    store = world.store()
    folder = CheckpointFolder(world.backend, store.keys, store.vault_id)
    root = folder.get(name).root.content
    assert root
    pages = [place.object.name for place in store.chunks().places(root)]
    _damage(world, "checkpoints/" + name if what == "itself" else pages[0])
    world.collect_for(28)
    assert world.names("checkpoints/", "intents/", "trash/") == []
    assert restore(world.store(), "other") == flat(folders(2, seed=9000))
    assert verify(world.store(), read_data=True).problems == []
    read_again(world, name)


class ReplacedMeanwhile(PassingBackend):
    """Just after the checkpoints are listed for the first time, their writer replaces the one there is."""

    def __init__(self, inner: Backend, folder: CheckpointFolder) -> None:
        super().__init__(inner)
        self._folder = folder
        self._is_done = False

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        yield from list(super().list(prefix))
        if prefix == "checkpoints/" and not self._is_done:
            self._is_done = True
            (name,) = self._folder.names()
            self._folder.put(self._folder.get(name))
            self._folder.delete(name)


def test_a_checkpoint_that_is_replaced_while_collection_reads_it_is_found_under_its_new_name() -> None:
    world = VaultWorld()
    killed(world)
    store = world.store()
    folder = CheckpointFolder(world.backend, store.keys, store.vault_id)
    report = world.collection(ReplacedMeanwhile(world.backend, folder)).run()
    assert packs(report.announced) == []
    (name,) = folder.names()
    assert read_again(world, name) <= size_of(TREE) - ENOUGH + 8 * FILE_BYTES


@pytest.mark.parametrize(
    "runs", [3, *(pytest.param(runs, marks=pytest.mark.slow) for runs in (0, 1, 2, 4, 5, 6, 7))]
)
def test_however_far_collection_is_with_what_it_refers_to_the_resumed_backup_is_whole(runs: int) -> None:
    """Nothing is waited for here: a checkpoint is given up by the second run, its packs gone by the fifth."""
    world = VaultWorld()
    back_up(world.store(), "before", {**TREE, b"3": noise(FILE_BYTES, 77)})
    name = killed(world, {**TREE, **folders(2, seed=5000)}, at_bytes=48 * FILE_BYTES, previous="before")
    world.delete("before")
    for _ in range(runs):
        _collect_at_once(world)
    again = attempt(world, {**TREE, **folders(2, seed=5000)})
    again.advance = lambda taken: _collect_at_once(world, silence_seconds=3600.0)
    again.run(name)
    for _ in range(12):
        _collect_at_once(world)
    assert restore(world.store(), "p") == flat({**TREE, **folders(2, seed=5000)})
    assert verify(world.store(), read_data=True).problems == []
    assert world.names("checkpoints/", "trash/") == []


def _collect_at_once(world: VaultWorld, *, silence_seconds: float = 0.0) -> None:
    world.collection(settings=replace(AT_ONCE, silence_seconds=silence_seconds)).run()
    world.wait(timedelta(seconds=1))


def test_a_resumed_backup_that_was_killed_again_is_gone_on_with_beside_collection() -> None:
    world = VaultWorld()
    name = killed(world)
    back_up(world.store(), "gone", folders(2, seed=9000))
    world.delete("gone")
    world.wait(2 * DAY)
    world.collect()
    second = attempt(world, {**TREE, b"0": folders(1, seed=500)[b"0"]})
    world.backend, name = killed_at(second, 10 * FILE_BYTES, name)
    for _ in range(3):
        world.collect()
        world.wait(8 * HOUR)
    third = attempt(world, {**TREE, b"0": folders(1, seed=500)[b"0"]})
    third.run(name)
    assert third.source.read_bytes <= size_of(TREE) - ENOUGH + 28 * FILE_BYTES
    world.collect_for(14)
    assert restore(world.store(), "p") == flat({**TREE, b"0": folders(1, seed=500)[b"0"]})
    assert verify(world.store(), read_data=True).problems == []


def test_journals_from_before_checkpoints_are_read() -> None:
    world = VaultWorld()
    back_up(world.store(), "p", {b"a": b"alpha"})
    world.collect()
    store = world.store()
    (run,) = Journal(world.backend, store.keys, store.vault_id).runs()
    old = {k: v for k, v in msgspec.structs.asdict(run.seen).items() if k != "checkpoints"}
    assert msgspec.convert(old, type(run.seen)).checkpoints == {}


def _announce(world: VaultWorld, name: str) -> None:
    """Collection is about to take that object, whatever refers to it."""
    store = world.store()
    stones = Tombstones(world.backend, store.keys, store.vault_id)
    stones.put(1, Announced(version=1, names=[name], roots=[], written_at=world.now))


@pytest.mark.parametrize("kills", [1, 2])
def test_what_collection_is_about_to_take_of_it_is_read_again(kills: int) -> None:
    world = VaultWorld()
    name = killed(world)
    store = world.store()
    chunk = chunk_id(store.keys.chunk_id_key, TREE[b"3"][b"5"])
    (going,) = [place.object.name for place in store.chunks().places(chunk)]
    _announce(world, going)
    if kills == 2:  # the one between looked up what it came to, which is not all
        world.backend, name = killed_at(attempt(world), 0, name)
    again = attempt(world)
    again.run(name)
    world.backend.delete(going)
    assert restore(world.store(), "p") == flat(TREE)
    assert verify(world.store(), read_data=True).problems == []


def test_who_goes_on_with_a_checkpoint_keeps_it_by_his_own_intent() -> None:
    world = VaultWorld()
    name = killed(world)
    store = world.store()
    folder = CheckpointFolder(world.backend, store.keys, store.vault_id)
    owners: list[str] = []
    again = Attempt(store, TREE, clock=world.clock, every_seconds=0)
    again.advance = lambda taken: owners.extend(folder.get(name).intent_id for name in folder.names())
    first = folder.get(name).intent_id
    again.run(name)
    assert owners
    assert first not in owners
