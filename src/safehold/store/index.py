"""Which chunk lies where: a cache of the objects' directories, rebuilt from them at any time.

Fragments are written once, by the job that wrote the packs. A chunk may lie in several places (two
writers at once, a repair): lookups return all of them.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, repeat
from typing import NamedTuple

import msgspec

from safehold.core.errors import Damaged
from safehold.store.chunking import ID_BYTES
from safehold.store.decoding import UNREADABLE
from safehold.store.objects import Directory, FrameKind

PLACE = struct.Struct(">IIIIII")  # object, frame, sealed offset, sealed bytes, offset in the frame, length
ENTRY_BYTES = ID_BYTES + PLACE.size
BLOCK_ENTRIES = 16_384  # a block of entries is one frame of about 1 MiB
PREFIX_BYTES = 8
FRAGMENT_VERSION = 1


class ObjectRef(NamedTuple):
    """An object's name and its header: enough to open one of its frames with a single read."""

    name: str
    header: bytes


class Place(NamedTuple):
    """Where a chunk lies. `offset` and `length` are within the plain frame; the rest within the object."""

    object: ObjectRef
    frame: int
    sealed_offset: int
    sealed_bytes: int
    offset: int
    length: int


class FragmentHead(msgspec.Struct):
    """What a fragment covers: the objects, whose numbers the entries use, and how many entries follow."""

    version: int
    objects: list[ObjectRef]
    entry_count: int


class Fragment:
    """Entries of some objects, sorted by chunk id, packed: 56 bytes each and 8 for the search."""

    def __init__(self, objects: list[ObjectRef], ids: bytes, places: bytes) -> None:
        if len(ids) % ID_BYTES or len(places) * ID_BYTES != len(ids) * PLACE.size:
            raise Damaged("an index fragment contradicts itself")
        self.objects = objects
        self.ids = ids
        self.places = places
        self._prefixes = array("Q", _prefixes(ids))
        self._prefixes.byteswap()

    def __len__(self) -> int:
        return len(self._prefixes)

    def find(self, chunk_id: bytes) -> Iterator[Place]:
        prefix = int.from_bytes(chunk_id[:PREFIX_BYTES], "big")
        position = bisect_left(self._prefixes, prefix)
        while position < len(self._prefixes) and self._prefixes[position] == prefix:
            if self.ids[position * ID_BYTES : (position + 1) * ID_BYTES] == chunk_id:
                number, *rest = PLACE.unpack_from(self.places, position * PLACE.size)
                if number >= len(self.objects):
                    raise Damaged("an index fragment names an object that it does not list")
                yield Place(self.objects[number], *rest)
            position += 1


class Index:
    """All fragments of a vault that this process knows of."""

    def __init__(self) -> None:
        self._fragments: list[Fragment] = []
        self._refs: set[ObjectRef] = set()
        self._sizes: dict[str, int] | None = None
        self._condemned: set[tuple[str, int]] = set()
        self.covered: set[str] = set()

    def add(self, fragment: Fragment) -> None:
        self._refs.update(fragment.objects)
        self.covered.update(ref.name for ref in fragment.objects)
        if len(fragment):
            self._fragments.append(fragment)

    def covers(self, ref: ObjectRef) -> bool:
        """Does a fragment speak of this very object, not of another attempt's under the same name?"""
        return ref in self._refs

    def note_objects(self, sizes: Mapping[str, int]) -> None:
        """These objects are there, with their sizes. What was never noted counts as gone, once any was."""
        self._sizes = {**(self._sizes or {}), **sizes}

    def has_gaps(self) -> bool:
        """Does a fragment speak of an object that is gone? Then what a point refers to may be gone too."""
        return self._sizes is not None and not self.covered <= self._sizes.keys()

    def condemn(self, place: Place) -> None:
        """What lies there was read and is damaged: nothing new shall rely on it."""
        self._condemned.add((place.object.name, place.frame))

    def places(self, chunk_id: bytes) -> Iterator[Place]:
        """Everywhere the chunk lies, newest fragment first; but for objects that are gone or cut off, and
        frames known to be damaged."""
        for fragment in reversed(self._fragments):
            for place in fragment.find(chunk_id):
                if self._is_there(place):
                    yield place

    def _is_there(self, place: Place) -> bool:
        name = place.object.name
        if self._condemned and (name, place.frame) in self._condemned:
            return False
        if self._sizes is None:
            return True
        return place.sealed_offset + place.sealed_bytes <= self._sizes.get(name, 0)

    def __contains__(self, chunk_id: bytes) -> bool:
        return next(self.places(chunk_id), None) is not None

    def __len__(self) -> int:
        return sum(len(fragment) for fragment in self._fragments)


def entries_of(number: int, directory: Directory) -> Iterator[tuple[bytes, bytes]]:
    """(chunk id, packed place) of every chunk in an object that the fragment calls `number`."""
    for frame, (note, sealed_offset) in enumerate(zip(directory.frames, directory.offsets(), strict=True)):
        if note.kind == FrameKind.RECORD:
            continue
        ids = (note.ids[start : start + ID_BYTES] for start in range(0, len(note.ids), ID_BYTES))
        offsets = accumulate(note.lengths, initial=0)
        here = (repeat(number), repeat(frame), repeat(sealed_offset), repeat(note.sealed_bytes))
        yield from zip(ids, map(PLACE.pack, *here, offsets, note.lengths), strict=False)


def build_fragment(objects: Iterable[tuple[ObjectRef, Directory]]) -> Fragment:
    """A fragment over those objects: the same objects give the same fragment, in whatever order."""
    refs: list[ObjectRef] = []
    entries: list[tuple[bytes, bytes]] = []
    for number, (ref, directory) in enumerate(sorted(objects, key=lambda pair: pair[0])):
        refs.append(ref)
        entries.extend(entries_of(number, directory))
    entries.sort()
    return Fragment(refs, b"".join(i for i, _ in entries), b"".join(p for _, p in entries))


def fragment_frames(fragment: Fragment) -> list[bytes]:
    """The fragment as plain frames: its head, then blocks of entries (ids first, then places)."""
    head = FragmentHead(FRAGMENT_VERSION, fragment.objects, len(fragment))
    frames = [msgspec.msgpack.encode(head)]
    for start in range(0, len(fragment), BLOCK_ENTRIES):
        end = start + BLOCK_ENTRIES
        ids = fragment.ids[start * ID_BYTES : end * ID_BYTES]
        frames.append(ids + fragment.places[start * PLACE.size : end * PLACE.size])
    return frames


def parse_fragment(frames: Iterator[bytes]) -> Fragment:
    """The fragment that `fragment_frames` wrote. Raises Damaged."""
    try:
        head = msgspec.msgpack.decode(next(frames), type=FragmentHead)
    except (StopIteration, *UNREADABLE) as error:
        raise Damaged("an index fragment has no readable head") from error
    ids, places = [], []
    for block in frames:
        count, rest = divmod(len(block), ENTRY_BYTES)
        if rest:
            raise Damaged("an index fragment's block is cut off")
        ids.append(block[: count * ID_BYTES])
        places.append(block[count * ID_BYTES :])
    fragment = Fragment(head.objects, b"".join(ids), b"".join(places))
    if head.version != FRAGMENT_VERSION:
        raise Damaged(f"an index fragment of version {head.version} is not known here")
    if len(fragment) != head.entry_count:
        raise Damaged("an index fragment lacks entries")
    return fragment


def _prefixes(ids: bytes) -> bytes:
    return b"".join(ids[start : start + PREFIX_BYTES] for start in range(0, len(ids), ID_BYTES))
