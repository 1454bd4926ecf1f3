"""A folder of which nothing changed is told at once; of which anything did, item by item."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.connectors.files import kernel, known_folders
from safehold.connectors.files.connector import FilesConnector
from safehold.connectors.files.kernel import Kernel
from safehold.connectors.files.known_folders import Counts, KnownFolder, KnownFolders
from safehold.domain.items import AnyListing, Item, ItemKind, PreviousTree, Unchanged
from tests.connectors.contract import backup, capture
from tests.connectors.files.conftest import FilesBench
from tests.connectors.memory_point import MemoryPoint


@pytest.fixture
def compiled() -> Kernel:
    found = kernel.load()
    assert found is not None, "the compiled part is missing: run tools/setup"
    return found


@pytest.fixture
def old_bench(empty_bench: FilesBench) -> FilesBench:
    """Two folders side by side and one in one of them; a file and a link in each."""
    for path in ("a", "a/deep", "b"):
        folder = empty_bench.folder / path
        folder.mkdir()
        (folder / "file").write_text(path)
        (folder / "link").symlink_to("file")
    return empty_bench


def told(bench: FilesBench, before: MemoryPoint) -> list[AnyListing]:
    with capture(bench, before) as taken:
        return list(taken.listings())


def listed_singly(bench: FilesBench, before: MemoryPoint) -> set[bytes]:
    return {listing.path for listing in told(bench, before) if not isinstance(listing, Unchanged)}


def same(compiled: Kernel, folder: Path, encoded: bytes) -> KnownFolder | None:
    """What the compiled part finds of a folder that had these items; None if it is not the same."""
    root = os.open(folder, os.O_RDONLY)
    try:
        known = KnownFolder(b"", Item(b"", ItemKind.DIRECTORY, 0, {}, b"listed"))
        folders = KnownFolders(compiled, root, Encoded(encoded))
        folders.add([known])
        folders.look(known)
    finally:
        os.close(root)
    assert known.is_looked
    return known if known.same is not None else None


class Encoded(PreviousTree):
    """A root directory of which nothing but its items' encoding is known."""

    def __init__(self, items: bytes) -> None:
        self._items = items

    def encoded(self, path: bytes, directory: Item) -> bytes | None:
        return self._items if not path else None


def first_backup(bench: FilesBench) -> MemoryPoint:
    point = backup(bench)
    for listing in point.listings:  # made a moment ago, so marked as what may change within its time stamp
        for item in listing.items:
            item.facts.pop("r", None)
    return point


def needs_compiled(bench: FilesBench) -> bool:
    assert isinstance(bench.connector, FilesConnector)
    return bench.connector._load_kernel() is not None


def test_an_untouched_tree_is_told_at_once(old_bench: FilesBench) -> None:
    before = first_backup(old_bench)
    listings = told(old_bench, before)
    if not needs_compiled(old_bench):
        assert [listing.path for listing in listings] == [b"", b"a", b"a/deep", b"b"]
        return
    (whole,) = listings
    assert isinstance(whole, Unchanged)
    assert (whole.path, whole.is_whole, whole.items, whole.files) == (b"", True, 9, 3)


def test_what_is_above_a_change_is_told_folder_by_folder(old_bench: FilesBench) -> None:
    before = first_backup(old_bench)
    (old_bench.folder / "a" / "deep" / "file").write_text("other")
    if not needs_compiled(old_bench):
        return
    listings = told(old_bench, before)
    assert [(listing.path, getattr(listing, "is_whole", None)) for listing in listings] == [
        (b"", False),
        (b"a", False),
        (b"a/deep", None),
        (b"b", True),
    ]


@pytest.mark.parametrize("numbers", [(1, 1, 1), (1, 1, 8), (1, 3, 12), (2, 2, 20), (64, 4, 4096)])
def test_folders_are_looked_at_in_the_order_in_which_they_are_come_to(
    empty_bench: FilesBench, monkeypatch: pytest.MonkeyPatch, numbers: tuple[int, int, int]
) -> None:
    """However few are compared together: never much further ahead than is asked for, and each once."""
    for names in product("abcd", repeat=4):
        (empty_bench.folder / "/".join(names)).mkdir(parents=True)
    (empty_bench.folder / "b/a/c/file").touch()
    before = first_backup(empty_bench)
    (empty_bench.folder / "b/a/c/file").write_text("other")
    together, at_once, ahead = numbers
    monkeypatch.setattr(known_folders, "BATCH_FOLDERS", together)
    monkeypatch.setattr(known_folders, "COMPARISONS", at_once)
    monkeypatch.setattr(known_folders, "AHEAD_FOLDERS", ahead)
    looked: list[bytes] = []
    encoded = before.encoded

    def noted(path: bytes, directory: Item) -> bytes | None:
        looked.append(path)
        return encoded(path, directory)

    monkeypatch.setattr(before, "encoded", noted)
    most, listed = 0, []
    with capture(empty_bench, before) as taken:
        for listing in taken.listings():
            listed.append(listing.path)
            is_whole = isinstance(listing, Unchanged) and listing.is_whole
            told = [*listing.path.split(b"/"), *([b"z"] if is_whole else [])]
            most = max(most, len([path for path in looked if path.split(b"/") > told]))
    if needs_compiled(empty_bench):
        assert sorted(looked) == sorted(before.by_path)
        assert most <= 2 * (ahead + 4 * together * at_once)  # the tree is four deep
    assert listed == sorted(listed, key=lambda path: path.split(b"/"))
    assert backup(empty_bench, before).read == [b"b/a/c/file"]


