"""How much of each object is needed: index rows are held against the needed ids, a 256th at a time.

Of a chunk that lies in several objects one counts as its place, the others as spare: the lowest object by
name that is sure to stay. An object without a live byte may go.

What only cold points need is needed in cold storage, and in a warm object only as long as no cold one that is
sure to stay holds it. What a warm point needs is needed in a warm object, whatever is cold.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import TypeAlias

from safehold.store.backends import tiers
from safehold.store.collect.needed import PARTITIONS, NeededIds
from safehold.store.fragments.places import ROW_BYTES, ObjectRef
from safehold.store.index.index import FragmentLike

# Of a row: sixteen bytes of the id, the object's number, the chunk's length. Source: docs/formats/index.md.
ROW = struct.Struct(">16s16xI16xI")
assert ROW.size == ROW_BYTES
_OTHER = ""  # all objects that are another's namesake
Stays = Callable[[ObjectRef], "bool | None"]


@dataclass(slots=True)
class Weights:
    """Plain bytes of chunks in each object, by its number.

    live   needed, and this is where they lie; lone: needed, but only objects that may go have them
    moved  of a warm object: needed, but only in cold storage, which holds them for sure
    """

    numbers: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    total: array[int] = field(default_factory=lambda: array("Q"))
    live: array[int] = field(default_factory=lambda: array("Q"))
    lone: array[int] = field(default_factory=lambda: array("Q"))
    moved: array[int] = field(default_factory=lambda: array("Q"))

    def number_of(self, name: str) -> int:
        number = self.numbers.get(name)
        if number is None:
            number = self.numbers[name] = len(self.names)
            self.names.append(name)
            for column in (self.total, self.live, self.lone, self.moved):
                column.append(0)
        return number

    def is_needed(self, name: str) -> bool:
        """Does it hold a chunk that is needed, and that no object has which is sure to stay?"""
        number = self.numbers.get(name)
        return number is not None and (self.live[number] > 0 or self.lone[number] > 0)


def weigh(
    fragments: Sequence[FragmentLike], needed: NeededIds, stays: Stays, cold_needed: NeededIds | None = None
) -> Weights:
    """Weigh all objects that the fragments speak of.

    cold_needed  the data that cold points need
    stays  is it there, and not about to go? None: what is there under its name is another object

    Raises what reading a fragment raises: half a list would make needed chunks look lone, or worse.
    """
    weights = Weights()
    # In order of name, so that every collector prefers the same place.
    known = sorted({intern(ref.name) for fragment in fragments for ref in fragment.objects})
    for name in [_OTHER, *known]:
        weights.number_of(name)
    is_sure = bytearray(len(known) + 1)
    is_cold = bytearray(tiers.is_cold(name) for name in weights.names)
    cursors = [_Cursor(fragment, weights, stays, is_sure) for fragment in fragments]
    for first_byte in range(PARTITIONS):
        cold = set() if cold_needed is None else cold_needed.partition(first_byte)
        wanted = _Wanted(needed.partition(first_byte), cold, is_cold)
        _weigh_partition(first_byte, cursors, wanted, weights, is_sure)
    return weights


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Ids of a partition: needed by warm points or as pages; as data of cold points."""

    warm: set[bytes]
    cold: set[bytes]
    is_cold: bytearray  # by an object's number

    @property
    def either(self) -> set[bytes]:
        return self.warm | self.cold if self.cold else self.warm


Rows: TypeAlias = "list[tuple[bytes, int, int]]"  # id, object's number, length


def _weigh_partition(
    first_byte: int, cursors: Sequence[_Cursor], wanted: _Wanted, weights: Weights, is_sure: bytearray
) -> None:
    total, needed = weights.total, wanted.either
    rows: Rows = []
    for cursor in cursors:
        numbers = cursor.numbers
        for joined in cursor.until(first_byte + 1):
            for identity, own_number, length in ROW.iter_unpack(joined):
                number = numbers[own_number]
                total[number] += length
                if identity in needed:
                    rows.append((identity, number, length))
    cold = _place([r for r in rows if wanted.is_cold[r[1]] and r[0] in wanted.cold], weights, is_sure)
    warm: Rows = []
    for row in rows:
        if wanted.is_cold[row[1]]:
            continue
        # INVARIANT: a warm chunk is given up only where a cold object holds it that is sure to stay.
        if row[0] in wanted.warm or row[0] not in cold:
            warm.append(row)
        else:
            weights.moved[row[1]] += row[2]
    _place(warm, weights, is_sure)


def _place(wanted: Rows, weights: Weights, is_sure: bytearray) -> Collection[bytes]:
    """Say of each chunk where it lies; returns those that lie in an object that is sure to stay."""
    places: dict[bytes, int] = {}
    for identity, number, _ in wanted:
        if is_sure[number] and places.get(identity, number) >= number:
            places[identity] = number
    counted: set[bytes] = set()
    for identity, number, length in wanted:
        place = places.get(identity)
        if place is None:
            weights.lone[number] += length
        elif place == number and identity not in counted:
            counted.add(identity)
            weights.live[number] += length
    return places.keys()


class _Cursor:
    """Goes once through a fragment's rows, which are in order of id."""

    def __init__(
        self,
        fragment: FragmentLike,
        weights: Weights,
        stays: Stays,
        is_sure: bytearray,
    ) -> None:
        self.numbers = array("I")
        for ref in fragment.objects:
            answer = stays(ref)
            number = weights.number_of(ref.name if answer is not None else _OTHER)
            self.numbers.append(number)
            is_sure[number] = bool(answer)
        self._runs = fragment.rows()
        self._rows: list[bytes] = []
        self._position = 0

    def until(self, first_byte: int) -> Iterator[bytes]:
        """The next rows, joined, up to ids that begin with that byte."""
        while True:
            end = len(self._rows)
            if first_byte < PARTITIONS:
                end = bisect_left(self._rows, bytes([first_byte]), self._position)
            yield b"".join(self._rows[self._position : end])
            self._position = end
            if end < len(self._rows):
                return
            self._rows, self._position = next(self._runs, []), 0
            if not self._rows:
                return
