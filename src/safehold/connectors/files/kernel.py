"""Many files' system calls in one call, outside Python's lock: the face of kernel.c.

The library is built when Safehold is installed where a compiler is there. Where it is not, `load` gives None
and everything is done one system call at a time, with the same results, slower.
"""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Callable, Sequence
from ctypes import POINTER, Array, byref, c_char, c_char_p, c_int, c_int64, c_void_p
from functools import cache, partial
from pathlib import Path

from safehold.connectors.files.facts import Seen
from safehold.domain.items import Item

LIBRARY = Path(__file__).with_name("libkernel.so")
INTERFACE = 6  # see kernel.c

ROOM_BYTES = 64 << 10  # for listings of some 500 entries; longer ones get more, of which little is kept
KEPT_ROOM_BYTES = 1 << 20

_SEEN = struct.Struct("=8x12q")  # struct seen, without where its name is
# As Seen._make, without running Python code for each.
_seen: Callable[[tuple[int, ...]], Seen] = partial(tuple.__new__, Seen)
NUMBERS_OF_SAME = 6  # in struct same
_NO_ROOM = -1
DONE = 0  # a status of `read` and `write`; anything else: to be done again, one call at a time
PLAIN_FACTS = ("m", "u", "g", "t")  # in the order of struct new_file


class _Room:
    """What a thread's listings are put into, one after another."""

    def __init__(self, size: int) -> None:
        self.size = size
        buffer = bytearray(size)
        self.bytes = memoryview(buffer)
        self.pointer = (c_char * size).from_buffer(buffer)
        self.told = (c_int64 * 2)()


