"""Which objects a listing told of, and how long they are: 24 bytes each, not a Python object.

A vault of ten million chunks may have 300,000 packs, and every session asks whether they all are there: names
are taken many at a time.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from operator import lt

from safehold.store.backends.contract import ObjectInfo

RANDOM_HEX = 32  # digits in the names of packs, trees and fragments
AT_A_TIME = 4096


class ObjectSizes:
    """Not thread-safe while something is added."""

    def __init__(self) -> None:
        self._folders: dict[str, _Folder] = defaultdict(_Folder)
        self._others: dict[str, int] = {}  # named otherwise, or out of order

    def add_listing(self, infos: Iterable[ObjectInfo]) -> None:
        """Objects in name order, as a backend lists them."""
        pending = iter(infos)
        while some := list(islice(pending, AT_A_TIME)):
            sizes = {info.name: info.size_bytes for info in some}
            for folder, digits in _by_folder(sizes).items():
                named = [f"{folder}/{one}" for one in digits]
                if self._folders[folder].add(digits, [sizes[name] for name in named]):
                    for name in named:
                        del sizes[name]
            self._others.update(sizes)

    def add(self, sizes: Mapping[str, int]) -> None:
        self._others.update(sizes)

    def get(self, name: str) -> int | None:
        """The object's size, or None when no listing told of it."""
        size = self._others.get(name)
        if size is not None:
            return size
        folder, _, rest = name.partition("/")
        halves = _halves([rest]) if len(rest) == RANDOM_HEX else None
        return self._folders[folder].get(halves[0][0], halves[1][0]) if halves is not None else None

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def holds_all(self, names: Sequence[str]) -> bool:
        """Is every one of them there?"""
        rest = set(names)
        for folder, digits in _by_folder(names).items():
            if self._folders[folder].holds_all(digits):
                rest.difference_update([f"{folder}/{one}" for one in digits])
        return all(name in self for name in rest)


class _Folder:
    """Objects with random names, in their order: each half of the name as a number, and the size."""

    def __init__(self) -> None:
        self._first = array("Q")
        self._second = array("Q")
        self._sizes = array("Q")

    def add(self, digits: Sequence[str], sizes: Sequence[int]) -> bool:
        """False when they cannot be kept here: another form of name, or not in order after the last one."""
        halves = _halves(digits)
        if halves is None or (self._first and halves[0][0] <= self._first[-1]):
            return False
        if not all(map(lt, halves[0], halves[0][1:])):
            return False
        self._first += halves[0]
        self._second += halves[1]
        self._sizes.extend(sizes)
        return True

    def get(self, first: int, second: int) -> int | None:
        row = bisect_left(self._first, first)
        is_there = row < len(self._first) and self._first[row] == first and self._second[row] == second
        return self._sizes[row] if is_there else None

    def holds_all(self, digits: Sequence[str]) -> bool:
        halves = _halves(digits)
        return halves is not None and None not in map(self.get, *halves)


def _by_folder(names: Iterable[str]) -> dict[str, list[str]]:
    """The random names among them, by folder and without it."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        folder, _, rest = name.partition("/")
        if len(rest) == RANDOM_HEX:
            found[folder].append(rest)
    return found


def _halves(digits: Sequence[str]) -> tuple[array[int], array[int]] | None:
    """Each name as two numbers; None when one of them is not made of lower-case digits alone."""
    joined = "".join(digits)
    try:
        raw = bytes.fromhex(joined)
    except ValueError:
        return None
    if raw.hex() != joined:
        return None
    numbers = array("Q", raw)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers[0::2], numbers[1::2]
