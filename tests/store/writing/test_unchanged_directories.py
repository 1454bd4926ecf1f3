"""Directories that are told as unchanged make the very tree that they make item by item."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from safehold.domain.items import Item, Unchanged
from safehold.store.backends.memory import MemoryBackend
from safehold.store.trees.tree_reader import PointTree
from tests.store.vaults import (
    CountingBackend,
    Tree,
    TreeSource,
    back_up,
    flat,
    folder_names,
    new_record,
    open_store,
    restore,
)

LONG = {b"%05d" % number: b"%d" % number for number in range(3000)}  # of several pages, and one above
BEFORE: Tree = {
    b"a": {b"deep": {b"deeper": {b"x": b"1", b"y": b"2"}, b"z": b"3"}, b"f": b"4"},
    b"b": {b"long": LONG, b"f": b"5"},
    b"c": b"6",
}

AFTER: dict[str, Tree] = {
    "nothing": BEFORE,
    "at the very bottom": {
        **BEFORE,
        b"a": {b"deep": {b"deeper": {b"x": b"one", b"y": b"2"}, b"z": b"3"}, b"f": b"4"},
    },
    "in the middle": {
        **BEFORE,
        b"a": {b"deep": {b"deeper": {b"x": b"1", b"y": b"2"}, b"z": b"three"}, b"f": b"4"},
    },
    "at the top": {**BEFORE, b"c": b"six"},
    "in a long directory": {**BEFORE, b"b": {b"long": {**LONG, b"01500": b"other"}, b"f": b"5"}},
    "beside a long directory": {**BEFORE, b"b": {b"long": LONG, b"f": b"five"}},
    "a directory is gone": {**BEFORE, b"a": {b"f": b"4"}},
    "a directory is new": {**BEFORE, b"b": {b"long": LONG, b"f": b"5", b"new": {b"n": b"7"}}},
    "all below a directory is gone": {
        **BEFORE,
        b"a": {b"deep": {b"deeper": {}, b"z": b"3"}, b"f": b"4"},
    },
}


@pytest.mark.parametrize("tells_whole", [False, True], ids=["each", "whole"])
@pytest.mark.parametrize("change", AFTER)
def test_the_tree_is_the_same_as_item_by_item(change: str, tells_whole: bool) -> None:
    store = open_store()
    back_up(store, "p1", BEFORE)
    after = AFTER[change]
    told = back_up(store, "p2", after, previous="p1", tells_whole=tells_whole)
    singly = back_up(store, "p3", after, previous="p1", tells_unchanged=False)
    assert told.root.content == singly.root.content
    counted = [(stats.items, stats.files, stats.total_bytes) for stats in (told.stats, singly.stats)]
    assert counted[0] == counted[1]
    assert restore(open_store(store.backend), "p2") == flat(after)


class Hidden(PointTree):
    """Refuses to decode a directory."""

    def listing(self, path: bytes, directory: Item | None = None) -> dict[bytes, Item]:
        raise AssertionError(f"{path!r} was decoded")


class AllUnchanged(TreeSource):
    """What a connector says of an untouched tree that compares the encoded items."""

    def __init__(self, tree: Tree, told: list[Unchanged]) -> None:
        super().__init__(tree, PointTree(Item(b"", 2, 0, {}), lambda page: b""))
        self._told = told

    def listings(self) -> Iterator[Unchanged]:
        yield from self._told


@pytest.mark.parametrize(("tells_whole", "expected"), [(False, 6), (True, 1)], ids=["each", "whole"])
def test_an_untouched_tree_is_taken_over_without_decoding_it(tells_whole: bool, expected: int) -> None:
    backend = CountingBackend(MemoryBackend())
    store = open_store(backend)
    first = back_up(store, "p1", BEFORE)
    told = [
        listing
        for listing in TreeSource(BEFORE, store.previous_tree(first), tells_whole=tells_whole).listings()
        if isinstance(listing, Unchanged)
    ]
    assert len(told) == expected
    with store.session(parents=["p1"]) as session:
        before = Hidden(first.root, store.chunks().read)
        root = store.take_in(session, AllUnchanged(BEFORE, told), before, advance=lambda items, size: None)
        second = session.finish(new_record("p2", root, session.stats, previous_point_id="p1"))
    assert second.root.content == first.root.content
    assert (second.stats.items, second.stats.files) == (first.stats.items, first.stats.files)


@pytest.mark.parametrize("tells_whole", [False, True], ids=["each", "whole"])
def test_what_is_gone_from_the_vault_is_stored_again_though_told_as_unchanged(tells_whole: bool) -> None:
    backend = MemoryBackend()
    big = bytes(range(256)) * 8192  # more than a combined point holds
    tree: Tree = {b"d": {b"f": big, b"g": b"small"}, b"e": {b"h": b"other"}}
    back_up(open_store(backend), "p1", tree)
    (pack,) = folder_names(backend, "packs/")
    backend.delete(pack)
    again = back_up(open_store(backend), "p2", tree, previous="p1", tells_whole=tells_whole)
    assert again.stats.read_items == 3
    assert restore(open_store(backend), "p2") == flat(tree)