class Kernel:
    """Threads may share it."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._list = library.safehold_list
        self._list.argtypes = [c_int, c_void_p, c_int64, c_void_p]
        self._rooms = threading.local()
        self._free = library.safehold_free
        self._free.argtypes = [c_void_p, c_void_p]
        self._free.restype = None
        self._compare = library.safehold_compare
        self._compare.argtypes = [c_int, c_char_p, c_char_p, c_char_p, c_int64, c_void_p]
        self._compare.restype = c_void_p
        self._compared = library.safehold_compared
        self._compared.argtypes = [c_void_p]
        self._compared.restype = POINTER(c_int64)
        self._comparison_end = library.safehold_comparison_end
        self._comparison_end.argtypes = [c_void_p]
        self._comparison_end.restype = None
        self._read = library.safehold_read
        self._read.argtypes = [c_char_p, c_int64, c_char_p, c_void_p, c_void_p]
        self._read.restype = None
        self._walk = library.safehold_walk
        self._walk.argtypes = [c_int, c_char_p, c_int64, c_int64]
        self._walk.restype = c_void_p
        self._walk_on = library.safehold_walk_on
        self._walk_on.argtypes = [c_void_p, c_void_p, c_int64, POINTER(c_int64)]
        self._walk_on.restype = c_int64
        self._walk_end = library.safehold_walk_end
        self._walk_end.argtypes = [c_void_p]
        self._walk_end.restype = None
        self._read_new = library.safehold_read_new
        self._read_new.argtypes = [c_int, c_char_p, c_int64, c_int64, c_void_p, c_void_p]
        self._read_new.restype = None
        self._write = library.safehold_write
        self._write.argtypes = [c_char_p, c_int64, c_char_p, POINTER(c_char_p), c_int, c_void_p]
        self._write.restype = None

    def list(self, folder: int) -> tuple[int, list[bytes], list[Seen]]:
        """(errno or 0, names in order, what each is) of an open folder; an errno ended what is given."""
        room: _Room = getattr(self._rooms, "room", None) or _Room(ROOM_BYTES)
        error = self._list(folder, room.pointer, room.size, room.told)
        while error == _NO_ROOM:  # more may have come meanwhile
            room = _Room(2 * (room.told[0] * _SEEN.size + room.told[1]))
            error = self._list(folder, room.pointer, room.size, room.told)
        if room.size <= KEPT_ROOM_BYTES:
            self._rooms.room = room
        count, names_bytes = room.told
        end = count * _SEEN.size
        names = bytes(room.bytes[end : end + names_bytes]).split(b"\0")
        names.pop()  # what is behind the last NUL
        return error, names, list(map(_seen, _SEEN.iter_unpack(room.bytes[:end])))

    def compare(self, root: int, paths: bytes, items: bytes, ends: bytes, told: Array[c_int64]) -> int | None:
        """Begin to compare folders below an open one; None without memory for it. What is given must stay
        until it ends. See comparing.c for what it looks like.
        """
        count = len(told) // NUMBERS_OF_SAME
        pointer: int | None = self._compare(root, paths, items, ends, count, told)
        return pointer

    def compared(self, comparison: int, told: Array[c_int64]) -> Sequence[int]:
        """Wait for a comparison; where in what was given folders are: start, end, start, end..."""
        found = self._compared(comparison)
        count = told[len(told) - 1]  # that of the last one is of all of them
        places: list[int] = found[: 2 * count] if count else []
        return places

    def comparison_end(self, comparison: int) -> None:
        self._comparison_end(comparison)

    def read(self, files: Sequence[Item], folders: Sequence[int], buffer: bytearray) -> bytes:
        """Read listed files, each from its open folder, one after another into the buffer.

        Returns a status for each. Each takes as much of the buffer as it was listed with, whatever its
        status; the buffer must hold them all.
        """
        names = b"\0".join([item.name for item in files])
        wanted: list[int] = []
        name_offset = 0
        for item, folder in zip(files, folders, strict=True):
            facts = item.facts
            wanted += (folder, name_offset, item.size_bytes, facts["t"], facts["c"], facts["i"])  # type: ignore[arg-type]
            name_offset += len(item.name) + 1
        status = ctypes.create_string_buffer(len(files))
        to = (c_char * len(buffer)).from_buffer(buffer)
        self._read(struct.pack(f"={len(wanted)}q", *wanted), len(files), names, to, status)
        return status.raw

    def walk(self, folder: int, path: bytes, racy_from_ns: int) -> int | None:
        """A walk from an open folder on, which is then the walk's; None without memory for it."""
        pointer: int | None = self._walk(folder, path, len(path), racy_from_ns)
        return pointer

    def walk_on(self, walk: int, room: Array[c_char]) -> int:
        """The next folders, put into the room: how many bytes they are, 0 at the end; or less than 0: so much
        room, negated, is needed. See walking.c for what they look like. Raises MemoryError.
        """
        told = c_int64()
        used: int = self._walk_on(walk, room, len(room), byref(told))
        if not told.value:
            raise MemoryError
        return used

    def walk_end(self, walk: int) -> None:
        self._walk_end(walk)

    def read_new(self, root: int, runs: bytes, count: int, most_bytes: int, buffer: bytearray) -> bytes:
        """Read files of folders that a walk told into the buffer. Returns of each run whether all is as told.

        runs  see struct run in walking.c
        """
        status = ctypes.create_string_buffer(count)
        to = (c_char * len(buffer)).from_buffer(buffer)
        self._read_new(root, runs, count, most_bytes, to, status)
        return status.raw

    def write(
        self, files: Sequence[Item], folders: Sequence[int], contents: Sequence[bytes], *, clears_acls: bool
    ) -> bytes:
        """Make files that are not there yet, each in its open folder; their facts must be plain (`is_plain`).

        clears_acls  an ACL that a new file inherits from its folder is taken off
        Returns a status for each: DONE, or it is to be made one call at a time, and nothing is left of it.
        """
        names = b"\0".join([item.name for item in files])
        new: list[int] = []
        name_offset = 0
        for item, folder, data in zip(files, folders, contents, strict=True):
            facts = item.facts
            new += (folder, name_offset, len(data), *(facts[key] for key in PLAIN_FACTS))  # type: ignore[arg-type]
            name_offset += len(item.name) + 1
        status = ctypes.create_string_buffer(len(files))
        pointers = (c_char_p * len(files))(*contents)
        self._write(struct.pack(f"={len(new)}q", *new), len(files), names, pointers, clears_acls, status)
        return status.raw


def is_plain(item: Item) -> bool:
    """Has the item all facts that `Kernel.write` puts on, and none that it does not know how to?"""
    facts = item.facts
    return "x" not in facts and "s" not in facts and all(type(facts.get(key)) is int for key in PLAIN_FACTS)


@cache
def load(path: Path = LIBRARY) -> Kernel | None:
    """The library, or None where it was not built, or from another version."""
    try:
        library = ctypes.CDLL(str(path))
        is_ours = c_int.in_dll(library, "safehold_interface").value == INTERFACE
    except (OSError, ValueError):
        return None
    return Kernel(library) if is_ours else None
