"""The objects that a stored index fragment speaks of, in 90 bytes each.

A vault of ten million chunks may have 300,000 packs: too many for Python objects.
"""

from __future__ import annotations

import struct
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from safehold.core.errors import Damaged
from safehold.store.fragments.places import ObjectRef
from safehold.store.sealed.sealing import HEADER_BYTES

TABLE_OBJECTS = 4096  # in one frame of a fragment: about 350 KiB
NUMBER = struct.Struct(">I")


def encode_table(refs: Sequence[ObjectRef]) -> bytes:
    """One frame of a table: how many, where each name ends, the headers, the names joined."""
    names = [ref.name.encode() for ref in refs]
    ends, end = [], 0
    for name in names:
        end += len(name)
        ends.append(end)
    numbers = struct.pack(f">{len(ends) + 1}I", len(ends), *ends)
    return b"".join((numbers, *(ref.header for ref in refs), *names))


class ObjectTable(Sequence[ObjectRef]):
    """The objects of a stored fragment, in order of name and header, read when needed. Thread-safe."""

    def __init__(self, count: int, read_frame: Callable[[int], bytes]) -> None:
        self._count = count
        self._read_frame = read_frame
        self._frames: dict[int, bytes] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> ObjectRef:  # type: ignore[override]  # slices are of no use here
        """Raises IndexError; Damaged."""
        if not 0 <= number < self._count:
            raise IndexError(number)
        frame, row = self._frame(number)
        (count,) = NUMBER.unpack_from(frame)
        headers = NUMBER.size * (count + 1)
        header = frame[headers + row * HEADER_BYTES : headers + (row + 1) * HEADER_BYTES]
        return ObjectRef(self._name_in(frame, row), header)

    def name(self, number: int) -> str:
        return self._name_in(*self._frame(number))

    def runs_of_names(self) -> Iterator[list[str]]:
        """All names in order, many at a time."""
        for first in range(0, self._count, TABLE_OBJECTS):
            frame, _ = self._frame(first)
            (count,) = NUMBER.unpack_from(frame)
            names = frame[(NUMBER.size + HEADER_BYTES) * count + NUMBER.size :].decode()
            ends = struct.unpack_from(f">{count}I", frame, NUMBER.size)
            yield [names[start:end] for start, end in pairwise((0, *ends))]

    def named(self, name: str) -> Iterator[ObjectRef]:
        """Every object of that name: two attempts at one point give two."""
        number = bisect_left(range(self._count), name, key=self.name)
        while number < self._count and self.name(number) == name:
            yield self[number]
            number += 1

    def _name_in(self, frame: bytes, row: int) -> str:
        (count,) = NUMBER.unpack_from(frame)
        names = (NUMBER.size + HEADER_BYTES) * count + NUMBER.size
        (end,) = NUMBER.unpack_from(frame, NUMBER.size * (row + 1))
        start = NUMBER.unpack_from(frame, NUMBER.size * row)[0] if row else 0
        return frame[names + start : names + end].decode()

    def _frame(self, number: int) -> tuple[bytes, int]:
        wanted, row = divmod(number, TABLE_OBJECTS)
        with self._lock:
            frame = self._frames.get(wanted)
            if frame is None:
                rows = min(TABLE_OBJECTS, self._count - wanted * TABLE_OBJECTS)
                frame = self._frames[wanted] = _checked(self._read_frame(wanted), rows)
            return frame, row


def _checked(frame: bytes, rows: int) -> bytes:
    """Raises Damaged when it is not a table of that many rows."""
    fixed = NUMBER.size + rows * (NUMBER.size + HEADER_BYTES)
    if len(frame) < fixed or NUMBER.unpack_from(frame)[0] != rows:
        raise Damaged("an index fragment's table of objects is cut off")
    ends = struct.unpack_from(f">{rows}I", frame, NUMBER.size)
    if list(ends) != sorted(ends) or ends[-1] != len(frame) - fixed or not frame[fixed:].isascii():
        raise Damaged("an index fragment's table of objects contradicts itself")
    return frame
