from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from safehold.core.errors import Damaged, ObjectMissing
from safehold.domain.items import Item, ItemKind
from safehold.store.trees.trees import (
    PAGE_MAX_BYTES,
    PAGE_MIN_BYTES,
    PageCutter,
    find_item,
    read_directory,
    write_directory,
)
from tests.store.properties import STEADY
from tests.store.trees.test_contents import Pages
from tests.store.vaults import Tree, back_up, open_store, restore

CUTTER = PageCutter(b"p" * 32)

names = some.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name)
facts = some.dictionaries(
    some.sampled_from(["m", "t", "x", "link_to", "later"]),
    some.one_of(
        some.integers(-(1 << 63), (1 << 64) - 1),
        some.binary(max_size=20),
        some.booleans(),
        some.none(),
        some.dictionaries(some.binary(max_size=5), some.binary(max_size=5), max_size=3),
    ),
    max_size=4,
)
items = some.builds(
    Item,
    name=names,
    kind=some.sampled_from([int(kind) for kind in ItemKind]),
    size_bytes=some.integers(0, 1 << 60),
    facts=facts,
    content=some.one_of(some.none(), some.binary(max_size=80)),
)


def many(count: int) -> list[Item]:
    return [
        Item(
            b"name %06d" % number, 1, number, {"m": 0o644, "t": 1_700_000_000_000_000_000 + number}, bytes(32)
        )
        for number in range(count)
    ]


def write(entries: list[Item], pages: Pages) -> bytes:
    return write_directory(entries, CUTTER, pages.put)


@STEADY
@given(some.lists(items, unique_by=lambda item: item.name, max_size=300))
def test_a_directory_reads_back_as_it_was_written(entries: list[Item]) -> None:
    entries.sort(key=lambda item: item.name)
    pages = Pages()
    root = write(entries, pages)
    assert list(read_directory(root, pages.get)) == entries
    for item in entries[:: max(1, len(entries) // 5)]:
        assert find_item(root, item.name, pages.get) == item
    assert find_item(root, b"no such name/", pages.get) is None


@STEADY
@given(count=some.integers(0, 4000), wanted=some.integers(0, 4100))
def test_an_item_is_found_in_a_directory_of_many_pages(count: int, wanted: int) -> None:
    pages = Pages()
    root = write(many(count), pages)
    found = find_item(root, b"name %06d" % wanted, pages.get)
    assert (found.size_bytes if found else None) == (wanted if wanted < count else None)


LARGE = many(100_000)


@pytest.fixture(scope="module")
def large() -> tuple[bytes, Pages]:
    pages = Pages()
    return write(LARGE, pages), pages


def depth(root: bytes, pages: Pages) -> int:
    return pages.get(root)[1] + 1


@pytest.mark.parametrize("where", [0, 1, 50_000, 99_999])
def test_one_changed_item_of_100_000_writes_no_more_pages_than_the_tree_is_deep(
    large: tuple[bytes, Pages], where: int
) -> None:
    before = large[1]
    changed = list(LARGE)
    old = LARGE[where]
    changed[where] = Item(
        old.name, old.kind, old.size_bytes, {**old.facts, "t": 1_800_000_000_000_000_000}, old.content
    )
    after = Pages()
    root = write(changed, after)
    assert len(after.kept.keys() - before.kept.keys()) <= depth(root, after) + 1
    assert depth(root, after) <= 4


@pytest.mark.parametrize("name", [b"a", b"name 050000x", b"z"], ids=["first", "middle", "last"])
def test_one_new_item_among_100_000_writes_few_pages(large: tuple[bytes, Pages], name: bytes) -> None:
    entries = sorted([*LARGE, Item(name, 1, 0, {})], key=lambda item: item.name)
    after = Pages()
    root = write(entries, after)
    assert len(after.kept.keys() - large[1].kept.keys()) <= 2 * depth(root, after)


def test_pages_are_neither_tiny_nor_huge(large: tuple[bytes, Pages]) -> None:
    sizes = sorted(len(page) for page in large[1].kept.values())
    assert sizes[-1] <= PAGE_MAX_BYTES + 1000
    assert 8 << 10 < sum(sizes) / len(sizes) < 64 << 10
    assert len([size for size in sizes if size < PAGE_MIN_BYTES]) <= depth(*large)  # the last of each level


def test_finding_one_item_of_100_000_reads_one_page_a_level(large: tuple[bytes, Pages]) -> None:
    root, pages = large
    read: list[bytes] = []

    def get(identity: bytes) -> bytes:
        read.append(identity)
        return pages.get(identity)

    find_item(root, b"name 077777", get)
    assert len(read) == depth(root, pages)


def test_the_order_in_which_names_came_to_be_does_not_matter() -> None:
    # A tree is a function of what the directory holds, not of its history.
    store = open_store()
    shuffled = [b"%04d" % number for number in range(1000)]
    random.Random(3).shuffle(shuffled)
    one: Tree = dict.fromkeys(sorted(shuffled), b"")
    other: Tree = dict.fromkeys(shuffled, b"")
    previous: str | None = None
    for step in range(0, 1000, 250):
        growing: Tree = dict.fromkeys(shuffled[: step + 250], b"")
        back_up(store, f"p{step}", growing, previous=previous)
        previous = f"p{step}"
    roots = {
        back_up(store, "sorted", one).root.content,
        back_up(store, "shuffled", other).root.content,
        store.point("p750").root.content,
    }
    assert len(roots) == 1


def test_renaming_a_folder_of_10_000_files_rewrites_its_parents_pages_only() -> None:
    store = open_store()
    folder: Tree = {b"%05d" % number: b"" for number in range(10_000)}
    beside: Tree = {b"beside %03d" % number: b"" for number in range(500)}
    back_up(store, "p1", {**beside, b"old name": folder})
    renamed = back_up(store, "p2", {**beside, b"new name": folder})
    assert renamed.stats.new_chunks <= 3
    assert len(restore(store, "p2", b"new name")) == 10_001


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"\x92",
        b"\x92\x00",
        b"\x92\x00\xc0",
        b"\x93\x00\x90\x90",
        msgspec.msgpack.encode([0, [["name is text", 1, 0, {}]]]),
        msgspec.msgpack.encode([1, [[b"a", "no id"]]]),
        msgspec.msgpack.encode([99, [[b"a", b"x" * 32]]]),
    ],
)
def test_a_page_that_cannot_be_read_is_damage(page: bytes) -> None:
    pages = Pages()
    root = pages.put(page)
    with pytest.raises(Damaged):
        list(read_directory(root, pages.get))
    if page:
        with pytest.raises(Damaged):
            find_item(root, b"name", pages.get)


def test_pages_that_go_in_a_circle_are_damage() -> None:
    pages = Pages()
    pages.kept[b"x" * 32] = msgspec.msgpack.encode([5, [[b"a", b"x" * 32]]])
    with pytest.raises(Damaged):
        list(read_directory(b"x" * 32, pages.get))
    with pytest.raises(Damaged):
        find_item(b"x" * 32, b"a", pages.get)


def test_a_page_that_is_gone_is_missing() -> None:
    with pytest.raises(ObjectMissing):
        list(read_directory(b"x" * 32, Pages().get))
