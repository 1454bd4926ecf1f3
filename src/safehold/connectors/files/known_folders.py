"""Trees that were there before: their folders are compared by the compiled part, many together (comparing.c).

While it compares some, in a thread of its own, what the previous point has of the next is looked up here.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator, Sequence
from ctypes import c_int64
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import NamedTuple

from safehold.connectors.files.kernel import NUMBERS_OF_SAME, Kernel
from safehold.domain.items import Item, PreviousTree, decode_item, join

BATCH_FOLDERS = 64
BATCH_BYTES = 4 << 20  # of encoded items
COMPARISONS = 4  # under way at once: on a cold cache they wait for the disk
AHEAD_FOLDERS = (
    4096  # compared at a time; many times what is under way, or it would never get to the deep ones
)


class Counts(NamedTuple):
    """What a folder holds: files have bytes of their own, these are size_bytes."""

    items: int
    files: int
    size_bytes: int

    def plus(self, other: Counts) -> Counts:
        return Counts(self.items + other.items, self.files + other.files, self.size_bytes + other.size_bytes)


@dataclass(slots=True, eq=False)
class KnownFolder:
    """A folder that was there at the previous point.

    before      its own item there
    is_looked   was it compared? Only then the rest says something
    same        what it holds, if for certain nothing in it has changed; None else
    device      that all of this is on
    below       the folders in it, in order, if it is the same
    whole       what it and all below it hold, if nothing of that has changed and it is on one device
    """

    path: bytes
    before: Item
    is_looked: bool = False
    same: Counts | None = None
    device: int = 0
    below: list[KnownFolder] = field(default_factory=list)
    whole: Counts | None = None


class KnownFolders:
    """Compares the folders below an open root with what the previous point has."""

    def __init__(self, kernel: Kernel, root: int, previous: PreviousTree) -> None:
        self._kernel = kernel
        self._root = root
        self._previous = previous
        # Not looked at yet, the next one of a walk last; a comparison stands where its folders were.
        self._waiting: list[KnownFolder | _Comparison] = []

    def add(self, folders: Sequence[KnownFolder]) -> None:
        """They are the next ones that a walk comes to, in order."""
        self._waiting.extend(reversed(folders))

    def look(self, folder: KnownFolder) -> None:
        """Compare this one, and others that a walk comes to behind it. Raises StoreError."""
        under_way: deque[_Comparison] = deque()
        looked: list[KnownFolder] = []
        try:
            while self._waiting:
                is_far = folder.is_looked and len(looked) >= AHEAD_FOLDERS
                if len(self._waiting) > len(under_way) and len(under_way) < COMPARISONS and not is_far:
                    under_way.append(self._begin())
                    looked += under_way[-1].folders
                elif under_way:
                    self._settle(under_way.popleft())
                else:
                    break
        finally:
            for comparison in under_way:
                comparison.end()
        for known in reversed(looked):  # those below a folder come behind it
            known.whole = _whole(known)

    def _begin(self) -> _Comparison:
        """The first that no comparison has, and some behind it."""
        folders: list[KnownFolder] = []
        encoded: list[bytes] = []
        size = 0
        at = len(self._waiting)
        while isinstance(self._waiting[at - 1], _Comparison):
            at -= 1
        while at and len(folders) < BATCH_FOLDERS and size < BATCH_BYTES:
            folder = self._waiting[at - 1]
            if isinstance(folder, _Comparison):
                break
            at -= 1
            del self._waiting[at]
            folder.is_looked = True
            found = self._previous.encoded(folder.path, folder.before)
            if found is not None:
                folders.append(folder)
                encoded.append(found)
                size += len(found)
        comparison = _Comparison(self._kernel, self._root, folders, encoded)
        self._waiting.insert(at, comparison)
        return comparison

    def _settle(self, compared: _Comparison) -> None:
        compared.settle()
        compared.end()
        below = list(chain.from_iterable([folder.below for folder in compared.folders]))
        # ORDER: they wait where their folders did. A walk would else come to what was not looked at, with
        # ever more that lies behind it in memory.
        at = self._waiting.index(compared)
        self._waiting[at : at + 1] = reversed(below)


class _Comparison:
    """One that is under way; end() is to be called."""

    def __init__(
        self, kernel: Kernel, root: int, folders: Sequence[KnownFolder], known: Sequence[bytes]
    ) -> None:
        self.folders = folders
        self._kernel = kernel
        self._known = known
        paths = [folder.path for folder in folders]
        ends = zip(accumulate(map(len, paths)), accumulate(map(len, known)), strict=True)
        packed = struct.pack(f"={2 * len(folders)}q", *chain.from_iterable(ends))
        self._told = (c_int64 * (NUMBERS_OF_SAME * len(folders)))()
        self._given = b"".join(paths), b"".join(known), packed  # to stay until the end
        self._pointer = kernel.compare(root, *self._given, self._told) if folders else None

    def settle(self) -> None:
        """Wait, and put down what was found. Without memory to compare, none is the same."""
        if self._pointer is None:
            return
        places = self._kernel.compared(self._pointer, self._told)
        first = 0
        numbers: Iterator[tuple[int, ...]] = zip(*[iter(self._told)] * NUMBERS_OF_SAME, strict=True)
        for folder, known, told in zip(self.folders, self._known, numbers, strict=True):
            is_same, items, files, size_bytes, device, end = told
            if is_same:
                folder.same, folder.device = Counts(items, files, size_bytes), device
                found = [decode_item(known[places[n] : places[n + 1]]) for n in range(2 * first, 2 * end, 2)]
                folder.below = [KnownFolder(join(folder.path, item.name), item) for item in found]
            first = end

    def end(self) -> None:
        """Waits, if nobody has."""
        if self._pointer is not None:
            self._kernel.comparison_end(self._pointer)
            self._pointer = None


def _whole(folder: KnownFolder) -> Counts | None:
    whole = folder.same
    for below in folder.below:
        if whole is None or below.whole is None or below.device != folder.device:
            return None
        whole = whole.plus(below.whole)
    return whole
