"""Places of chunks that lie beside chunks found before: told by their object's directory, not one by one.

What is read together was mostly written together. Once several chunks of an object were asked for, the rest
of each frame that is touched is learnt from the directory at once; the index then answers once a frame.
"""

from __future__ import annotations

import threading
from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable
from itertools import accumulate

from safehold.core.errors import StoreError
from safehold.store.fragments.places import ObjectRef, Place
from safehold.store.sealed.chunking import ID_BYTES
from safehold.store.sealed.objects import SealedObject

ASKED_FOR = 16  # chunks of one object, before its directory is read: whoever wants one chunk reads no more
KEPT_FRAMES = 16  # of up to 4096 chunks, some 150 bytes each
KEPT_OBJECTS = 8


class Neighbours:
    """Thread-safe. A place is where a chunk was when its object was written: readers check what they find."""

    def __init__(self, open_object: Callable[[str], SealedObject]) -> None:
        self._open_object = open_object
        self._asked: Counter[str] = Counter()
        self._objects: OrderedDict[str, SealedObject | None] = OrderedDict()
        self._frames: list[_Frame] = []  # the one that answered last comes first
        self._lock = threading.Lock()

    def find(self, identity: bytes) -> Place | None:
        """Where the chunk lies, if that is known without asking the index."""
        with self._lock:
            for position, frame in enumerate(self._frames):
                number = frame.numbers.get(identity)  # without a call: most of them do not have it
                if number is not None:
                    self._frames.insert(0, self._frames.pop(position))
                    return frame.place(number)
            return None

    def note(self, place: Place) -> None:
        """The index told of this place."""
        name = place.object.name
        with self._lock:
            self._asked[name] += 1
            if self._asked[name] < ASKED_FOR:
                return
            opened = self._object(name)
            if opened is not None and opened.seal.header == place.object.header:
                self._learn(opened, place)

    def _object(self, name: str) -> SealedObject | None:
        if name not in self._objects:
            try:
                self._objects[name] = self._open_object(name)
            except StoreError:
                self._objects[name] = None  # the index goes on answering; who reads it says what is wrong
            if len(self._objects) > KEPT_OBJECTS:
                self._objects.popitem(last=False)
        self._objects.move_to_end(name)
        return self._objects[name]

    def _learn(self, opened: SealedObject, place: Place) -> None:
        if place.frame < len(opened.directory.frames):
            self._frames.insert(0, _Frame(opened, place.object, place.frame))
            del self._frames[KEPT_FRAMES:]


class _Frame:
    """The places of one frame's chunks, by their ids."""

    def __init__(self, opened: SealedObject, ref: ObjectRef, number: int) -> None:
        note = opened.directory.frames[number]
        self._ref = ref
        self._number = number
        self._sealed = opened.offsets[number], note.sealed_bytes
        self._lengths = note.lengths
        self._offsets = array("I", accumulate(note.lengths, initial=0))
        starts = range(0, len(note.ids), ID_BYTES)
        self.numbers = {note.ids[start : start + ID_BYTES]: n for n, start in enumerate(starts)}

    def place(self, n: int) -> Place:
        return Place(self._ref, self._number, *self._sealed, self._offsets[n], self._lengths[n])
