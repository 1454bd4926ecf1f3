"""A folder of which nothing changed is told at once; of which anything did, item by item."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.connectors.files import kernel
from safehold.connectors.files.connector import FilesConnector
from safehold.connectors.files.kernel import Kernel
from safehold.domain.items import Item, Listing, Unchanged
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


def kinds(bench: FilesBench, before: MemoryPoint) -> dict[bytes, type]:
    with capture(bench, before) as taken:
        return {listing.path: type(listing) for listing in taken.listings()}


def listed_singly(bench: FilesBench, before: MemoryPoint) -> set[bytes]:
    return {path for path, kind in kinds(bench, before).items() if kind is not Unchanged}


def first_backup(bench: FilesBench) -> MemoryPoint:
    point = backup(bench)
    for listing in point.listings:  # made a moment ago, so marked as what may change within its time stamp
        for item in listing.items:
            item.facts.pop("r", None)
    return point


def needs_compiled(bench: FilesBench) -> bool:
    assert isinstance(bench.connector, FilesConnector)
    return bench.connector._load_kernel() is not None


def test_an_untouched_tree_is_told_folder_by_folder(old_bench: FilesBench) -> None:
    before = first_backup(old_bench)
    expected = Unchanged if needs_compiled(old_bench) else Listing
    assert kinds(old_bench, before) == dict.fromkeys((b"", b"a", b"a/deep", b"b"), expected)


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
    whole = encoded(first_backup(old_bench), b"b")
    folder = os.open(old_bench.folder / "b", os.O_RDONLY)
    try:
        assert compiled.same(folder, whole) is not None
        assert [length for length in range(len(whole)) if compiled.same(folder, whole[:length])] == []
    finally:
        os.close(folder)


@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), some=st.binary(max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_bytes_lead_the_comparison_astray(at: int, byte: int, some: bytes) -> None:
    """Anything is another folder, or a folder with the very entries that are there."""
    library = kernel.load()
    assert library is not None
    item = Item(b"tmp", 1, 5, {"c": 2**62, "i": 7, "t": -5, "x": {b"user.a": b"1"}}, b"c" * 32)
    whole = bytearray(msgspec.msgpack.encode([item] * 3))
    whole[at % len(whole)] = byte
    folder = os.open("/", os.O_RDONLY)
    try:
        for given_bytes in (bytes(whole), some, bytes(whole) + some):
            assert library.same(folder, given_bytes) is None
    finally:
        os.close(folder)


def test_an_unchanged_folder_counts_what_it_holds(old_bench: FilesBench, compiled: Kernel) -> None:
    (old_bench.folder / "b" / "more").mkdir()
    before = first_backup(old_bench)
    folder = os.open(old_bench.folder / "b", os.O_RDONLY)
    try:
        same = compiled.same(folder, encoded(before, b"b"))
    finally:
        os.close(folder)
    assert same is not None
    assert (same.items, same.files, same.size_bytes) == (3, 1, 1)
    assert [msgspec.msgpack.decode(folder, type=Item).name for folder in same.folders] == [b"more"]
