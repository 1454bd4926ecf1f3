"""Which chunk lies where: a cache of the objects' directories, rebuilt from them at any time.

Fragments are written once, by the job that wrote the packs. A chunk may lie in several places (two
writers at once, a repair): lookups return all of them. New fragments are of version 2 (stored_fragment.py)
and stay where they are; those of version 1, and what was read from few directories, lie in memory.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, repeat
from operator import add
from typing import Protocol

import msgspec

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.store.backends.contract import ObjectInfo
from safehold.store.backends.tiers import COLD, is_cold
from safehold.store.fragments.places import PLACE as PLACE
from safehold.store.fragments.places import ROW_BYTES
from safehold.store.fragments.places import ObjectRef as ObjectRef
from safehold.store.fragments.places import Place as Place
from safehold.store.index.condemned import Condemned
from safehold.store.index.object_sizes import ObjectSizes
from safehold.store.sealed.chunking import ID_BYTES
from safehold.store.sealed.decoding import UNREADABLE
from safehold.store.sealed.objects import Directory, FrameKind, FrameNote, may_be_whole

BLOCK_ENTRIES = 16_384  # in a frame of a fragment of version 1, about 1 MiB
PREFIX_BYTES = 8
FRAGMENT_VERSION = 1
RUN_ROWS = 32_768  # handed on at a time


class FragmentHead(msgspec.Struct):
    """What a fragment covers: the objects, whose numbers the entries use, and how many entries follow."""

    version: int
    objects: list[ObjectRef]
    entry_count: int


class _Version(msgspec.Struct):
    version: int


class FragmentLike(Protocol):
    """What the index asks of a fragment, wherever its rows are. All but `name` may raise what LOST names."""

    name: str

    @property
    def objects(self) -> Sequence[ObjectRef]: ...

    def __len__(self) -> int: ...

    def find(self, chunk_id: bytes) -> Iterable[Place]: ...

    def covers(self, ref: ObjectRef) -> bool: ...

    def names(self, name: str) -> bool: ...

    def runs_of_names(self) -> Iterator[list[str]]: ...

    def rows(self, most: int = RUN_ROWS) -> Iterator[list[bytes]]: ...


LOST = (Damaged, ObjectMissing, KeyMismatch)  # the fragment, not the backend, fails


class Fragment:
    """Entries of some objects in memory, sorted by chunk id, packed: 56 bytes each and 8 for the search."""

    def __init__(self, objects: list[ObjectRef], ids: bytes, places: bytes, *, name: str = "") -> None:
        if len(ids) % ID_BYTES or len(places) * ID_BYTES != len(ids) * PLACE.size:
            raise Damaged("an index fragment contradicts itself")
        self.name = name
        self.objects = objects
        self.ids = ids
        self.places = places
        self._refs = set(objects)
        self._names = {ref.name for ref in objects}
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

    def covers(self, ref: ObjectRef) -> bool:
        return ref in self._refs

    def names(self, name: str) -> bool:
        return name in self._names

    def runs_of_names(self) -> Iterator[list[str]]:
        yield [ref.name for ref in self.objects]

    def rows(self, most: int = RUN_ROWS) -> Iterator[list[bytes]]:
        """All rows, in order, so many at a time."""
        for first in range(0, len(self), most):
            run = range(first, min(first + most, len(self)))
            yield [
                self.ids[ID_BYTES * n : ID_BYTES * (n + 1)]
                + self.places[PLACE.size * n : PLACE.size * (n + 1)]
                for n in run
            ]


class Index:
    """All fragments of a vault that this process knows of. Threads may look up side by side."""

    def __init__(self, *, late: Callable[[], Fragment] | None = None) -> None:
        """late: more entries, read when a chunk is asked for that no fragment has; once."""
        self._fragments: list[FragmentLike] = []
        self._late = late
        self._is_bare = True  # no fragment has a row: the first backup asks for each of its chunks
        self._sizes: ObjectSizes | None = None
        self._failed: set[tuple[str, int]] = set()  # in this process
        self._condemned = Condemned()  # in the vault
        self._is_cut_off = False  # is an object there that nobody can have stored so?
        self._tombstoned: frozenset[str] = frozenset()
        self.for_cold = False  # is it a writer of cold storage that asks what it may rely on?
        self._lock = threading.RLock()
        self.unreadable: dict[str, str] = {}  # fragments that were given up, and why

    def add(self, fragment: FragmentLike) -> None:
        with self._lock:
            self._is_bare = self._is_bare and isinstance(fragment, Fragment) and not len(fragment)
            # Never changed in place: others may be walking along the list.
            self._fragments = [*self._fragments, fragment]

    def replace(self, old: Container[str], new: FragmentLike) -> None:
        """Those fragments, by name, have become one."""
        with self._lock:
            self._is_bare = False
            self._fragments = [new, *(other for other in self._fragments if other.name not in old)]

    def fragments(self) -> Sequence[FragmentLike]:
        return self._fragments

    def covers(self, ref: ObjectRef) -> bool:
        """Does a fragment speak of this very object, not of another attempt's under the same name?"""
        return any(self._each(lambda fragment: fragment.covers(ref)))

    @property
    def covered(self) -> Container[str]:
        """The names of the objects that fragments speak of."""
        return _Covered(self)

    def names(self, name: str) -> bool:
        """Does a fragment speak of an object of that name?"""
        return any(self._each(lambda fragment: fragment.names(name)))

    def note_objects(self, sizes: Mapping[str, int]) -> None:
        """These objects are there, with their sizes. What was never noted counts as gone, once any was."""
        self._noted().add(sizes)

    def note_listing(self, infos: Iterable[ObjectInfo]) -> None:
        """As `note_objects`, for very many in name order."""
        self._noted().add_listing(map(self._judged, infos))

    def _judged(self, info: ObjectInfo) -> ObjectInfo:
        self._is_cut_off |= not may_be_whole(info.size_bytes)
        return info

    def knows_objects(self) -> bool:
        return self._sizes is not None

    def _noted(self) -> ObjectSizes:
        if self._sizes is None:
            self._sizes = ObjectSizes()
        return self._sizes

    def note_condemned(self, name: str, frames: list[int] | None) -> None:
        """Those frames of the object are damaged, or (None) it as a whole: writers rely on none of them."""
        self._condemned.add(name, frames)

    def has_gaps(self) -> bool:
        """Is something that fragments speak of gone or condemned? Then what a point refers to may be, too."""
        if self._condemned or self._is_cut_off:
            return True
        sizes = self._sizes
        if sizes is None:
            return False
        going = self._tombstoned  # those are looked after in parents.py

        def is_whole(names: Iterable[str]) -> bool:
            # Cold objects are looked for by those who rely on them: no backup does.
            warm = [name for name in names if not (name in going or name.startswith(COLD))]
            return sizes.holds_all(warm)

        return any(self._each(lambda fragment: not all(map(is_whole, fragment.runs_of_names()))))

    def condemn(self, place: Place) -> None:
        """What lies there was read and is damaged: nothing in this process shall look there again."""
        self._failed.add((place.object.name, place.frame))

    def places(self, chunk_id: bytes) -> Iterator[Place]:
        """Everywhere the chunk lies: warm ones first, the newest fragment's before others, what collection is
        about to take behind those and condemned places last; but for objects that are gone or cut off, and
        frames that this process found damaged."""
        found = self._found(chunk_id)
        return iter(sorted(found, key=self._rank) if len(found) > 1 else found)

    def _rank(self, place: Place) -> tuple[bool, bool, bool]:
        name = place.object.name
        return self.is_condemned(place), name in self._tombstoned, is_cold(name) is not self.for_cold

    def is_condemned(self, place: Place) -> bool:
        """Was what lies there found damaged, so that no writer may rely on it?"""
        return self._condemned.holds(place.object.name, place.frame)

    def is_trusted(self, place: Place) -> bool:
        """Is nothing known against it?"""
        return not self.is_condemned(place) and (place.object.name, place.frame) not in self._failed

    def _found(self, chunk_id: bytes) -> list[Place]:
        asked = self._fragments
        found = self._find(chunk_id)
        if all(map(self.is_condemned, found)):
            self._load_late()
            # RACE: another thread may have loaded them since we asked.
            if self._fragments is not asked:
                found = self._find(chunk_id)
        return found

    def _find(self, chunk_id: bytes) -> list[Place]:
        found: list[Place] = []
        for fragment in reversed(self._fragments):
            try:
                for place in fragment.find(chunk_id):
                    if self._is_there(place):
                        found.append(place)
            except LOST as error:
                self._give_up(fragment, error)
        return found if len(found) < 2 else list(dict.fromkeys(found))

    def _each(self, ask: Callable[[FragmentLike], bool]) -> Iterator[bool]:
        for fragment in self._fragments:
            try:
                yield ask(fragment)
            except LOST as error:
                self._give_up(fragment, error)

    def _give_up(self, fragment: FragmentLike, error: Exception) -> None:
        """It cannot be read after all: from now on it counts as lost, with all that it covers."""
        with self._lock:
            self.unreadable[fragment.name] = str(error)
            self._fragments = [other for other in self._fragments if other is not fragment]

    def _load_late(self) -> None:
        if self._late is None:
            return
        with self._lock:
            if self._late is not None:
                self.add(self._late())
                self._late = None  # ORDER: last, so that whoever does not wait here finds them

    def _is_there(self, place: Place) -> bool:
        name = place.object.name
        if self._failed and (name, place.frame) in self._failed:
            return False
        if self._sizes is None:
            return True
        return place.sealed_offset + place.sealed_bytes <= (self._sizes.get(name) or 0)

    def note_tombstoned(self, names: Iterable[str]) -> None:
        """Collection is about to take these objects: readers still find them, writers rely on none."""
        self._tombstoned = self._tombstoned.union(names)

    def __contains__(self, chunk_id: bytes) -> bool:
        """May a writer rely on the vault having that chunk? It relies on what is as warm as it is."""
        if self._is_bare and self._late is None:
            return False
        return self.holds(chunk_id, cold=self.for_cold)

    def holds(self, chunk_id: bytes, *, cold: bool) -> bool:
        """As `in`, asked for the warm place or the cold one."""
        return any(
            is_cold(place.object.name) is cold and self._is_kept(place) for place in self._found(chunk_id)
        )

    def _is_kept(self, place: Place) -> bool:
        return place.object.name not in self._tombstoned and not self.is_condemned(place)

    def __len__(self) -> int:
        return sum(len(fragment) for fragment in self._fragments)


