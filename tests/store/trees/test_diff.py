"""What changed between two points is told, at the cost of what differs, without a look at data."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as some

from safehold.domain.items import Item, ItemKind
from safehold.store.backends.memory import MemoryBackend
from safehold.store.trees.diff import Change, diff
from safehold.store.trees.trees import PageCutter, write_directory
from safehold.store.vault_store import VaultStore
from tests.store.properties import STEADY
from tests.store.vaults import CountingBackend, Other, Tree, back_up, flat, open_store

LINK = Other(ItemKind.SYMLINK, (("l", b"there"),))


class Pages:
    """Pages by id, counting what is read."""

    def __init__(self) -> None:
        self.pages: dict[bytes, bytes] = {}
        self.read_count = 0
        self._cutter = PageCutter(b"p" * 32)

    def put(self, page: bytes) -> bytes:
        identity = len(self.pages).to_bytes(32, "big")
        return next((known for known, what in self.pages.items() if what == page), None) or (
            self.pages.setdefault(identity, page) and identity
        )

    def get(self, identity: bytes) -> bytes:
        self.read_count += 1
        return self.pages[identity]

    def folder(self, items: list[Item], name: bytes = b"") -> Item:
        root = write_directory(sorted(items, key=lambda item: item.name), self._cutter, self.put)
        return Item(name, ItemKind.DIRECTORY, 0, {}, root)


def file(number: int, version: int = 0) -> Item:
    content = (number * 1000 + version).to_bytes(32, "big")
    return Item(b"%06d" % number, ItemKind.FILE, 5, {"t": version}, content)


def told(changes: Iterator[Change]) -> list[tuple[str, bytes]]:
    return [(str(change.kind), change.path) for change in changes]


def point_diff(store: VaultStore, one: str, other: str) -> list[Change]:
    get_page = store.chunks().read
    return list(diff(store.point(one).root, store.point(other).root, get_page))


def test_one_changed_file_among_many_costs_the_pages_on_its_way() -> None:
    pages = Pages()
    before = pages.folder([file(n) for n in range(20_000)])
    after = pages.folder([file(n, version=int(n == 777)) for n in range(20_000)])
    assert len(pages.pages) > 40
    assert told(diff(before, after, pages.get)) == [("changed", b"000777")]
    assert pages.read_count <= 2 * 3


def test_equal_points_cost_no_page() -> None:
    pages = Pages()
    folder = pages.folder([file(n) for n in range(5000)])
    assert list(diff(folder, folder, pages.get)) == []
    assert pages.read_count == 0


def test_a_renamed_folder_is_told_as_one_change_and_none_of_it_is_read() -> None:
    pages = Pages()
    large = [file(n) for n in range(5000)]
    before = pages.folder([pages.folder(large, b"old"), pages.folder([file(1)], b"other")])
    after = pages.folder([pages.folder([pages.folder(large, b"new"), file(1)], b"other")])
    (change,) = diff(before, after, pages.get)
    assert (change.kind, change.old_path, change.path) == ("renamed", b"old", b"other/new")
    assert pages.read_count <= 4


def test_a_tree_that_grew_a_level_is_still_compared() -> None:
    pages = Pages()
    few, many = [file(n) for n in range(3)], [file(n) for n in range(3000)]
    changes = told(diff(pages.folder(few), pages.folder(many), pages.get))
    assert changes == [("added", item.name) for item in many[3:]]
    back = told(diff(pages.folder(many), pages.folder(few), pages.get))
    assert back == [("removed", item.name) for item in many[3:]]


def test_every_kind_of_change_is_told_once_and_no_data_pack_is_read() -> None:
    backend = MemoryBackend()
    folder: Tree = {b"x": b"1", b"deep": {b"y": b"2" * 2_000_000}}
    one: Tree = {b"same": b"s", b"gone": b"g", b"edit": b"e", b"turn": b"t", b"moved": folder, b"old": folder}
    other: Tree = {
        b"same": b"s",
        b"edit": b"E",
        b"turn": {b"in": b"i"},
        b"kept": {b"moved to": folder},
        b"old": {**folder, b"x": LINK},
        b"\xff new": b"n",
    }
    back_up(open_store(backend), "p", {**one, b"kept": {}})
    back_up(open_store(backend), "q", other, previous="p")
    counting = CountingBackend(backend)
    found = point_diff(open_store(counting), "p", "q")
    assert [(str(change.kind), change.path) for change in found] == [
        ("changed", b"edit"),
        ("removed", b"gone"),
        ("removed", b"turn"),
        ("added", b"\xff new"),
        ("removed", b"old/x"),
        ("added", b"old/x"),
        ("renamed", b"kept/moved to"),
        ("added", b"turn"),
        ("added", b"turn/in"),
    ]
    assert counting.count()["get packs"] == 0


def test_a_folder_whose_own_facts_changed_is_told_and_looked_into() -> None:
    pages = Pages()
    inner, changed = pages.folder([file(1)], b"f"), pages.folder([file(1, 1)], b"f")
    changed = Item(changed.name, changed.kind, 0, {"m": 7}, changed.content)
    changes = diff(pages.folder([inner]), pages.folder([changed]), pages.get)
    assert told(changes) == [("changed", b"f"), ("changed", b"f/000001")]


names = some.sampled_from([b"a", b"b", b"c", b"\xff"])
trees = some.recursive(
    some.sampled_from([b"", b"1", b"2"]),
    lambda inner: some.dictionaries(names, inner, max_size=3),
    max_leaves=12,
).map(lambda tree: tree if isinstance(tree, dict) else {b"only": tree})


@pytest.mark.slow
@STEADY
@given(trees, trees)
def test_applying_what_is_told_to_the_earlier_gives_the_later(one: Tree, other: Tree) -> None:
    store = open_store()
    back_up(store, "p", one)
    back_up(store, "q", other, previous="p")
    found = flat(one)
    after = flat(other)
    changes = point_diff(store, "p", "q")
    for change in changes:
        if change.kind == "removed":
            del found[change.path]
        elif change.kind == "renamed":
            below = [
                path for path in found if path == change.old_path or path.startswith(change.old_path + b"/")
            ]
            for path in below:
                del found[path]
    for change in changes:
        if change.kind in ("added", "changed"):
            found[change.path] = after[change.path]
        elif change.kind == "renamed":
            prefix = change.path + b"/"
            found |= {
                path: what for path, what in after.items() if path == change.path or path.startswith(prefix)
            }
    assert found == after


@pytest.mark.parametrize("side", [0, 1])
def test_against_nothing_everything_is_told(side: int) -> None:
    pages = Pages()
    whole = pages.folder([file(1), pages.folder([file(2)], b"f")])
    nothing = Item(b"", ItemKind.DIRECTORY, 0, {}, b"")
    kind, pair = ("removed", (whole, nothing)) if side == 0 else ("added", (nothing, whole))
    assert told(diff(*pair, pages.get)) == [(kind, b"000001"), (kind, b"f"), (kind, b"f/000002")]
