"""Writers, copiers, deleters, collectors of vaults in any order: what is kept comes back, the rest goes."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from safehold.core.errors import CollectionRefused, StoreError, WriterRevoked
from safehold.domain.items import PreviousTree
from safehold.store.backends.contract import Backend
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.collect.collection import CollectionReport
from safehold.store.collect.undeleting import undelete
from safehold.store.copies.copying import CopyOrder, copy_point
from safehold.store.points.locking import PointLock
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from safehold.store.writing.session import Session
from tests.store.collect.worlds import DAY, VaultWorld
from tests.store.machines import run_machine
from tests.store.vaults import Tree, TreeSource, back_up, flat, new_record, restore

FILES = [random.Random(n).randbytes(200 if n < 6 else 700_000) for n in range(12)]
names = some.sampled_from([b"a", b"b", b"c", b"d"])
trees = some.dictionaries(names, some.integers(0, 11), min_size=1, max_size=4)
numbers = some.integers(0, 7)


class InPlace(MemoryBackend):
    can_rename = False


class Vault(RuleBasedStateMachine):
    repacked = 0  # packs, in all examples of a test

    @initialize(in_place=some.booleans())
    def begin(self, in_place: bool) -> None:
        self.world = self.make_world(InPlace() if in_place else MemoryBackend())
        self.kept: dict[str, Tree] = {}
        self.copies = self.make_world(MemoryBackend())
        self.copied: dict[str, Tree] = {}
        self.deleted: dict[str, Tree] = {}
        self.open: list[tuple[str, Tree, VaultStore, Session, object]] = []
        self.old: list[VaultStore] = []
        self.number = 0

    def make_world(self, backend: Backend) -> VaultWorld:
        return VaultWorld(backend)

    def lock(self, parent: str | None) -> PointLock | None:
        """What a point that is written now is kept by."""
        del parent

    def drop(self, name: str) -> None:
        """Not if somebody brought it back whose clock was ahead: his word is the later one then."""
        self.world.delete(name)
        if self.world.store().is_deleted(name):
            self.deleted[name] = self.kept.pop(name)

    def grow(self, recipe: dict[bytes, int], parent: str | None) -> Tree:
        fresh: Tree = {name: FILES[number] for name, number in recipe.items()}
        return {**self.kept[parent], **fresh} if parent else fresh

    def parent(self, number: int | None) -> str | None:
        return sorted(self.kept)[number % len(self.kept)] if self.kept and number is not None else None

    @rule(
        recipe=trees,
        number=some.one_of(some.none(), numbers),
        old=some.one_of(some.none(), numbers),
        waits=some.booleans(),
    )
    def write(self, recipe: dict[bytes, int], number: int | None, old: int | None, waits: bool) -> None:
        """A backup, by a store opened now or long ago; one that waits is finished later, or never."""
        parent = self.parent(number)
        tree = self.grow(recipe, parent)
        self.number += 1
        name = f"p{self.number:03}"
        store = self.old[old % len(self.old)] if old is not None and self.old else self.world.store()
        if not waits:
            # A store that was opened long ago may be one whose writer was revoked: the job is tried again.
            with suppress(WriterRevoked):
                back_up(store, name, tree, previous=parent, lock=self.lock(parent))
                self.kept[name] = tree
            return
        before = store.previous_tree(store.point(parent)) if parent else PreviousTree()
        session = store.session(parents=[parent] if parent else [], lock=self.lock(parent))
        session.__enter__()
        root = store.take_in(session, TreeSource(tree, before), before, advance=lambda i, b: None)
        self.open.append((name, tree, store, session, root))

    @precondition(lambda self: self.open)
    @rule(number=numbers, gives_up=some.booleans())
    def finish(self, number: int, gives_up: bool) -> None:
        name, tree, _, session, root = self.open.pop(number % len(self.open))
        try:
            if not gives_up:
                session.finish(new_record(name, root, session.stats))  # type: ignore[arg-type]
                self.kept[name] = tree
        except WriterRevoked:
            pass
        finally:
            session.__exit__(None, None, None)

    @rule()
    def open_store(self) -> None:
        store = self.world.store()
        store.index()
        self.old.append(store)

    @rule(recipe=trees, folder=some.sampled_from(["packs/", "index/", "points/", "intents/"]))
    def die(self, recipe: dict[bytes, int], folder: str) -> None:
        """A writer that dies and cleans nothing up."""
        faults = [Fault("put", Trouble.FAIL, folder=folder), Fault("delete", Trouble.FAIL)]
        self.number += 1
        name, tree = f"p{self.number:03}", self.grow(recipe, None)
        with suppress(StoreError):
            back_up(self.world.store(FaultyBackend(self.world.backend, faults)), name, tree)
            self.kept[name] = tree

    @precondition(lambda self: self.kept)
    @rule(number=numbers)
    def delete(self, number: int) -> None:
        self.drop(sorted(self.kept)[number % len(self.kept)])

    @precondition(lambda self: self.kept)
    @rule(
        number=numbers,
        is_told=some.booleans(),
        cut=some.one_of(some.none(), some.integers(1, 12)),
        in_source=some.booleans(),
    )
    def copy(self, number: int, is_told: bool, cut: int | None, in_source: bool) -> None:
        """Into the other vault, told of earlier copies or not; with a cut, a place fails for good."""
        point = sorted(self.kept)[number % len(self.kept)]
        self.number += 1
        order = CopyOrder(point, f"c{self.number:03}", "arn", "job")
        faults = [] if cut is None else [Fault(op, Trouble.FAIL, cut) for op in ("put", "get", "delete")]
        mine, theirs = (FaultyBackend(w.backend, faults) for w in (self.world, self.copies))
        earlier = sorted(self.copied, reverse=True) if is_told else []
        tree = self.kept[point]
        try:
            source = self.world.store(mine if in_source else None)
            target = self.copies.store(None if in_source else theirs)
            copy_point(source, target, order, earlier=earlier, advance=lambda i, b: None)
            self.copied[order.point_id] = tree
        except StoreError:
            assert cut is not None

    @precondition(lambda self: self.copied)
    @rule(number=numbers)
    def delete_a_copy(self, number: int) -> None:
        name = sorted(self.copied)[number % len(self.copied)]
        self.copies.delete(name)
        del self.copied[name]

    @rule(times=some.integers(1, 3))
    def collect_copies(self, times: int) -> None:
        for _ in range(times):
            with suppress(CollectionRefused):
                self.copies.collect()
            self.copies.wait(timedelta(hours=30))
        self.check_copies()

    def check_copies(self) -> None:
        store = self.copies.store()
        for name, tree in self.copied.items():
            assert restore(store, name) == flat(tree)

    @rule()
    def dwindle(self) -> None:
        """Of two large files in a pack one point keeps the first; the point that had both is deleted."""
        one, other = (random.Random(f"{self.number} {n}").randbytes(700_000) for n in range(2))
        for tree in ({b"x": one, b"y": other}, {b"x": one}):
            self.number += 1
            back_up(self.world.store(), f"p{self.number:03}", tree)
            self.kept[f"p{self.number:03}"] = tree
        self.drop(f"p{self.number - 1:03}")

    @rule(hours=some.sampled_from([1, 25, 49, 200]))
    def wait(self, hours: int) -> None:
        self.world.wait(timedelta(hours=hours))

    @rule(times=some.integers(1, 3), cut=some.one_of(some.none(), some.integers(1, 30)))
    def collect(self, times: int, cut: int | None) -> None:
        for _ in range(times):
            faults = (
                [] if cut is None else [Fault(op, Trouble.FAIL, cut) for op in ("put", "rename", "delete")]
            )
            with suppress(StoreError):
                report = self.world.collection(FaultyBackend(self.world.backend, faults)).run()
                Vault.repacked += len(report.repacked)
            self.world.wait(timedelta(hours=30))

    @precondition(lambda self: self.deleted)
    @rule(number=numbers)
    def undelete(self, number: int) -> None:
        name = sorted(self.deleted)[number % len(self.deleted)]
        with suppress(StoreError):
            if not undelete(self.world.store(), points=[name], now=self.world.now).broken:
                self.kept[name] = self.deleted.pop(name)
                return
        if not self.world.store().is_deleted(name):  # what is left of it is no good to us
            self.delete_again(name)

    def delete_again(self, name: str) -> None:
        store = self.world.store()
        if told := store.amendments(name):
            latest = max(amendment.written_at for amendment in told)
            store.amend(name, "deletion", {}, written_at=max(self.world.now, latest + 1))

    @invariant()
    def what_is_kept_restores(self) -> None:
        if hasattr(self, "kept"):
            store = self.world.store()
            for name, tree in self.kept.items():
                assert restore(store, name) == flat(tree)

    def teardown(self) -> None:
        if not hasattr(self, "kept"):
            return
        for _, _, _, session, _ in self.open:
            session.__exit__(None, None, None)
        for name in self.deleted:  # some were asked back, too late, and not given up
            self.delete_again(name)
        refusals, last = 0, CollectionReport()
        for _ in range(40):
            try:
                last = self.world.collect()
                Vault.repacked += len(last.repacked)
            except CollectionRefused:
                refusals += 1
            self.world.wait(DAY)
        assert refusals <= 2
        assert (last.repacked, last.announced) == ([], [])
        store = self.world.store()
        assert verify(store, read_data=True).problems == []
        for name, tree in self.kept.items():
            assert restore(store, name) == flat(tree)
        assert verify(self.copies.store(), read_data=True).problems == []
        self.check_copies()
        needed = {name.removeprefix("points/") for name in self.world.names("points/")}
        assert self.world.names("intents/", "trash/") == []
        if not self.kept:
            assert self.world.names("packs/", "trees/") == []
            # A record may stand that nobody was told of: its writer died before he heard that it was stored.
            assert all(store.adopt_point(name) for name in needed)


@pytest.mark.slow
@pytest.mark.parametrize(("examples", "steps"), [(6, 14), (60, 30)], ids=["short", "long"])
def test_what_is_kept_comes_back_whole_and_what_is_dropped_is_freed(examples: int, steps: int) -> None:
    Vault.repacked = 0
    run_machine(Vault, examples=examples, steps=steps)
    assert Vault.repacked > 0


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [3, pytest.param(25, marks=pytest.mark.slow)])
def test_eight_writers_beside_collectors_lose_nothing(rounds: int) -> None:
    world = VaultWorld()
    kept: dict[str, Tree] = {}
    failed: list[BaseException] = []
    lock = threading.Lock()

    def write(worker: int) -> None:
        chance = random.Random(worker)
        last: str | None = None
        try:
            for round_number in range(rounds):
                name = f"w{worker}-{round_number}"
                tree: Tree = {b"%d" % n: FILES[chance.randrange(12)] for n in range(4)}
                try:
                    back_up(world.store(), name, tree, previous=last)
                except WriterRevoked:
                    continue  # days pass by the clock here while a backup runs
                if last is not None:
                    with lock:
                        del kept[last]
                    world.delete(last)
                with lock:
                    kept[name] = tree
                last = name
        except BaseException as error:  # told to the test below
            failed.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        with suppress(CollectionRefused):
            world.collect()
        world.wait(timedelta(hours=30))
    for writer in writers:
        writer.join()
    assert failed == []
    for _ in range(3):
        world.collect_for(5)
        for name, tree in kept.items():
            assert restore(world.store(), name) == flat(tree)
    world.collect_for(14)
    assert verify(world.store(), read_data=True).problems == []
    # A revoked writer's record may stand: what it had written was admitted before it was revoked.
    assert {name.removeprefix("points/") for name in world.names("points/")} >= set(kept)
