from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from safehold.core.errors import Damaged, ObjectMissing
from safehold.store.sealed.chunking import ZERO_ID, chunk_id
from safehold.store.trees.contents import (
    INLINE_RECORDS,
    RECORD,
    Part,
    decode_content,
    encode_content,
    encode_pages,
    page_parts,
    put_list,
)
from tests.store.properties import STEADY


class Pages:
    """Pages by id, and how often each was put."""

    def __init__(self) -> None:
        self.kept: dict[bytes, bytes] = {}

    def put(self, page: bytes) -> bytes:
        identity = chunk_id(b"k" * 32, page)
        self.kept[identity] = page
        return identity

    def get(self, identity: bytes) -> bytes:
        try:
            return self.kept[identity]
        except KeyError as error:
            raise ObjectMissing("no such page") from error


def some_parts(count: int, seed: int = 0) -> list[Part]:
    chance = random.Random(seed)
    return [Part(chance.randbytes(32), chance.randrange(1, 1 << 22)) for _ in range(count)]


@STEADY
@given(count=some.one_of(some.integers(0, 200), some.integers(0, 5000)), seed=some.integers(0, 5))
def test_a_list_reads_back_as_it_was_written(count: int, seed: int) -> None:
    parts = some_parts(count, seed)
    pages = Pages()
    content = encode_content(parts, pages.put)
    size = sum(part.length for part in parts)
    assert list(decode_content(content, size, pages.get)) == parts
    assert len(content) <= 1 + INLINE_RECORDS * RECORD.size


def test_forms_by_length() -> None:
    pages = Pages()
    assert encode_content([], pages.put) == b""
    assert encode_content([Part(b"x" * 32, 5)], pages.put) == b"x" * 32
    assert encode_content(some_parts(INLINE_RECORDS), pages.put)[0] == 1
    assert pages.kept == {}
    assert encode_content(some_parts(INLINE_RECORDS + 1), pages.put)[0] == 2
    assert encode_content(some_parts(70_000), pages.put)[0] == 3


@pytest.mark.parametrize("count", [1, INLINE_RECORDS, INLINE_RECORDS + 1, 3 * INLINE_RECORDS, 4 * 4 * 65])
def test_a_list_of_pages_that_are_stored_already_reads_back(count: int) -> None:
    """A volume has so many, of 32 GiB and of terabytes."""
    parts, pages = some_parts(2 * count), Pages()
    stored = [put_list(1, parts[start : start + 2], pages.put) for start in range(0, len(parts), 2)]
    content = encode_pages(stored, pages.put, fan_out=4)
    assert list(decode_content(content, 0, pages.get)) == parts
    assert page_parts(content, pages.get) == stored


def test_what_is_not_paged_has_no_pages() -> None:
    for count in (0, 1, 2, INLINE_RECORDS):
        parts = [Part(b"\xff" * 32, 5) for _ in range(count)]
        assert page_parts(encode_content(parts, Pages().put), Pages().get) == []


def test_a_hole_has_a_length_of_its_own() -> None:
    parts = [Part(ZERO_ID, 4 << 20), Part(b"x" * 32, 7), Part(ZERO_ID, 1)]
    content = encode_content(parts, Pages().put)
    assert list(decode_content(content, (4 << 20) + 8, Pages().get)) == parts


def test_an_insertion_changes_few_pages() -> None:
    parts = some_parts(20_000)
    before, after = Pages(), Pages()
    encode_content(parts, before.put)
    encode_content([*parts[:5000], *some_parts(1, 99), *parts[5000:]], after.put)
    assert len(after.kept) > 30
    assert len(after.kept.keys() - before.kept.keys()) <= 4


def test_a_list_can_be_walked_without_reading_pages_behind_its_start() -> None:
    pages = Pages()
    content = encode_content(some_parts(20_000), pages.put)
    read: list[bytes] = []

    def get(identity: bytes) -> bytes:
        read.append(identity)
        return pages.get(identity)

    next(decode_content(content, 0, get))
    assert len(read) == content[0] - 1


@pytest.mark.parametrize(
    "content",
    [b"\0", b"\1" + b"short", b"\0" + bytes(RECORD.size), b"\2" + bytes(RECORD.size - 1)],
    ids=["level 0", "cut off", "level 0 with a record", "cut off on level 2"],
)
def test_a_list_that_cannot_be_is_damage(content: bytes) -> None:
    with pytest.raises(Damaged):
        list(decode_content(content, 9, Pages().get))


@pytest.mark.parametrize("below", [b"", b"\1", b"\3"], ids=["nothing", "two levels down", "a level up"])
def test_a_page_of_another_level_is_damage(below: bytes) -> None:
    pages = Pages()
    content = b"\3" + RECORD.pack(pages.put(below), 1)
    with pytest.raises(Damaged):
        list(decode_content(content, 9, pages.get))


def test_a_page_that_is_gone_is_missing() -> None:
    with pytest.raises(ObjectMissing):
        list(decode_content(b"\2" + RECORD.pack(b"x" * 32, 1), 9, Pages().get))
