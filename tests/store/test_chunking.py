from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as some

from safehold.store.chunking import MAX_BYTES, MIN_BYTES, Chunker, chunk_id, is_zero
from tests.store.properties import STEADY

SEED = 0x1234_5678_9ABC_DEF0
MIB = 1 << 20


def in_blocks(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The data in blocks of those sizes, again and again."""
    position = number = 0
    while position < len(data):
        size = sizes[number % len(sizes)]
        yield data[position : position + size]
        position += size
        number += 1


DATA = random.Random(1).randbytes(23 * MIB)
CUT = list(Chunker(SEED).cut([DATA]))


@STEADY
@given(sizes=some.lists(some.integers(1, 9 * MIB), min_size=1, max_size=4), end=some.integers(0, len(DATA)))
def test_where_cuts_fall_does_not_depend_on_the_blocks(sizes: list[int], end: int) -> None:
    sizes = [max(size, 4096) for size in sizes]
    data = DATA[:end]
    assert list(Chunker(SEED).cut(in_blocks(data, sizes))) == list(Chunker(SEED).cut([data]))


@STEADY
@given(
    runs=some.lists(
        some.tuples(some.sampled_from([b"\0", b"a", b"ab", DATA[:999], DATA]), some.integers(0, 6 * MIB)),
        max_size=4,
    )
)
def test_the_chunks_joined_are_the_bytes_and_none_is_too_long(runs: list[tuple[bytes, int]]) -> None:
    data = b"".join((pattern * (size // len(pattern) + 1))[:size] for pattern, size in runs)
    chunks = list(Chunker(SEED).cut(in_blocks(data, [700_001])))
    assert b"".join(chunks) == data
    assert all(MIN_BYTES <= len(chunk) <= MAX_BYTES for chunk in chunks[:-1])
    assert all(0 < len(chunk) <= MAX_BYTES for chunk in chunks)


def test_an_insertion_moves_no_cut_far_behind_it() -> None:
    changed = DATA[: 5 * MIB] + b"inserted" + DATA[5 * MIB :]
    kept = set(CUT) & set(Chunker(SEED).cut([changed]))
    assert len(kept) >= len(CUT) - 3


def test_another_seed_cuts_elsewhere() -> None:
    assert len(set(CUT) & set(Chunker(SEED + 1).cut([DATA]))) <= 2


def test_a_block_may_be_overwritten_once_the_next_is_asked_for() -> None:
    def reusing() -> Iterator[memoryview]:
        buffer = bytearray(MIB)
        for start in range(0, len(DATA), MIB):
            buffer[:] = DATA[start : start + MIB]
            yield memoryview(buffer)

    assert list(Chunker(SEED).cut(reusing())) == CUT


def test_no_bytes_are_no_chunks() -> None:
    assert list(Chunker(SEED).cut([])) == list(Chunker(SEED).cut([b"", b""])) == []


def test_a_chunks_name_depends_on_the_key() -> None:
    assert chunk_id(b"a" * 32, b"data") == chunk_id(b"a" * 32, memoryview(b"data"))
    assert chunk_id(b"a" * 32, b"data") != chunk_id(b"b" * 32, b"data")


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"\0", True), (bytes(MAX_BYTES), True), (bytes(99) + b"\1", False), (b"\1" + bytes(99), False)],
)
def test_zeros_are_seen(data: bytes, expected: bool) -> None:
    assert is_zero(data) is expected