class _Covered(Container[str]):
    def __init__(self, index: Index) -> None:
        self._index = index

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._index.names(name)


def entries_of(number: int, directory: Directory) -> Iterator[bytes]:
    """The row of every chunk in an object that the fragment calls `number`."""
    for frame, (note, sealed_offset) in enumerate(zip(directory.frames, directory.offsets(), strict=True)):
        if note.kind == FrameKind.RECORD:
            continue
        ids = ids_of(note)
        offsets = accumulate(note.lengths, initial=0)
        here = (repeat(number), repeat(frame), repeat(sealed_offset), repeat(note.sealed_bytes))
        yield from map(add, ids, map(PLACE.pack, *here, offsets, note.lengths))


def ids_in(directory: Directory) -> Iterator[bytes]:
    """The id of every chunk in an object."""
    for note in directory.frames:
        yield from ids_of(note)


def ids_of(note: FrameNote) -> Iterator[bytes]:
    """The id of every chunk in a frame, in order."""
    return (note.ids[start : start + ID_BYTES] for start in range(0, len(note.ids), ID_BYTES))


def rows_over(objects: Iterable[tuple[ObjectRef, Directory]]) -> tuple[list[ObjectRef], list[bytes]]:
    """Those objects in order, and the rows of all chunks in them, sorted."""
    refs: list[ObjectRef] = []
    rows: list[bytes] = []
    for number, (ref, directory) in enumerate(sorted(objects, key=lambda pair: pair[0])):
        refs.append(ref)
        rows += entries_of(number, directory)
    rows.sort()
    return refs, rows


