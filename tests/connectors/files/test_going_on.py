"""A backup that was cut off goes on: long files from the middle, and what it had read is not read again."""

from __future__ import annotations

import os
import random

import pytest

from safehold.connectors.contract import Capture
from safehold.connectors.files.connector import FilesConnector
from safehold.domain.items import Item, Listing, Unchanged
from tests.connectors.contract import backup, capture
from tests.connectors.files.conftest import FilesBench
from tests.connectors.memory_point import MemoryPoint, blocks_of

KIB = 1 << 10


def file_of(listing: Listing | Unchanged, name: bytes) -> Item:
    assert not isinstance(listing, Unchanged)
    return next(item for item in listing.items if item.name == name)


def _from(taken: Capture, offset: int) -> bytes:
    (listing,) = taken.listings()
    opened = taken.open(b"", file_of(listing, b"image"))
    assert opened is not None
    content = opened[0]
    content.skip_to(offset)  # type: ignore[attr-defined]
    found = b"".join(bytes(block) for block in blocks_of(content))
    content.close()
    return found


@pytest.mark.parametrize("offset", [0, 1, 64 * KIB, 100 * KIB, 256 * KIB, 400 * KIB - 1, 400 * KIB])
def test_a_file_with_holes_is_read_from_wherever_it_is_gone_on_with(
    empty_bench: FilesBench, offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(1)
    data = chance.randbytes(80 * KIB) + bytes(100 * KIB) + chance.randbytes(120 * KIB) + bytes(100 * KIB)
    file = empty_bench.folder / "image"
    with file.open("wb") as image:
        image.truncate(len(data))
        for start, end in ((0, 80 * KIB), (180 * KIB, 300 * KIB)):
            image.seek(start)
            image.write(data[start:end])
    read = []
    preadv = os.preadv

    def counting(descriptor: int, buffers: list[memoryview], position: int) -> int:
        read.append(position)
        return preadv(descriptor, buffers, position)

    monkeypatch.setattr(os, "preadv", counting)
    with capture(empty_bench) as taken:
        assert _from(taken, offset) == data[offset:]
    assert [position for position in read if position < offset] == []
    assert empty_bench.skipped == []


class Resumed(MemoryPoint):
    """What an attempt before has read for the same backup, of which nothing is at hand encoded."""

    def encoded(self, path: bytes, directory: Item) -> None:
        del path, directory

    def is_of_this_run(self, directory: bytes, name: bytes) -> bool:
        return directory == b"read"


def test_what_was_read_for_this_very_backup_is_not_read_again_to_find_silent_damage(
    empty_bench: FilesBench,
) -> None:
    for folder in ("before", "read"):
        (empty_bench.folder / folder).mkdir()
        for number in range(20):
            (empty_bench.folder / folder / str(number)).write_bytes(b"x")
    first = backup(empty_bench)
    empty_bench.connector = FilesConnector(draw=lambda: 0.0, reread_rate=1.0)
    previous = Resumed(first.top, first.listings, first.by_path, first.data)
    read = backup(empty_bench, previous).read
    assert len(read) == 20
    assert all(path.startswith(b"before/") for path in read)


def test_content_is_given_out_as_the_item_that_was_begun_only_while_it_is_unchanged(
    empty_bench: FilesBench,
) -> None:
    (empty_bench.folder / "image").write_bytes(b"x" * 1000)
    first = backup(empty_bench)
    begun = first.item(b"image")
    placeholder = Item(begun.name, begun.kind, begun.size_bytes, begun.facts, b"\0")
    previous = Resumed(first.top, [], {b"": {b"image": placeholder}})
    with capture(empty_bench, previous) as taken:
        assert file_of(next(iter(taken.listings())), b"image") is placeholder
    (empty_bench.folder / "image").write_bytes(b"y" * 1000)
    with capture(empty_bench, previous) as taken:
        assert file_of(next(iter(taken.listings())), b"image").content is None
