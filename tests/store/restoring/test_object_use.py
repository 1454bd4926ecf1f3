"""Which objects a point needs: what locks and holds are laid on, and so no object may be left out."""

from __future__ import annotations

import random

from safehold.store.backends.memory import MemoryBackend
from tests.store.vaults import Tree, back_up, folder_names, open_store

TREE: Tree = {b"a": random.Random(1).randbytes(2 << 20), b"d": {b"b": b"beta", b"empty": {}}, b"none": b""}


def test_a_point_uses_the_packs_and_trees_that_it_lies_in_and_no_others() -> None:
    backend = MemoryBackend()
    shared = random.Random(3).randbytes(2 << 20)
    back_up(open_store(backend), "before", {b"x": shared})
    others = set(folder_names(backend, "trees/"))
    back_up(open_store(backend), "p", {**TREE, b"deep": {b"er": {b"shared": shared}}})
    used = {*folder_names(backend, "packs/"), *folder_names(backend, "trees/")} - others
    back_up(open_store(backend), "q", {b"other": random.Random(2).randbytes(2 << 20)})
    store = open_store(backend)
    assert store.objects_used(store.point("p")) == used


def test_of_a_point_in_cold_storage_what_has_no_place_there_is_used_where_it_is_warm() -> None:
    backend = MemoryBackend()
    store = open_store(backend)
    back_up(store, "p", TREE)
    assert store.objects_used(store.point("p"), cold=True) == store.objects_used(store.point("p"))
    assert {name.split("/")[0] for name in store.objects_used(store.point("p"))} == {"packs", "trees"}
