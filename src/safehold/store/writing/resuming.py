"""Going on with a backup that was cut off, from its checkpoint.

The new attempt walks the source again and compares it with a tree of what the earlier one had taken in, laid
over the previous point's: what the connector says is unchanged since is not read again. Of a long item that
was being read the beginning is taken over, if the connector says the same of it; else it is read from its
start. Nothing is taken over that the vault may not have, or that cannot be read: that is read again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.domain.items import Item, ItemKind, Listing, PreviousTree
from safehold.store.backends.contract import Backend
from safehold.store.points.checkpoints import Checkpoint, CheckpointFolder, Unfinished
from safehold.store.points.points import PointStats
from safehold.store.restoring.chunks import ChunkReader
from safehold.store.sealed.keys import VaultKeys
from safehold.store.trees.contents import GetPage, Part, decode_content
from safehold.store.trees.tree_reader import PointTree
from safehold.store.writing.session import Session

# Stands where the content of a long item will be, to be compared.
# INVARIANT: no content list is of level 0, so that whoever took it for one would be told.
BEGUN = b"\0"


@dataclass(slots=True)
class Begun:
    """A long item whose beginning is stored. is_unchanged: the connector gave it out as the one it was."""

    unfinished: Unfinished
    parts: list[Part]
    placeholder: Item
    is_unchanged: bool = False


class ResumedTree(PreviousTree):
    """What an earlier attempt had taken in, laid over the previous point. Not thread-safe: one reader."""

    def __init__(
        self,
        name: str,
        checkpoint: Checkpoint,
        so_far: PointTree,
        before: PreviousTree,
        begun: Iterable[Begun],
    ) -> None:
        self.name = name
        self.checkpoint = checkpoint
        self._so_far = so_far
        self._before = before
        self._begun: dict[bytes, dict[bytes, Begun]] = defaultdict(dict)
        for one in begun:
            self._begun[one.unfinished.directory][one.placeholder.name] = one

    def root(self) -> Item | None:
        return self._so_far.root()

    def listing(self, path: bytes, directory: Item | None = None) -> Mapping[bytes, Item]:
        del directory  # of both trees together it is neither one's
        found = {**self._before.listing(path), **self._so_far.listing(path)}
        for name, one in self._begun.get(path, {}).items():
            found[name] = one.placeholder
        return found

    def is_of_this_run(self, directory: bytes, name: bytes) -> bool:
        return name in self._so_far.listing(directory) or name in self._begun.get(directory, {})

    def of_point(self, directory: bytes, name: bytes) -> Item | None:
        """The item as the previous point alone has it."""
        return self._before.listing(directory).get(name)

    def root_page(self, directory: bytes, name: bytes) -> bytes | None:
        """Of the tree of what was taken in of that sub-directory; None when nothing was."""
        item = self._so_far.listing(directory).get(name)
        return item.content if item is not None and item.kind == ItemKind.DIRECTORY else None

    def opened(self, listing: Listing) -> Listing:
        """The listing, where a begun item that is unchanged is one that is to be read."""
        begun = self._begun.get(listing.path)
        if not begun:
            return listing
        return Listing(listing.path, [self._opened(begun, item) for item in listing.items])

    def _opened(self, begun: Mapping[bytes, Begun], item: Item) -> Item:
        if item.content != BEGUN:
            return item
        begun[item.name].is_unchanged = True
        return Item(item.name, item.kind, item.size_bytes, item.facts, None)

    def take_begun(self, directory: bytes, as_read: Item) -> Begun | None:
        """How the reading of that item goes on; None when it begins anew. Once for each item."""
        one = self._begun.get(directory, {}).pop(as_read.name, None)
        if one is None or not one.is_unchanged:
            return None
        before = one.unfinished.item
        is_same = (before.kind, before.size_bytes, before.facts) == (
            as_read.kind,
            as_read.size_bytes,
            as_read.facts,
        )
        return one if is_same else None

    def still_begun(self) -> list[Unfinished]:
        """Those that were not come to yet."""
        return [one.unfinished for begun in self._begun.values() for one in begun.values()]


class Opened(Protocol):
    """What of a VaultStore is needed here."""

    backend: Backend
    keys: VaultKeys
    vault_id: bytes

    def chunks(self) -> ChunkReader: ...


def resume(store: Opened, session: Session, name: str, before: PreviousTree) -> ResumedTree | None:
    """The tree to compare the source with, from the checkpoint of that name; None when it cannot be used.

    before  the tree of the previous point
    From now on `session` looks up all that it takes over, unless all of it is there for certain.
    """
    # ORDER: read when the session's intent is there: what the vault has now, it has until that ends.
    folder = CheckpointFolder(store.backend, store.keys, store.vault_id)
    try:
        found = folder.get(name)
    except (Damaged, KeyMismatch, ObjectMissing):
        return None
    # Collection may have announced something of this since; or its locks may be shorter than the point's.
    if session.announcement.listed.epoch > found.epoch or session.is_locked:
        session.has_gaps = True
    get_page = store.chunks().read
    begun = [_begun(session, unfinished, get_page) for unfinished in found.unfinished]
    so_far = PointTree(found.root, get_page, is_tolerant=True)
    _count_what_was_done(session.stats, found.stats)
    return ResumedTree(name, found, so_far, before, [one for one in begun if one is not None])


def _begun(session: Session, unfinished: Unfinished, get_page: GetPage) -> Begun | None:
    item = unfinished.item
    stored = Item(item.name, item.kind, unfinished.done_bytes, item.facts, item.content)
    if session.has_gaps and not session.holds(stored, get_page):
        return None
    try:
        parts = list(decode_content(item.content or b"", unfinished.done_bytes, get_page))
    except (Damaged, ObjectMissing):
        return None
    if sum(part.length for part in parts) != unfinished.done_bytes:
        return None
    return Begun(unfinished, parts, Item(item.name, item.kind, item.size_bytes, item.facts, BEGUN))


def _count_what_was_done(stats: PointStats, before: PointStats) -> None:
    """The point's statistics are those of all attempts; what is walked again is counted again."""
    for name in ("read_items", "read_bytes", "new_bytes", "new_chunks", "stored_bytes", "surprises"):
        setattr(stats, name, getattr(stats, name) + getattr(before, name))