CHANGES: dict[str, Callable[[Path], object]] = {
    "other bytes": lambda folder: (folder / "file").write_text("other"),
    "as many other bytes": lambda folder: (folder / "file").write_text("x" * len(str(folder.name))),
    "another mode": lambda folder: (folder / "file").chmod(0o600),
    "another time": lambda folder: os.utime(folder / "file", ns=(1, 1)),
    "a new attribute": lambda folder: os.setxattr(folder / "file", "user.x", b"1"),
    "another name": lambda folder: (folder / "file").rename(folder / "filf"),
    "one more": lambda folder: (folder / "zzz").touch(),
    "one more, first": lambda folder: (folder / "0").touch(),
    "one less": lambda folder: (folder / "link").unlink(),
    "nothing left": lambda folder: [(folder / name).unlink() for name in ("file", "link")],
    "another link": lambda folder: ((folder / "link").unlink(), (folder / "link").symlink_to("elsewhere")),
    "another kind": lambda folder: ((folder / "file").unlink(), (folder / "file").mkdir()),
    "a second name": lambda folder: os.link(folder / "file", folder.parent.parent / "beside"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_folder_with_any_change_is_listed_item_by_item(old_bench: FilesBench, change: str) -> None:
    before = first_backup(old_bench)
    CHANGES[change](old_bench.folder / "b")
    assert b"b" in listed_singly(old_bench, before)
    again = backup(old_bench, before)
    fresh = backup(old_bench)
    assert again.paths() == fresh.paths()
    assert again.data == fresh.data


def test_what_was_marked_as_racy_is_compared_item_by_item(old_bench: FilesBench) -> None:
    before = first_backup(old_bench)
    before.item(b"b/file").facts["r"] = 1
    assert b"b" in listed_singly(old_bench, before)
    assert b"b/file" in backup(old_bench, before).read


def test_a_file_whose_bytes_were_never_stored_is_listed(old_bench: FilesBench) -> None:
    before = first_backup(old_bench)
    before.item(b"a/deep/file").content = None
    assert b"a/deep" in listed_singly(old_bench, before)


def test_a_folder_with_a_file_of_several_names_is_listed_item_by_item(old_bench: FilesBench) -> None:
    os.link(old_bench.folder / "a" / "file", old_bench.folder / "b" / "other")
    before = first_backup(old_bench)
    assert {b"a", b"b"} <= listed_singly(old_bench, before)


def test_where_patterns_choose_every_folder_is_listed_item_by_item(old_bench: FilesBench) -> None:
    before = first_backup(old_bench)
    old_bench.set(exclude=["nothing-like-this"])
    assert len(listed_singly(old_bench, before)) == 4


def test_when_a_file_is_due_to_be_read_again_its_folder_is_listed(old_bench: FilesBench) -> None:
    before = first_backup(old_bench)
    assert isinstance(old_bench.connector, FilesConnector)
    load = old_bench.connector._load_kernel
    old_bench.connector = FilesConnector(draw=lambda: 0.5, reread_rate=1, load_kernel=load)
    assert len(backup(old_bench, before).read) == 3


@pytest.mark.parametrize("draw", [0.1, 0.5, 0.9])
def test_as_many_files_are_read_again_as_item_by_item(old_bench: FilesBench, draw: float) -> None:
    """What is due is counted over folders that are told at once, too."""
    before = first_backup(old_bench)
    assert isinstance(old_bench.connector, FilesConnector)
    read = []
    for load in (kernel.load, lambda: None):
        old_bench.connector = FilesConnector(draw=lambda: draw, reread_rate=0.5, load_kernel=load)
        read.append(backup(old_bench, before).read)
    assert read[0] == read[1]


def encoded(before: MemoryPoint, path: bytes) -> bytes:
    return msgspec.msgpack.encode(list(before.listing(path).values()))


def test_every_cut_off_encoding_is_another_folder(old_bench: FilesBench, compiled: Kernel) -> None:
    whole, folder = encoded(first_backup(old_bench), b"b"), old_bench.folder / "b"
    assert same(compiled, folder, whole) is not None
    assert [length for length in range(len(whole)) if same(compiled, folder, whole[:length])] == []


@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), some=st.binary(max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_bytes_lead_the_comparison_astray(at: int, byte: int, some: bytes) -> None:
    """Anything is another folder, or a folder with the very entries that are there."""
    library = kernel.load()
    assert library is not None
    item = Item(b"tmp", 1, 5, {"c": 2**62, "i": 7, "t": -5, "x": {b"user.a": b"1"}}, b"c" * 32)
    whole = bytearray(msgspec.msgpack.encode([item] * 3))
    whole[at % len(whole)] = byte
    for given_bytes in (bytes(whole), some, bytes(whole) + some):
        assert same(library, Path("/"), given_bytes) is None


def test_an_unchanged_folder_counts_what_it_holds(old_bench: FilesBench, compiled: Kernel) -> None:
    (old_bench.folder / "b" / "more").mkdir()
    before = first_backup(old_bench)
    found = same(compiled, old_bench.folder / "b", encoded(before, b"b"))
    assert found is not None
    assert found.same == Counts(items=3, files=1, size_bytes=1)
    assert [(folder.path, folder.before) for folder in found.below] == [(b"more", before.item(b"b/more"))]
    assert found.whole is None  # what is in it was not compared
