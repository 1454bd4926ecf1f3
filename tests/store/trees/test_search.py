"""Folders are listed and names found without a look at data, reading no more pages than it takes."""

from __future__ import annotations

import pytest

from safehold.core.errors import Damaged, ObjectMissing
from safehold.domain.items import Item, ItemKind
from safehold.store.backends.memory import MemoryBackend
from safehold.store.trees.search import Looks, find_names, list_folder, matcher
from safehold.store.trees.tree_reader import PointTree
from tests.store.trees.test_diff import Pages, file
from tests.store.vaults import CountingBackend, Tree, back_up, open_store

TREE: Tree = {
    b"Report.txt": b"1",
    b"docs": {b"report 1.txt": b"2", b"notes": b"3", b"deep": {b"REPORT": b"4"}},
    b"\xffname.txt": b"5" * 2_000_000,
}


def test_a_large_folder_is_listed_page_by_page_and_each_reads_little() -> None:
    pages = Pages()
    tree = PointTree(pages.folder([file(n) for n in range(20_000)]), pages.get)
    listed: list[Item] = []
    while True:
        pages.read_count = 0
        after = listed[-1].name if listed else b""
        page = list_folder(tree, b"", pages.get, after=after, limit=500)
        assert pages.read_count <= 8
        if not page:
            break
        listed += page
    assert [item.name for item in listed] == [b"%06d" % n for n in range(20_000)]


@pytest.mark.parametrize("path", [b"nowhere", b"Report.txt", b"docs/notes/x"])
def test_what_is_no_folder_is_said(path: bytes) -> None:
    store = open_store()
    back_up(store, "p", TREE)
    with pytest.raises(ObjectMissing, match="no folder"):
        list_folder(store.tree(store.point("p")), path, store.chunks().read, after=b"", limit=5)


@pytest.mark.parametrize(
    ("pattern", "looks", "expected"),
    [
        (b"*.txt", Looks.GLOB, {b"Report.txt", b"docs/report 1.txt", b"\xffname.txt"}),
        (b"repor?*", Looks.GLOB, {b"docs/report 1.txt"}),
        (b"docs/*", Looks.GLOB, {b"docs/report 1.txt", b"docs/notes", b"docs/deep", b"docs/deep/REPORT"}),
        (b"\xff*", Looks.GLOB, {b"\xffname.txt"}),
        (b"re", Looks.PREFIX, {b"docs/report 1.txt"}),
        (b"docs/de", Looks.PREFIX, {b"docs/deep", b"docs/deep/REPORT"}),
        (b"port", Looks.SUBSTRING, {b"Report.txt", b"docs/report 1.txt"}),
        (b"[", Looks.SUBSTRING, set()),
        (b"*", Looks.SUBSTRING, set()),
    ],
)
def test_names_are_found(pattern: bytes, looks: Looks, expected: set[bytes]) -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    counting = CountingBackend(backend)
    store = open_store(counting)
    found = find_names(store.tree(store.point("p")), matcher(pattern, looks))
    assert {each.path for each in found} == expected
    assert counting.count()["get packs"] == 0


def test_names_are_found_in_whatever_case_when_asked_for() -> None:
    store = open_store()
    back_up(store, "p", TREE)
    match = matcher(b"report", Looks.PREFIX, ignores_case=True)
    found = {each.path for each in find_names(store.tree(store.point("p")), match)}
    assert found == {b"Report.txt", b"docs/report 1.txt", b"docs/deep/REPORT"}


def test_only_one_folder_is_looked_through() -> None:
    store = open_store()
    back_up(store, "p", TREE)
    found = find_names(store.tree(store.point("p")), matcher(b"*e*", Looks.GLOB), beneath=b"docs/deep")
    assert [each.path for each in found] == []
    found = find_names(store.tree(store.point("p")), matcher(b"*E*", Looks.GLOB), beneath=b"docs/deep")
    assert [each.path for each in found] == [b"docs/deep/REPORT"]


def test_a_folder_that_cannot_be_read_is_told_and_passed_over() -> None:
    pages = Pages()
    lost = Item(b"lost", ItemKind.DIRECTORY, 0, {}, b"?" * 32)

    def get_page(identity: bytes) -> bytes:
        if identity == lost.content:
            raise Damaged("this page is damaged")
        return pages.get(identity)

    tree = PointTree(pages.folder([lost, pages.folder([file(1)], b"sound")]), get_page)
    told: list[bytes] = []
    match = matcher(b"0", Looks.PREFIX)
    found = list(find_names(tree, match, unreadable=lambda path, error: told.append(path)))
    assert ([each.path for each in found], told) == ([b"sound/000001"], [b"lost"])
    with pytest.raises(Damaged):
        list(find_names(tree, match))
