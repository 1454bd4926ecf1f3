"""Trees that are new: walked and read by the compiled part, many folders in one call (walking.c)."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator, Sequence
from ctypes import c_char
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from safehold.connectors.files.facts import Seen
from safehold.connectors.files.kernel import Kernel

ROOM_BYTES = 256 << 10  # for some thousand entries
_FOLDER = struct.Struct("=6q")  # struct folder
_ENTRY_NUMBERS = 15  # of struct entry: 13 of struct seen, the kind, where the head ends
_ENTRY_BYTES = 8 * _ENTRY_NUMBERS
_SIZE, _KIND, _HEAD_END = 4, 13, 14  # which of them
_RUN = struct.Struct("=7q")  # struct run
_ALIGNED = 8


class NewFolder(NamedTuple):
    """One folder that a walk told. is_left: all but the path is empty, it is to be listed by Python.

    entries  what was told of each, and `names_at` where the names are: for whoever reads the files
    """

    path: bytes
    is_left: bool
    names: list[bytes]
    kinds: bytes
    heads: list[bytes]
    sizes: list[int]
    entries: Entries | None


def left(path: bytes) -> NewFolder:
    return NewFolder(path, True, [], b"", [], [], None)


class Entries(NamedTuple):
    """Where in a block a folder is; the block stays as long as anybody has this."""

    block: _Block
    path_at: int
    path_bytes: int
    entries_at: int
    names_at: int

    def seen(self, position: int) -> Seen:
        start = self.entries_at + _ENTRY_BYTES * position
        numbers = self.block.view[start + 8 : start + 8 * _KIND].cast("q")
        return Seen(*numbers)

    def run(self, first: int, end: int, at: int) -> bytes:
        address = self.block.address
        return _RUN.pack(
            address + self.path_at,
            self.path_bytes,
            address + self.entries_at,
            address + self.names_at,
            first,
            end,
            at,
        )


Run: TypeAlias = tuple[Entries, int, int, int]  # entries [first, end) of a folder, and the bytes of its files


class _Block:
    """Memory that folders were told into, and that is never written to again."""

    def __init__(self, size: int) -> None:
        self.room = (c_char * size)()
        self.view = memoryview(self.room).cast("B")
        self.address = ctypes.addressof(self.room)


def walk_new(kernel: Kernel, folder: int, path: bytes, racy_from_ns: int) -> Iterator[NewFolder]:
    """All folders from an open one on, `path` being its own. Raises OSError, MemoryError."""
    own = os.dup(folder)
    walk = kernel.walk(own, path, racy_from_ns)
    if walk is None:
        os.close(own)
        raise MemoryError
    try:
        size = ROOM_BYTES
        while True:
            block = _Block(size)
            used = kernel.walk_on(walk, block.room)
            if not used:
                return
            if used > 0:
                yield from _folders_in(block, used)
            size = max(ROOM_BYTES, -used)
    finally:
        kernel.walk_end(walk)


def _folders_in(block: _Block, used: int) -> Iterator[NewFolder]:
    at = 0
    while at < used:
        size, is_left, path_bytes, count, heads_bytes, names_bytes = _FOLDER.unpack_from(block.view, at)
        path_at = at + _FOLDER.size
        entries_at = path_at + (path_bytes + _ALIGNED - 1) // _ALIGNED * _ALIGNED
        heads_at = entries_at + _ENTRY_BYTES * count
        names_at = heads_at + heads_bytes
        numbers = block.view[entries_at:heads_at].cast("q")
        heads = bytes(block.view[heads_at:names_at])
        names = bytes(block.view[names_at : names_at + names_bytes]).split(b"\0")
        names.pop()  # what is behind the last NUL
        yield NewFolder(
            bytes(block.view[path_at : path_at + path_bytes]),
            is_left != 0,
            names,
            bytes(numbers[_KIND::_ENTRY_NUMBERS].tolist()),
            [heads[start:end] for start, end in pairwise((0, *numbers[_HEAD_END::_ENTRY_NUMBERS].tolist()))],
            numbers[_SIZE::_ENTRY_NUMBERS].tolist(),
            Entries(block, path_at, path_bytes, entries_at, names_at),
        )
        at += size


def read_new(kernel: Kernel, root: int, runs: Sequence[Run], most_bytes: int) -> list[memoryview | None]:
    """The bytes of the files of each run that are at most so long, one after another; None where not each of
    them is as it was told, or one has extended attributes."""
    buffer = bytearray(max(1, sum([size for _, _, _, size in runs])))  # ctypes knows no empty one
    packed: list[bytes] = []
    found: list[memoryview] = []
    view, at = memoryview(buffer), 0
    for entries, first, end, size in runs:
        packed.append(entries.run(first, end, at))
        found.append(view[at : at + size])
        at += size
    statuses = kernel.read_new(root, b"".join(packed), len(runs), most_bytes, buffer)
    return [data if status else None for data, status in zip(found, statuses, strict=True)]