def build_fragment(objects: Iterable[tuple[ObjectRef, Directory]]) -> Fragment:
    """A fragment over those objects: the same objects give the same fragment, in whatever order."""
    refs, rows = rows_over(objects)
    return Fragment(
        refs, b"".join([row[:ID_BYTES] for row in rows]), b"".join([row[ID_BYTES:] for row in rows])
    )


def fragment_frames(fragment: Fragment) -> list[bytes]:
    """The fragment in the form of version 1: its head, then blocks of entries (ids first, then places)."""
    head = FragmentHead(FRAGMENT_VERSION, fragment.objects, len(fragment))
    frames = [msgspec.msgpack.encode(head)]
    for start in range(0, len(fragment), BLOCK_ENTRIES):
        end = start + BLOCK_ENTRIES
        ids = fragment.ids[start * ID_BYTES : end * ID_BYTES]
        frames.append(ids + fragment.places[start * PLACE.size : end * PLACE.size])
    return frames


def version_of(head: bytes) -> int | None:
    """The version of the fragment whose frame 0 that is; None when it does not say."""
    try:
        return msgspec.msgpack.decode(head, type=_Version).version
    except UNREADABLE:
        return None


def parse_fragment(frames: Iterator[bytes], *, name: str = "") -> Fragment:
    """The fragment that `fragment_frames` wrote. Raises Damaged."""
    try:
        first = next(frames)
        head = msgspec.msgpack.decode(first, type=FragmentHead)
    except (StopIteration, *UNREADABLE) as error:
        raise Damaged("an index fragment has no readable head") from error
    ids, places = [], []
    for block in frames:
        count, rest = divmod(len(block), ROW_BYTES)
        if rest:
            raise Damaged("an index fragment's block is cut off")
        ids.append(block[: count * ID_BYTES])
        places.append(block[count * ID_BYTES :])
    fragment = Fragment(head.objects, b"".join(ids), b"".join(places), name=name)
    if head.version != FRAGMENT_VERSION:
        raise Damaged(f"an index fragment of version {head.version} is not known here")
    if len(fragment) != head.entry_count:
        raise Damaged("an index fragment lacks entries")
    return fragment


def _prefixes(ids: bytes) -> bytes:
    return b"".join(ids[start : start + PREFIX_BYTES] for start in range(0, len(ids), ID_BYTES))
