"""Walking a tree: every folder once, depth first, in name order; what is known already is passed through."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from operator import itemgetter

from safehold.connectors.contract import Skip
from safehold.connectors.files.facts import (
    KINDS,
    attributes_at,
    facts_of,
    file_item,
    is_same,
    with_attributes,
)
from safehold.connectors.files.folders import Folders
from safehold.connectors.files.mounts import TrustedDevices
from safehold.connectors.files.patterns import Patterns
from safehold.connectors.files.trouble import why_not_taken
from safehold.domain.items import Item, ItemKind, Listing, PreviousTree, join

_DEVICES = (ItemKind.CHARACTER_DEVICE, ItemKind.BLOCK_DEVICE)
_KIND_BITS = 0o170000  # what stat.S_IFMT keeps, without a call for each entry
_by_name = itemgetter(0)


class Gaps:
    """Tells when the next of many is due, each being due with the same small chance.

    Drawing the distance to the next one costs one random number per hit, not one per item.
    """

    def __init__(self, rate: float, draw: Callable[[], float]) -> None:
        self._rate = rate
        self._draw = draw
        self._left = self._next_gap()

    def is_due(self) -> bool:
        self._left -= 1
        if self._left >= 0:
            return False
        self._left = self._next_gap()
        return True

    def _next_gap(self) -> float:
        if self._rate <= 0:
            return math.inf
        if self._rate >= 1:
            return 0
        return math.floor(math.log(1 - self._draw()) / math.log(1 - self._rate))


class Walk:
    """One walk over a tree. `links` knows each hard-link group by its first path, for whoever reads."""

    def __init__(
        self,
        folders: Folders,
        previous: PreviousTree,
        *,
        patterns: Patterns,
        one_file_system: bool,
        trusted: TrustedDevices,
        racy_from_ns: int,
        reread: Gaps,
        skip: Skip,
    ) -> None:
        self.links: dict[tuple[int, int], bytes] = {}
        self._folders = folders
        self._previous = previous
        self._patterns = patterns
        self._device = os.fstat(folders.root).st_dev
        self._one_file_system = one_file_system
        self._trusted = trusted
        self._racy_from_ns = racy_from_ns
        self._reread = reread
        self._skip = skip
        self._mount_points: set[bytes] = set()

    def listings(self) -> Iterator[Listing]:
        waiting = [b""]
        while waiting:
            path = waiting.pop()
            listing = self._listing(path)
            yield listing
            below = [item.name for item in listing.items if item.kind == ItemKind.DIRECTORY]
            waiting.extend(join(path, name) for name in reversed(below))

    def _listing(self, path: bytes) -> Listing:
        if path in self._mount_points:
            self._skip(path, "is a mount point; what is below it is not in this backup (one_file_system)")
            return Listing(path, [])
        entries: list[tuple[bytes, os.DirEntry[str]]] = []
        folder = -1
        try:
            folder = self._folders.descriptor(path)
            with os.scandir(folder) as found:
                for entry in found:
                    entries.append((os.fsencode(entry.name), entry))
        except OSError as error:
            self._skip(path, f"this folder {why_not_taken(error)}; what is missing is not in this backup")
        # ORDER: sorted before anything else, for the first path of a hard-link group is the first in order.
        entries.sort(key=_by_name)
        return Listing(path, self._items(path, folder, entries))

    def _items(self, path: bytes, folder: int, entries: list[tuple[bytes, os.DirEntry[str]]]) -> list[Item]:
        items = []
        known = self._previous.listing(path)
        keep_all = self._patterns.keep_all
        for name, entry in entries:
            try:
                seen = entry.stat(follow_symlinks=False)
                kind = KINDS[seen.st_mode & _KIND_BITS]
                is_folder = kind == ItemKind.DIRECTORY
                if keep_all or self._patterns.keeps(join(path, name), is_folder=is_folder):
                    items.append(self._item(path, folder, name, kind, seen, known.get(name)))
            except OSError as error:
                self._skip(join(path, name), why_not_taken(error))
        return items

    def _item(
        self, path: bytes, folder: int, name: bytes, kind: ItemKind, seen: os.stat_result, before: Item | None
    ) -> Item:
        if kind == ItemKind.FILE:
            if seen.st_nlink > 1:
                first = self.links.setdefault((seen.st_dev, seen.st_ino), join(path, name))
                if first != join(path, name):
                    return _hard_link(name, first, before)
            if before is None or not self._may_pass(before, kind, seen, folder) or self._reread.is_due():
                return file_item(name, seen, self._racy_from_ns)
            return before
        if kind == ItemKind.DIRECTORY and self._one_file_system and seen.st_dev != self._device:
            # Neither opened nor compared: opening the place of an automatic mount would mount it.
            self._mount_points.add(join(path, name))
            return self._other_item(folder, name, kind, seen)
        if before is not None and self._may_pass(before, kind, seen, folder):
            return before
        return self._other_item(folder, name, kind, seen)

    def _may_pass(self, before: Item, kind: ItemKind, seen: os.stat_result, folder: int) -> bool:
        # Its name is the same as before, or it would not be compared.
        return is_same(before, kind, seen) and self._trusted.trusts(seen.st_dev, folder, before.name)

    def _other_item(self, folder: int, name: bytes, kind: ItemKind, seen: os.stat_result) -> Item:
        facts = facts_of(seen, self._racy_from_ns)
        if kind == ItemKind.SYMLINK:
            facts["l"] = os.readlink(name, dir_fd=folder)
        elif kind in _DEVICES:
            facts["d"] = seen.st_rdev
        return with_attributes(Item(name, kind, 0, facts), attributes_at(folder, name))


def _hard_link(name: bytes, first: bytes, before: Item | None) -> Item:
    if before is not None and before.kind == ItemKind.HARDLINK and before.facts.get("link_to") == first:
        return before
    return Item(name, ItemKind.HARDLINK, 0, {"link_to": first})
