"""What a restore needs of an archive: found without reading it, asked for at once, and waited for.

Asking costs money and hours, so it is for just the objects that the restore will read. Asked again, by an
attempt that goes on after a crash, an object that is on its way stays on its way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from safehold.core.errors import Damaged, ObjectMissing
from safehold.domain.items import CONTENT_KINDS, Item, ItemKind
from safehold.store.backends.contract import ArchivingBackend, Availability, Reading, archiving
from safehold.store.backends.tiers import is_cold
from safehold.store.points.points import PointRecord
from safehold.store.sealed.chunking import ZERO_ID
from safehold.store.trees.contents import decode_content
from safehold.store.trees.tree_reader import PointTree
from safehold.store.vault_store import VaultStore
from safehold.store.writers.tombstones import Tombstones

SAMPLE = 16  # names are random, and so are the first of them
THREADS = 8  # requests at once: each waits for the store


@dataclass(frozen=True, slots=True)
class Waiting:
    """total: objects that must be asked for; readable: those of them that can be read now."""

    total: int
    readable: int

    @property
    def is_over(self) -> bool:
        return self.readable >= self.total


class Retrieval:
    """Of one restore. Call `look` until it says that it is over; then read: copies stay for some days."""

    def __init__(self, store: VaultStore, record: PointRecord, paths: Sequence[bytes] = ()) -> None:
        """Reads the point's tree and the index. Raises StoreUnavailable."""
        archive = archiving(store.backend) if store.is_cold(record.point_id) else None
        self._archive = archive if archive is not None and archive.reading is Reading.ASKED else None
        needed = _needed(store, record, paths) if self._archive is not None else set[str]()
        self._pending = deque(sorted(needed))
        self.total = len(needed)

    def look(self) -> Waiting:
        """Ask for what nobody has asked for; how much can be read now. Raises StoreUnavailable."""
        if self._archive is not None:
            with ThreadPoolExecutor(THREADS, thread_name_prefix="retrieve") as threads:
                states = list(threads.map(self._look_at, self._pending))
            self._pending = deque(
                name for name, is_there in zip(self._pending, states, strict=True) if not is_there
            )
        return Waiting(self.total, self.total - len(self._pending))

    def some_pending(self) -> list[str]:
        """A few of those that could not be read at the last look: see `all_readable`."""
        return list(islice(self._pending, SAMPLE))

    def _look_at(self, name: str) -> bool:
        assert self._archive is not None
        return is_readable_or_asked(self._archive, name)


def all_readable(store: VaultStore, names: Sequence[str]) -> bool:
    """Can all of these be read? What was asked for at once comes about at once: while a few of them cannot,
    another look at everything is not worth it. Raises StoreUnavailable."""
    archive = archiving(store.backend)
    return archive is None or all(is_readable_or_asked(archive, name) for name in names)


def is_readable_or_asked(archive: ArchivingBackend, name: str) -> bool:
    """Can it be read? If not, it is on its way. One that is gone need not be waited for: reading tells."""
    try:
        state = archive.availability(name)
        if state is Availability.ARCHIVED:
            archive.retrieve(name)
    except ObjectMissing:
        return True
    return state is Availability.READABLE


def _needed(store: VaultStore, record: PointRecord, paths: Sequence[bytes]) -> set[str]:
    """Objects of cold storage that a restore of those paths, or of everything, will read."""
    index = store.index()
    # What is warm and about to go may be gone before it is read.
    stones = Tombstones(store.backend, store.keys, store.vault_id)
    index.note_tombstoned(name for stone in stones.open_ones(stones.listed()) for name in stone.names)
    chunks, found = store.chunks(), set[str]()
    for item in _files(store.tree(record), paths):
        with suppress(Damaged, ObjectMissing):  # told by the restore itself
            for part in decode_content(item.content or b"", item.size_bytes, chunks.read):
                places = chunks.all_places(part.id)[:1] if part.id != ZERO_ID else ()
                found.update(place.object.name for place in places if is_cold(place.object.name))
    return found


def _files(tree: PointTree, paths: Sequence[bytes]) -> Iterator[Item]:
    for path in paths or (b"",):
        with suppress(Damaged, ObjectMissing):
            start = tree.find(path)
            below = tree.below(path, unreadable=lambda path, error: None)
            for item in [start] if start is not None else []:
                yield from _with_bytes(tree, item)
            for _, item in below:
                yield from _with_bytes(tree, item)


def _with_bytes(tree: PointTree, item: Item) -> Iterator[Item]:
    """The item, if it has bytes; for a hard link the file that has them: it may be restored in its place."""
    first = item.facts.get("link_to")
    if item.kind in CONTENT_KINDS:
        yield item
    elif item.kind == ItemKind.HARDLINK and isinstance(first, bytes):
        with suppress(Damaged, ObjectMissing):
            file = tree.find(first)
            if file is not None and file.kind in CONTENT_KINDS:
                yield file
