"""Pages of item trees and content lists by id, from the directories of the objects that hold pages.

The index is not needed for it, and so not read: of ten million chunks some hundred thousand are pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.store.fragments.places import ObjectRef, Place
from safehold.store.restoring.chunks import FrameReader
from safehold.store.sealed.chunking import ID_BYTES, chunk_id
from safehold.store.sealed.objects import Directory, FrameKind, SealedObject


class PageReader:
    """Finds and reads pages. Not thread-safe."""

    def __init__(self, frames: FrameReader, chunk_id_key: bytes) -> None:
        self._frames = frames
        self._key = chunk_id_key
        self._places: dict[bytes, list[Place]] = {}
        self.damaged: set[str] = set()  # names of objects that did not give back what they should

    def know(self, names: Iterable[str], open_object: Callable[[str], SealedObject]) -> None:
        """Learn what those objects hold. One that cannot be opened is passed over: if a page is missed for
        it, the mark says so."""
        for name in names:
            try:
                opened = open_object(name)
            except (Damaged, KeyMismatch, ObjectMissing):
                continue
            ref = ObjectRef(name, opened.seal.header)
            for page_id, place in _pages(ref, opened.directory):
                self._places.setdefault(page_id, []).append(place)

    def read(self, page_id: bytes) -> bytes:
        """The page, proved to be the one of that id. Raises ObjectMissing, Damaged."""
        error: Exception = ObjectMissing(f"page {page_id.hex()} is in no object of the vault")
        for place in self._places.get(page_id, ()):
            try:
                frame = self._frames.frame(place)
            except (Damaged, ObjectMissing) as failed:
                error = failed
                self.damaged.add(place.object.name)
                continue
            page = bytes(frame[place.offset : place.offset + place.length])
            if chunk_id(self._key, page) == page_id:
                return page
            self.damaged.add(place.object.name)
            error = Damaged(f"{place.object.name}: frame {place.frame} holds other bytes than it says")
        raise error


def _pages(ref: ObjectRef, directory: Directory) -> Iterator[tuple[bytes, Place]]:
    for number, (note, sealed_offset) in enumerate(zip(directory.frames, directory.offsets(), strict=True)):
        if note.kind != FrameKind.PAGES:
            continue
        offset = 0
        for position, length in enumerate(note.lengths):
            page_id = note.ids[position * ID_BYTES : (position + 1) * ID_BYTES]
            yield page_id, Place(ref, number, sealed_offset, note.sealed_bytes, offset, length)
            offset += length
