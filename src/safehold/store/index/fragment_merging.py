"""Several index fragments to one, in order and with little memory; and which ones to merge, and when."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from heapq import merge as merge_sorted
from typing import TypeAlias

from safehold.core.errors import Damaged
from safehold.store.fragments.places import ObjectRef
from safehold.store.index.index import FragmentLike
from safehold.store.sealed.chunking import ID_BYTES

MOST_FRAGMENTS = 12  # so many may stay beside one another, whatever their lengths
FEW_FRAGMENTS = 6  # so many are left when there are more
GROWTH = 2  # the shortest that is left alone is so many times as long as what is merged
NUMBER_BYTES = 4  # of an object, the first of a place
NUMBER_END = ID_BYTES + NUMBER_BYTES
LEFT_OUT = 0xFFFFFFFF
ROWS_AT_HAND = 65_536  # of all fragments that are merged; some 20 MB

Numbers: TypeAlias = "array[int]"  # of a fragment's objects in the merged fragment


def to_merge(lengths: Mapping[str, int]) -> list[str]:
    """Which fragments to merge into one, by how many rows they have; none while they are few.

    It takes the short ones, and longer ones as long as they are not `GROWTH` times what is below: so a row is
    written again about as often as the vault has doubled.
    """
    if len(lengths) <= MOST_FRAGMENTS:
        return []
    names = sorted(lengths, key=lambda name: (lengths[name], name))
    taken = len(names) - FEW_FRAGMENTS + 1
    below = sum(lengths[name] for name in names[:taken])
    while taken < len(names) and lengths[names[taken]] < GROWTH * below:
        below += lengths[names[taken]]
        taken += 1
    return names[:taken]


def united_objects(
    fragments: Sequence[FragmentLike], numbers: Sequence[Numbers], without: Container[str]
) -> Iterator[ObjectRef]:
    """All objects of the fragments, each once, in order; writes their new numbers into `numbers`."""
    count = -1
    last: ObjectRef | None = None
    for ref, fragment, number in merge_sorted(*map(_numbered, range(len(fragments)), fragments)):
        if ref.name in without:
            numbers[fragment][number] = LEFT_OUT
            continue
        is_new = ref != last
        count += is_new
        numbers[fragment][number] = count
        last = ref
        if is_new:
            yield ref


def _numbered(which: int, fragment: FragmentLike) -> Iterator[tuple[ObjectRef, int, int]]:
    for number in range(len(fragment.objects)):
        yield fragment.objects[number], which, number


def renumbered_rows(fragment: FragmentLike, numbers: Numbers, most: int) -> Iterator[list[bytes]]:
    """The fragment's rows, so many at a time, with the objects' new numbers; not those of objects left out.

    # INVARIANT: a fragment's objects are in order, and so are the united ones: rows stay in order.
    """
    packed = array("I", numbers)
    packed.byteswap()
    wanted = packed.tobytes()
    has_gaps = LEFT_OUT in numbers
    for rows in fragment.rows(most):
        new = []
        for row in rows:
            at = NUMBER_BYTES * int.from_bytes(row[ID_BYTES:NUMBER_END], "big")
            number = wanted[at : at + NUMBER_BYTES]
            if len(number) < NUMBER_BYTES:
                raise Damaged(f"{fragment.name} names an object that it does not list")
            if not (has_gaps and number == b"\xff\xff\xff\xff"):
                new.append(row[:ID_BYTES] + number + row[NUMBER_END:])
        if new:
            yield new


def merged_rows(inputs: Iterable[Iterator[list[bytes]]]) -> Iterator[list[bytes]]:
    """Sorted runs of rows, each row once, out of inputs that are sorted each."""
    waiting = [(rows, rest) for rest in inputs if (rows := next(rest, []))]
    while waiting:
        # Everything up to the least of the last rows at hand is at hand.
        bound = min(rows[-1] for rows, _ in waiting)
        taken: list[bytes] = []
        left = []
        for rows, rest in waiting:
            cut = bisect_right(rows, bound)
            taken += rows[:cut]
            more = rows[cut:] or next(rest, [])
            if more:
                left.append((more, rest))
        waiting = left
        yield sorted(set(taken))
