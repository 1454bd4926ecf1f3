"""Restores plan on while they write: whatever the size of what is planned together, the same comes back."""

from __future__ import annotations

import random

import pytest

from safehold.store.backends.memory import MemoryBackend
from safehold.store.restoring import restoring
from tests.store.vaults import Tree, back_up, flat, folder_names, open_store, restore

CHANCE = random.Random(11)
LONG = CHANCE.randbytes(5 << 20)
TREE: Tree = {
    b"a": {b"%d" % number: CHANCE.randbytes(300) for number in range(20)},
    b"long": LONG,
    b"the same, further on": CHANCE.randbytes(70_000) + LONG,
    b"z": {b"small": b"s", b"empty": b"", b"long": CHANCE.randbytes(3 << 20)},
}


@pytest.mark.parametrize(("pieces", "size", "ahead"), [(1, 1, 1), (2, 1 << 40, 3), (1 << 20, 1 << 20, 1)])
def test_the_same_comes_back_however_little_is_planned_together(
    monkeypatch: pytest.MonkeyPatch, pieces: int, size: int, ahead: int
) -> None:
    """Long files then end in a later window than they began in."""
    monkeypatch.setattr(restoring, "WINDOW_PIECES", pieces)
    monkeypatch.setattr(restoring, "WINDOW_BYTES", size)
    monkeypatch.setattr(restoring, "FRAMES_AHEAD", ahead)
    store = open_store(MemoryBackend())
    back_up(store, "p", TREE)
    assert restore(store, "p") == flat(TREE)


def test_what_is_lost_of_one_window_costs_the_files_of_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "WINDOW_PIECES", 1)
    backend = MemoryBackend()
    tree = {name: what for name, what in TREE.items() if name in (b"a", b"z")}
    back_up(open_store(backend), "first", {b"lost": LONG})
    (pack,) = folder_names(backend, "packs/")
    back_up(open_store(backend), "p", {**tree, b"lost": LONG}, previous="first")
    backend.delete(pack)
    told: list[tuple[bytes, str]] = []
    assert restore(open_store(backend), "p", skipped=told) == flat(tree)
    assert [path for path, _ in told] == [b"lost"]
