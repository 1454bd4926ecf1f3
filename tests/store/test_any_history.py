"""Points written, abandoned, retried, deleted, their index lost, in any order: kept ones always restore."""

from __future__ import annotations

import random

import pytest
from hypothesis import strategies as some
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from safehold.core.errors import StoreError
from safehold.domain.items import PreviousTree
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from tests.store.machines import run_machine
from tests.store.vaults import Tree, TreeSource, back_up, flat, new_record, open_store, restore


def file_of(number: int) -> bytes:
    """One of a few contents: small ones, ones of their own frame, long ones, ones with holes."""
    if number < 10:
        return random.Random(number).randbytes(number * 1000)
    if number < 14:
        return random.Random(number).randbytes((1 << 20) + 200_000 * (number - 10))
    return bytes(3 << 20) if number == 14 else b"x" + bytes(5 << 20) + b"y"


FILES = {number: file_of(number) for number in range(16)}
Recipe = dict[bytes, "int | Recipe"]  # a tree, its files by number
names = some.sampled_from([b"a", b"b", b"c", b"\xff", b"d e"])
files = some.integers(0, 15)
recipes = some.recursive(
    some.dictionaries(names, files, max_size=4),
    lambda below: some.dictionaries(names, some.one_of(files, below), max_size=4),
    max_leaves=6,
)


def grow(recipe: Recipe) -> Tree:
    return {name: FILES[what] if isinstance(what, int) else grow(what) for name, what in recipe.items()}


class Vault(RuleBasedStateMachine):
    """A vault, and beside it a dictionary of what each point holds."""

    points = Bundle("points")

    @initialize()
    def begin(self) -> None:
        self.backend = MemoryBackend()
        self.kept: dict[str, Tree] = {}
        self.deleted: set[str] = set()
        self.opened: VaultStore | None = None
        self.number = 0

    def store(self, *, is_fresh: bool = True) -> VaultStore:
        """A store opened now, or the one that was opened a while ago and knows less."""
        if is_fresh or self.opened is None:
            self.opened = open_store(self.backend)
        return self.opened

    def new_name(self) -> str:
        self.number += 1
        return f"p{self.number:03}"

    @rule(target=points, recipe=recipes, is_fresh=some.booleans())
    def first_backup(self, recipe: Recipe, is_fresh: bool) -> str:
        tree = grow(recipe)
        name = self.new_name()
        back_up(self.store(is_fresh=is_fresh), name, tree)
        self.kept[name] = tree
        return name

    @rule(target=points, previous=points, recipe=recipes, is_fresh=some.booleans())
    def next_backup(self, previous: str, recipe: Recipe, is_fresh: bool) -> str:
        name = self.new_name()
        mixed: Tree = {**self.kept[previous], **grow(recipe)}
        back_up(self.store(is_fresh=is_fresh), name, mixed, previous=previous)
        self.kept[name] = mixed
        return name

    @rule(recipe=recipes)
    def abandon(self, recipe: Recipe) -> None:
        store = self.store()
        before = set(self.backend.objects)
        with store.session() as session:
            source = TreeSource(grow(recipe), PreviousTree())
            store.take_in(session, source, PreviousTree(), advance=lambda i, b: None)
        assert set(self.backend.objects) == before

    @rule(
        target=points,
        recipe=recipes,
        folder=some.sampled_from(["packs/", "trees/", "index/", "points/"]),
        trouble=some.sampled_from([Trouble.FAIL, Trouble.FULL, Trouble.UNSURE]),
        other=some.one_of(some.none(), recipes),
    )
    def fail_and_try_again(
        self, recipe: Recipe, folder: str, trouble: Trouble, other: Recipe | None
    ) -> object:
        """An attempt fails somewhere; the next one, under the same name, may see another tree."""
        name, tree = self.new_name(), grow(recipe)
        faulty = FaultyBackend(self.backend, [Fault("put", trouble, folder=folder)])
        try:
            back_up(open_store(faulty), name, tree)
        except StoreError:
            stands = f"points/{name}" in self.backend.objects
            assert stands == (trouble is Trouble.UNSURE and folder == "points/")
        else:
            stands = True
        again = tree if other is None else grow(other)
        back_up(self.store(), name, again)
        self.kept[name] = tree if stands else again
        return name

    @rule(target=points, mine=recipes, theirs=recipes)
    def overtake(self, mine: Recipe, theirs: Recipe) -> str:
        """Two attempts at one point; the second to finish adopts what the first wrote."""
        name = self.new_name()
        store = open_store(self.backend)
        with store.session() as session:
            source = TreeSource(grow(mine), PreviousTree())
            root = store.take_in(session, source, PreviousTree(), advance=lambda i, b: None)
            back_up(self.store(), name, grow(theirs))
            session.finish(new_record(name, root, session.stats))
        self.kept[name] = grow(theirs)
        return name

    @rule(target=points, point=consumes(points))
    def delete(self, point: str) -> object:
        self.store().amend(point, "deletion", {}, written_at=1)
        self.deleted.add(point)
        return multiple()

    @rule()
    def compact(self) -> None:
        self.store().compact_index()

    @rule(number=some.integers(0, 9))
    def lose_a_fragment(self, number: int) -> None:
        # In the order they came to be: their names are drawn anew in each run.
        fragments = [name for name in self.backend.objects if name.startswith("index/")]
        if fragments:
            self.backend.delete(fragments[number % len(fragments)])

    @rule(point=points)
    def restore_one(self, point: str) -> None:
        assert restore(self.store(), point) == flat(self.kept[point])

    @invariant()
    def the_vault_lists_its_points(self) -> None:
        if hasattr(self, "kept"):
            store = open_store(self.backend)
            assert set(store.points()) == set(self.kept)
            assert {point for point in self.kept if store.is_deleted(point)} == self.deleted

    def teardown(self) -> None:
        if not hasattr(self, "kept"):
            return
        store = open_store(self.backend)
        assert verify(store, read_data=True).problems == []
        for point, tree in self.kept.items():
            assert restore(store, point) == flat(tree)


@pytest.mark.parametrize(
    ("examples", "steps"), [(12, 12), pytest.param(60, 25, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_every_kept_point_restores_byte_for_byte(examples: int, steps: int) -> None:
    run_machine(Vault, examples=examples, steps=steps)
