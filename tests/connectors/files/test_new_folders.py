"""What the compiled part tells of new folders is, byte for byte, what Python tells of them item by item."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from safehold.connectors.contract import Capture
from safehold.connectors.files import kernel, new_folders
from safehold.connectors.files.connector import FilesConnector
from safehold.connectors.files.new_folders import NewFolder, left
from safehold.domain.items import (
    AnyListing,
    Item,
    ItemKind,
    Listing,
    NewListing,
    PreviousTree,
    Unchanged,
    encode_item,
)
from tests.connectors.contract import capture
from tests.connectors.files.conftest import FilesBench, files_bench
from tests.connectors.files.trees import everything

TIMES = (0, 1, -1, -(1 << 31) * 10**9, 253, 65_000 * 10**9, 1_700_000_000_123_456_789, -77_777_777)
MANY = 6000  # more than fit into the room of one call


@pytest.fixture
def compiled(tmp_path: Path) -> FilesBench:
    """A source over an empty folder, with the compiled part."""
    assert kernel.load() is not None, "the compiled part was not built"
    return files_bench(tmp_path, kernel.load)


def as_items(listing: AnyListing) -> tuple[bytes, list[bytes]]:
    assert not isinstance(listing, Unchanged)
    return listing.path, [encode_item(item) for item in listing.items]


def listed(bench: FilesBench) -> list[AnyListing]:
    with capture(bench) as taken:
        return list(taken.listings())


def listed_plainly(bench: FilesBench) -> list[AnyListing]:
    assert isinstance(bench.connector, FilesConnector)
    loads, bench.connector._load_kernel = bench.connector._load_kernel, lambda: None
    try:
        return listed(bench)
    finally:
        bench.connector._load_kernel = loads


def assert_alike(bench: FilesBench) -> list[AnyListing]:
    found, plain = listed(bench), listed_plainly(bench)
    assert [type(listing) for listing in plain] == [Listing] * len(plain)
    assert list(map(as_items, found)) == list(map(as_items, plain))
    return found


def strange_files(folder: Path) -> None:
    chosen = random.Random(7)
    for number, when in enumerate(TIMES):
        name = (
            os.fsencode(folder)
            + b"/"
            + chosen.randbytes(3).replace(b"/", b"-").replace(b"\0", b"0")
            + b"%d" % number
        )
        with open(name, "wb") as file:
            file.write(b"x" * number)
        os.chown(name, 1 << (4 * number % 32), (1 << 32) - 2 - number)
        os.chmod(name, (0o7777, 0, 0o644)[number % 3])
        os.utime(name, ns=(when, when))


def test_one_of_everything_is_told_as_item_by_item(compiled: FilesBench) -> None:
    everything(compiled.folder)
    strange_files(compiled.folder)
    found = assert_alike(compiled)
    assert all(isinstance(listing, NewListing) for listing in found)


def test_a_plain_file_with_its_content_is_the_item_encoded(compiled: FilesBench) -> None:
    strange_files(compiled.folder)
    (told,) = listed(compiled)
    assert isinstance(told, NewListing)
    for position, item in enumerate(told.items):
        content = b"i" * 32 if item.size_bytes else b""
        whole = Item(item.name, item.kind, item.size_bytes, item.facts, content)
        assert told.heads[position] + content == encode_item(whole)


def test_a_tree_deeper_than_is_walked_at_once_is_told_whole(compiled: FilesBench) -> None:
    place = compiled.folder
    for level in range(130):
        place = place / "d"
        place.mkdir()
        (place / f"f{level}").write_bytes(b"x")
        (place / "e").mkdir()
    found = assert_alike(compiled)
    assert sum(isinstance(listing, NewListing) for listing in found) > 250


def test_a_folder_with_more_than_one_call_has_room_for_is_told_whole(compiled: FilesBench) -> None:
    (compiled.folder / "many").mkdir()
    for number in range(MANY):
        (compiled.folder / "many" / f"{number:0100}").touch()
    (compiled.folder / "after").mkdir()
    (compiled.folder / "more").mkdir()
    assert 200 * MANY > new_folders.ROOM_BYTES
    found = assert_alike(compiled)
    assert [listing.path for listing in found] == [b"", b"after", b"many", b"more"]


def test_a_folder_that_cannot_be_opened_is_left_to_python_and_what_is_beside_it_taken(
    compiled: FilesBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        (compiled.folder / name / "below").mkdir(parents=True)
        (compiled.folder / name / "below" / "f").write_bytes(b"x")
    walk = new_folders._folders_in

    def with_a_left_one(block: object, used: int) -> Iterator[NewFolder]:
        for told in walk(block, used):  # type: ignore[arg-type]
            yield left(told.path) if told.path in (b"b", b"b/below") else told

    monkeypatch.setattr(new_folders, "_folders_in", with_a_left_one)
    with capture(compiled) as taken:
        found = [(listing.path, type(listing)) for listing in taken.listings()]
    assert found[:3] == [(b"", NewListing), (b"a", NewListing), (b"a/below", NewListing)]
    assert found[3] == (b"b", Listing)
    assert (b"b/below", Listing) in found


def wholly_read(taken: Capture, listing: NewListing) -> memoryview | None:
    (data,) = taken.read_new([(listing, 0, len(listing.names), sum(listing.sizes))], most_bytes=1 << 20)
    return data


@pytest.mark.parametrize(
    "change", ["nothing", "other bytes", "gone", "a link", "attributes", "folder swapped"]
)
def test_files_are_read_together_only_while_all_are_as_they_were_told(
    compiled: FilesBench, change: str
) -> None:
    below = compiled.folder / "below"
    below.mkdir()
    for name in ("a", "b", "c"):
        (below / name).write_bytes(name.encode() * 3)
    with capture(compiled) as taken:
        _, told = taken.listings()
        assert isinstance(told, NewListing)
        if change == "other bytes":
            (below / "b").write_bytes(b"more than there was")
        elif change == "gone":
            (below / "b").unlink()
        elif change == "a link":
            (below / "b").unlink()
            (below / "b").symlink_to("/etc/hostname")
        elif change == "attributes":
            os.setxattr(below / "b", "user.a", b"1")
        elif change == "folder swapped":
            below.rename(compiled.folder / "elsewhere")
            below.symlink_to("elsewhere")
        data = wholly_read(taken, told)
    assert data == (b"aaabbbccc" if change == "nothing" else None)


def test_runs_of_many_folders_are_read_in_one_call(compiled: FilesBench) -> None:
    expected = []
    for path in ("a/b/c", "a/b/d", "a/e", "f", "f/g/h"):
        (compiled.folder / path).mkdir(parents=True, exist_ok=True)
        (compiled.folder / path / "x").write_bytes(path.encode())
    with capture(compiled) as taken:
        told = [listing for listing in taken.listings() if isinstance(listing, NewListing)]
        runs = [(listing, 0, len(listing.names), _small_bytes(listing)) for listing in told]
        found = taken.read_new(runs, most_bytes=1 << 20)
        again = taken.read_new(runs[::-1], most_bytes=1 << 20)
    expected = [
        path if path in (b"a/b/c", b"a/b/d", b"a/e", b"f", b"f/g/h") else b""
        for path in (t.path for t in told)
    ]
    assert found == expected
    assert again == expected[::-1]


def _small_bytes(listing: NewListing) -> int:
    return sum(
        size
        for kind, size in zip(listing.kinds, listing.sizes, strict=True)
        if kind == ItemKind.FILE and size <= 1 << 20
    )


def test_a_file_of_several_names_is_told_as_an_item_and_its_other_names_point_to_it(
    compiled: FilesBench,
) -> None:
    (compiled.folder / "a").write_bytes(b"x")
    (compiled.folder / "below").mkdir()
    os.link(compiled.folder / "a", compiled.folder / "below" / "z")
    top, below = assert_alike(compiled)
    assert isinstance(top, NewListing)
    assert isinstance(below, NewListing)
    first, second = top.others[0], below.others[0]
    assert first is not None
    assert first.facts["n"] == 2
    assert second is not None
    assert second.facts == {"link_to": b"a"}


def test_where_there_is_a_previous_tree_what_is_new_in_it_is_told_so(compiled: FilesBench) -> None:
    class Before(PreviousTree):
        def listing(self, path: bytes, directory: Item | None = None) -> dict[bytes, Item]:
            old = Item(b"old", ItemKind.DIRECTORY, 0, {}, b"p" * 32)
            return {b"": {b"old": old}, b"old": {b"f": Item(b"f", ItemKind.FILE, 0, {}, b"")}}.get(path, {})

        def root(self) -> Item:
            return Item(b"", ItemKind.DIRECTORY, 0, {}, b"r" * 32)

    for path in ("old/inside", "new/inside"):
        (compiled.folder / path).mkdir(parents=True)
    arn = compiled.connector.discover(compiled.source)[0].arn
    with compiled.connector.capture(
        compiled.source, arn, Before(), now=datetime.now(UTC), skip=lambda path, why: None
    ) as taken:
        kinds = {listing.path: type(listing) for listing in taken.listings()}
    assert kinds == {
        b"": Listing,
        b"new": NewListing,
        b"new/inside": NewListing,
        b"old": Listing,
        b"old/inside": NewListing,
    }
