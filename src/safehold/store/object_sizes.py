"""Which objects a listing told of, and how long they are: 24 bytes each, not a Python object."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping

from safehold.store.backends.contract import ObjectInfo

RANDOM_HEX = 32  # digits in the names of packs, trees and fragments


class ObjectSizes:
    """Which objects there are and how long they are, as listings told: 24 bytes for each pack.

    Not thread-safe while something is added.
    """

    def __init__(self) -> None:
        self._folders: dict[str, _Folder] = {}
        self._others: dict[str, int] = {}  # named otherwise, or out of order

    def add_listing(self, infos: Iterable[ObjectInfo]) -> None:
        """Objects in name order, as a backend lists them."""
        for info in infos:
            folder, _, rest = info.name.partition("/")
            if len(rest) != RANDOM_HEX or not self._folder(folder).add(rest, info.size_bytes):
                self._others[info.name] = info.size_bytes

    def add(self, sizes: Mapping[str, int]) -> None:
        self._others.update(sizes)

    def get(self, name: str) -> int | None:
        """The object's size, or None when no listing told of it."""
        size = self._others.get(name)
        if size is not None:
            return size
        folder, _, rest = name.partition("/")
        found = self._folders.get(folder)
        return found.get(rest) if found is not None and len(rest) == RANDOM_HEX else None

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def _folder(self, name: str) -> _Folder:
        found = self._folders.get(name)
        if found is None:
            found = self._folders[name] = _Folder()
        return found


class _Folder:
    """Objects with random names, in their order: each half of the name as a number, and the size."""

    def __init__(self) -> None:
        self._first = array("Q")
        self._second = array("Q")
        self._sizes = array("Q")

    def add(self, digits: str, size: int) -> bool:
        """False when it cannot be kept here: another form of name, or not after the last one."""
        halves = _halves(digits)
        if halves is None or (self._first and halves[0] <= self._first[-1]):
            return False
        self._first.append(halves[0])
        self._second.append(halves[1])
        self._sizes.append(size)
        return True

    def get(self, digits: str) -> int | None:
        halves = _halves(digits)
        if halves is None:
            return None
        row = bisect_left(self._first, halves[0])
        is_there = row < len(self._first) and (self._first[row], self._second[row]) == halves
        return self._sizes[row] if is_there else None


def _halves(digits: str) -> tuple[int, int] | None:
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return None
    if raw.hex() != digits:
        return None
    return int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:], "big")
