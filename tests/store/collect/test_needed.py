"""The set of needed ids answers the same, whether it fits into memory or lies on disk in many runs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing

import pytest

from safehold.store.collect.needed import KEPT_BYTES, PARTITIONS, NeededIds
from safehold.store.collect.weighing import Weights

IDS = [random.Random(number).randbytes(32) for number in range(2000)]
OTHERS = [random.Random(number).randbytes(32) for number in range(5000, 5500)]


@pytest.fixture(params=[1, 700 * KEPT_BYTES, 1 << 20], ids=["each time on disk", "some on disk", "in memory"])
def needed(request: pytest.FixtureRequest) -> Iterator[NeededIds]:
    with closing(NeededIds(request.param)) as needed:
        for start in range(0, len(IDS), 100):
            needed.add(IDS[start : start + 100])
        needed.add(IDS[::3])  # told again
        yield needed


def test_each_partition_holds_the_ids_that_begin_with_its_byte_and_no_others(needed: NeededIds) -> None:
    for first_byte in range(PARTITIONS):
        wanted = {identity[:KEPT_BYTES] for identity in IDS if identity[0] == first_byte}
        assert needed.partition(first_byte) == wanted


def test_of_ids_asked_for_it_tells_those_that_are_needed(needed: NeededIds) -> None:
    assert needed.among([*IDS[:50], *OTHERS]) == {identity[:KEPT_BYTES] for identity in IDS[:50]}
    assert needed.among(OTHERS) == set()
    assert needed.among([]) == set()


def test_what_is_told_after_it_was_asked_counts_too(needed: NeededIds) -> None:
    assert needed.among(OTHERS[:1]) == set()
    needed.add(OTHERS[:1])
    assert needed.among(OTHERS[:2]) == {OTHERS[0][:KEPT_BYTES]}


def test_memory_is_given_back_when_ids_go_to_disk() -> None:
    with closing(NeededIds(KEPT_BYTES * 100)) as needed:
        needed.add(IDS[:99])
        assert needed._file is None
        needed.add(IDS[99:100])
        assert needed._file is not None
        assert needed._file.seek(0, 2) == 100 * KEPT_BYTES
        assert not any(needed._gathered)


@pytest.mark.parametrize("column", ["live", "lone"])
def test_a_single_byte_that_is_needed_keeps_its_object(column: str) -> None:
    weights = Weights()
    number = weights.number_of("packs/a")
    assert not weights.is_needed("packs/a")
    getattr(weights, column)[number] = 1
    assert weights.is_needed("packs/a")
