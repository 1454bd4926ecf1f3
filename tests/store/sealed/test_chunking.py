from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pyfastcdc import FastCDC

from safehold.store.sealed.chunking import (
    MAX_BYTES,
    MIN_BYTES,
    Chunker,
    InMemory,
    Readable,
    chunk_id,
    is_zero,
)
from tests.store.properties import STEADY

SEED = 0x1234_5678_9ABC_DEF0
MIB = 1 << 20


class InBlocks:
    """The data in pieces of those sizes, again and again."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._content = InMemory(data)
        self._sizes = itertools.cycle(sizes)

    def read_into(self, buffer: memoryview) -> int:
        return self._content.read_into(buffer[: next(self._sizes)])


def cut(content: Readable | bytes, seed: int = SEED) -> list[bytes]:
    content = InMemory(content) if isinstance(content, bytes) else content
    return list(map(bytes, Chunker(seed).cut(content)))


DATA = random.Random(1).randbytes(23 * MIB)
CUT = cut(DATA)


@STEADY
@given(sizes=some.lists(some.integers(1, 9 * MIB), min_size=1, max_size=4), end=some.integers(0, len(DATA)))
def test_where_cuts_fall_does_not_depend_on_the_blocks(sizes: list[int], end: int) -> None:
    sizes = [max(size, 4096) for size in sizes]
    data = DATA[:end]
    assert cut(InBlocks(data, sizes)) == cut(data)


@pytest.mark.parametrize("end", [0, 1, MAX_BYTES, 16 * MIB, 16 * MIB - 1, 23 * MIB], ids=str)
@pytest.mark.parametrize("wrong_by", [-MIB, 0, 1, MIB], ids=str)
def test_where_cuts_fall_does_not_depend_on_how_long_it_was_expected_to_be(end: int, wrong_by: int) -> None:
    expected = max(0, end + wrong_by)
    assert list(Chunker(SEED).cut(InMemory(DATA[:end]), expected_bytes=expected)) == cut(DATA[:end])


def test_a_run_of_zeros_is_cut_as_any_bytes_are() -> None:
    data = DATA[:MIB] + bytes(21 * MIB) + DATA[: 5 * MIB]
    plain = FastCDC(avg_size=MIB, min_size=MIN_BYTES, max_size=MAX_BYTES, normalized_chunking=1, seed=SEED)
    assert [len(chunk) for chunk in cut(data)] == [chunk.length for chunk in plain.cut_buf(data)]


@STEADY
@given(
    runs=some.lists(
        some.tuples(some.sampled_from([b"\0", b"a", b"ab", DATA[:999], DATA]), some.integers(0, 6 * MIB)),
        max_size=4,
    )
)
def test_the_chunks_joined_are_the_bytes_and_none_is_too_long(runs: list[tuple[bytes, int]]) -> None:
    data = b"".join((pattern * (size // len(pattern) + 1))[:size] for pattern, size in runs)
    chunks = cut(InBlocks(data, [700_001]))
    assert b"".join(chunks) == data
    assert all(MIN_BYTES <= len(chunk) <= MAX_BYTES for chunk in chunks[:-1])
    assert all(0 < len(chunk) <= MAX_BYTES for chunk in chunks)


def test_an_insertion_moves_no_cut_far_behind_it() -> None:
    changed = DATA[: 5 * MIB] + b"inserted" + DATA[5 * MIB :]
    kept = set(CUT) & set(cut(changed))
    assert len(kept) >= len(CUT) - 3


def test_another_seed_cuts_elsewhere() -> None:
    assert len(set(CUT) & set(cut(DATA, SEED + 1))) <= 2


def test_a_chunk_that_is_kept_is_never_written_to_again() -> None:
    assert list(map(bytes, list(Chunker(SEED).cut(InMemory(DATA))))) == CUT


def test_no_bytes_are_no_chunks() -> None:
    assert cut(b"") == []


def test_a_chunks_name_depends_on_the_key() -> None:
    assert chunk_id(b"a" * 32, b"data") == chunk_id(b"a" * 32, memoryview(b"data"))
    assert chunk_id(b"a" * 32, b"data") != chunk_id(b"b" * 32, b"data")


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"\0", True), (bytes(MAX_BYTES), True), (bytes(99) + b"\1", False), (b"\1" + bytes(99), False)],
)
def test_zeros_are_seen(data: bytes, expected: bool) -> None:
    assert is_zero(data) is expected
