"""Which objects of the vault a point needs for being restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from safehold.core.errors import Damaged, ObjectMissing
from safehold.domain.items import CONTENT_KINDS, ItemKind
from safehold.store.backends.tiers import is_cold, label_of
from safehold.store.points.points import PointRecord
from safehold.store.restoring.chunks import ChunkReader
from safehold.store.sealed.chunking import ZERO_ID
from safehold.store.trees.contents import decode_content
from safehold.store.trees.trees import read_directory


def objects_used(record: PointRecord, chunks: ChunkReader, *, cold: bool = False) -> set[str]:
    """Names of the packs, trees and combined points that hold the point's pages and chunks: of each chunk the
    place that a reader tries first. Reads the point's whole tree, no data.

    cold  of data the place in cold storage counts, where it has one, and the object's label with it

    What cannot be read or found is left out: no backup builds on it. Raises StoreUnavailable.
    """
    use = _Use(chunks, cold)
    pending, seen = [record.root.content or b""], set[bytes]()
    while pending:
        root_id = pending.pop()
        if root_id not in seen:
            seen.add(root_id)
            pending.extend(use.look_through(root_id))
    return use.names


class _Use:
    def __init__(self, chunks: ChunkReader, cold: bool) -> None:
        self.names: set[str] = set()
        self._cold = cold
        self._chunks = chunks

    def look_through(self, root_id: bytes) -> Iterator[bytes]:
        """Note what a directory and its files need; yields the directories in it."""
        with suppress(Damaged, ObjectMissing):
            for item in read_directory(root_id, self._page):
                if item.kind == ItemKind.DIRECTORY:
                    yield item.content or b""
                elif item.kind in CONTENT_KINDS:
                    self._look_at(item.content or b"", item.size_bytes)

    def _look_at(self, content: bytes, size_bytes: int) -> None:
        with suppress(Damaged, ObjectMissing):
            for part in decode_content(content, size_bytes, self._page):
                if part.id != ZERO_ID:
                    self._note_cold(part.id) if self._cold else self._note(part.id)

    def _page(self, identity: bytes) -> bytes:
        self._note(identity)
        return self._chunks.read(identity)

    def _note(self, identity: bytes) -> None:
        for place in self._chunks.places(identity)[:1]:
            self.names.add(place.object.name)

    def _note_cold(self, identity: bytes) -> None:
        places = self._chunks.all_places(identity)
        found = [place.object.name for place in places if is_cold(place.object.name)]
        if found:
            self.names |= {found[0], label_of(found[0])}
        else:
            self._note(identity)
