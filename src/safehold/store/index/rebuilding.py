"""Finding chunks although the index is incomplete: a lost or damaged fragment costs time, not data.

Readers alone look here. A writer must not rely on an object that no fragment names: whoever is writing
it may yet give up and take it back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.store.backends.contract import Backend
from safehold.store.fragments.places import ObjectRef, Place
from safehold.store.index.index import Index
from safehold.store.index.labels import cold_directories
from safehold.store.index.neighbours import Neighbours
from safehold.store.names import ObjectType
from safehold.store.sealed.objects import Directory, SealedObject
from safehold.store.sealed.sealing import HEADER_BYTES

CHUNK_FOLDERS = (ObjectType.TREE, ObjectType.PACK, ObjectType.POINT)


class CompleteIndex:
    """The index, and behind it the directories of all objects that it does not cover. Thread-safe.

    Those are read once, when a chunk is asked for that the index does not know.
    """

    def __init__(
        self,
        index: Index,
        backend: Backend,
        open_object: Callable[[str], SealedObject],
        gather: Callable[[Iterable[tuple[ObjectRef, Directory]]], Index],
    ) -> None:
        """gather: makes an index over objects, whatever their number."""
        self._gather = gather
        self._index = index
        self._backend = backend
        self._open_object = open_object
        self._neighbours = Neighbours(open_object)
        self._rest: Index | None = None
        self._known_lost = 0  # fragments that had been given up when the rest was read
        self._lock = threading.Lock()

    def condemn(self, place: Place) -> None:
        """See Index.condemn."""
        self._index.condemn(place)

    def places(self, identity: bytes) -> list[Place]:
        """Where the chunk lies: everywhere, or one place that is known without asking the index.

        Whoever finds that place wanting condemns it and asks again. Raises StoreUnavailable, Damaged.
        """
        near = self._neighbours.find(identity)
        if near is not None and self._index.is_trusted(near):
            return [near]
        found = list(self._index.places(identity))
        if found and not self._index.is_condemned(found[0]):
            self._neighbours.note(found[0])
            return found
        return [*self._uncovered().places(identity), *found]  # those that were found are condemned

    def all_places(self, identity: bytes) -> list[Place]:
        """As `places`, of the index alone: everywhere that it knows of."""
        return list(self._index.places(identity))

    def _uncovered(self) -> Index:
        with self._lock:
            lost = len(self._index.unreadable)
            if self._rest is None or lost > self._known_lost:
                self._known_lost = lost
                self._rest = self._gather(self._uncovered_directories())
            return self._rest

    def _uncovered_directories(self) -> Iterator[tuple[ObjectRef, Directory]]:
        for opened in self._open_uncovered():
            yield ObjectRef(opened.name, opened.seal.header), opened.directory
        names = (info.name for info in self._backend.list(ObjectType.COLD.folder))
        for ref, directory in cold_directories(names, self._open_object):
            if not self._is_covered(ref.name):
                yield ref, directory

    def _open_uncovered(self) -> Iterator[SealedObject]:
        for kind in CHUNK_FOLDERS:
            for info in self._backend.list(kind.folder):
                try:
                    if not self._is_covered(info.name):
                        yield self._open_object(info.name)
                except (Damaged, KeyMismatch, ObjectMissing):
                    continue  # verify tells of it; what lies elsewhere is still to be found

    def _is_covered(self, name: str) -> bool:
        if name not in self._index.covered:
            return False
        if not name.startswith(ObjectType.POINT.folder):
            return True  # named at random, so there is only one of that name
        # RACE: two attempts at one point. The one that lost may have said what the record holds.
        return self._index.covers(ObjectRef(name, self._backend.get(name, length=HEADER_BYTES)))
