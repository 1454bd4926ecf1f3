"""Walking a tree: every folder once, depth first, in name order; what is known already is passed through."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import TypeAlias

from safehold.connectors.contract import Skip
from safehold.connectors.files.facts import (
    KINDS,
    Seen,
    attributes_at,
    facts_of,
    file_item,
    is_same,
    with_attributes,
)
from safehold.connectors.files.folders import Folders
from safehold.connectors.files.kernel import Kernel
from safehold.connectors.files.known_folders import Counts, KnownFolder, KnownFolders
from safehold.connectors.files.mounts import TrustedDevices
from safehold.connectors.files.new_folders import NewFolder, left, walk_new
from safehold.connectors.files.patterns import Patterns
from safehold.connectors.files.trouble import why_not_taken
from safehold.domain.items import (
    AnyListing,
    Item,
    ItemKind,
    Listing,
    NewListing,
    PreviousTree,
    Unchanged,
    join,
)

_DEVICES = (ItemKind.CHARACTER_DEVICE, ItemKind.BLOCK_DEVICE)
_KIND_BITS = 0o170000  # what stat.S_IFMT keeps, without a call for each entry
_by_name = itemgetter(0)

Waiting: TypeAlias = tuple[bytes, KnownFolder | None]  # a folder's path, and what is known of it
Entries: TypeAlias = tuple[int, list[bytes], list[Seen]]  # errno or 0, names in order, what each is


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

    def passes(self, count: int) -> bool:
        """Is none of the next `count` due? Only then they are counted."""
        if self._left < count:
            return False
        self._left -= count
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
        kernel: Kernel | None,
    ) -> None:
        self._look_at = looking(kernel)
        compiled = kernel if patterns.keep_all else None
        self._kernel = compiled
        self._known = KnownFolders(compiled, folders.root, previous) if compiled is not None else None
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

    def listings(self) -> Iterator[AnyListing]:
        waiting = self._waiting([(b"", self._previous.root())])
        while waiting:
            path, known = waiting.pop()
            if known is None and self._is_new(path):
                yield from self._new(path)
                continue
            unchanged = self._unchanged(known) if known is not None else None
            listing = unchanged or self._listing(path, known.before if known is not None else None)
            yield listing
            waiting.extend(reversed(self._below(listing, known)))

    def _unchanged(self, folder: KnownFolder) -> Unchanged | None:
        """The directory at once, where nothing in it has changed; all below it, too, where that can be."""
        if self._known is None:
            return None
        if not folder.is_looked:
            self._known.look(folder)
        if folder.whole is not None and self._may_pass_all(folder, folder.whole):
            return Unchanged(folder.path, folder.before, [], *folder.whole, is_whole=True)
        if folder.same is not None and self._may_pass_all(folder, folder.same):
            return Unchanged(
                folder.path, folder.before, [below.before for below in folder.below], *folder.same
            )
        return None

    def _may_pass_all(self, folder: KnownFolder, counts: Counts) -> bool:
        """If so, its files are counted, for those that are due."""
        if self._one_file_system and folder.device != self._device:
            return False
        return self._trusts(folder) and self._reread.passes(counts.files)

    def _trusts(self, folder: KnownFolder) -> bool:
        known = self._trusted.known(folder.device)
        if known is not None:
            return known
        try:
            return self._trusted.trusts(folder.device, self._folders.descriptor(folder.path), b".")
        except OSError:
            return False  # told when it is listed item by item

    def _below(self, listing: Listing | Unchanged, known: KnownFolder | None) -> list[Waiting]:
        """The sub-directories that are still to be told."""
        if isinstance(listing, Unchanged):
            assert known is not None, "nothing else is unchanged"
            return [] if listing.is_whole else [(folder.path, folder) for folder in known.below]
        names = [item.name for item in listing.items if item.kind == ItemKind.DIRECTORY]
        before = self._previous.listing(listing.path) if names else {}
        return self._waiting([(join(listing.path, name), before.get(name)) for name in names], known)

    def _waiting(
        self, below: Sequence[tuple[bytes, Item | None]], above: KnownFolder | None = None
    ) -> list[Waiting]:
        """Folders that were come to, each with its item in the previous tree; `above`: what they are in."""
        found = {folder.path: folder for folder in above.below} if above is not None else {}
        new = [
            KnownFolder(path, before)
            for path, before in below
            if path not in found
            and before is not None
            and before.kind == ItemKind.DIRECTORY
            # Nothing that is mounted is compared: opening it might mount it.
            and path not in self._mount_points
        ]
        if self._known is not None:
            self._known.add(new)
        found.update((folder.path, folder) for folder in new)
        return [(path, found.get(path)) for path, _ in below]

    def _is_new(self, path: bytes) -> bool:
        """Can the compiled part walk it and all that is below it?"""
        is_known = self._kernel is None or path in self._mount_points or self._previous.listing(path)
        return not is_known

    def _new(self, path: bytes) -> Iterator[AnyListing]:
        walks = [self._walk_new(path)]  # under way, the deepest last
        while walks:
            told = next(walks[-1], None)
            if told is None:
                walks.pop()
            elif not told.is_left:
                yield self._new_listing(told)
            else:
                listing = self._listing(told.path)
                yield listing
                below = [path for path, _ in self._below(listing, None)]
                walks.append(chain.from_iterable(map(self._walk_new, below)))

    def _walk_new(self, path: bytes) -> Iterator[NewFolder]:
        if self._kernel is None or not self._is_new(path):
            yield left(path)
            return
        try:
            folder = self._folders.descriptor(path)
        except OSError:
            yield left(path)
            return
        yield from walk_new(self._kernel, folder, path, self._racy_from_ns)

    def _new_listing(self, told: NewFolder) -> NewListing:
        others: dict[int, Item | None] = {}
        position = told.kinds.find(0)
        while position >= 0:
            assert told.entries is not None, "it is not left"
            name, seen = told.names[position], told.entries.seen(position)
            others[position] = self._other_of_new(told.path, name, seen)
            position = told.kinds.find(0, position + 1)
        return NewListing(
            told.path, told.names, told.kinds, told.heads, told.sizes, others, note=told.entries
        )

    def _other_of_new(self, path: bytes, name: bytes, seen: Seen) -> Item | None:
        try:
            kind = _kind_of(seen)
            return self._item(path, self._folders.descriptor(path), name, kind, seen, None)
        except OSError as error:
            self._skip(join(path, name), why_not_taken(error))
            return None

    def _listing(self, path: bytes, before: Item | None = None) -> Listing:
        """`before`: its own item in the previous tree, where that is at hand."""
        if path in self._mount_points:
            self._skip(path, "is a mount point; what is below it is not in this backup (one_file_system)")
            return Listing(path, [])
        try:
            folder = self._folders.descriptor(path)
            error, names, seen = self._look_at(folder)
        except OSError as failure:
            folder, error, names, seen = -1, failure.errno or errno.EIO, [], []
        if error:
            why = why_not_taken(OSError(error, ""))
            self._skip(path, f"this folder {why}; what is missing is not in this backup")
        known = self._previous.listing(path, before)
        return Listing(path, self._items(path, folder, names, seen, known))

    def _items(
        self, path: bytes, folder: int, names: list[bytes], looks: list[Seen], known: Mapping[bytes, Item]
    ) -> list[Item]:
        items = []
        before = known.get
        keep_all = self._patterns.keep_all
        for name, seen in zip(names, looks, strict=True):
            try:
                kind = _kind_of(seen)
                if keep_all or self._patterns.keeps(join(path, name), is_folder=kind == ItemKind.DIRECTORY):
                    items.append(self._item(path, folder, name, kind, seen, before(name)))
            except OSError as error:
                self._skip(join(path, name), why_not_taken(error))
        return items

    def _item(
        self, path: bytes, folder: int, name: bytes, kind: ItemKind, seen: Seen, before: Item | None
    ) -> Item:
        if kind is ItemKind.FILE:
            if seen.nlink > 1:
                first = self.links.setdefault((seen.dev, seen.ino), join(path, name))
                if first != join(path, name):
                    return _hard_link(name, first, before)
            if before is not None and self._may_pass(before, kind, seen, folder):
                return file_item(name, seen, self._racy_from_ns) if self._is_reread(path, name) else before
            return file_item(name, seen, self._racy_from_ns)
        if kind is ItemKind.DIRECTORY and self._one_file_system and seen.dev != self._device:
            # Neither opened nor compared: opening the place of an automatic mount would mount it.
            self._mount_points.add(join(path, name))
            return self._other_item(folder, name, kind, seen)
        if before is not None and self._may_pass(before, kind, seen, folder):
            return before
        return self._other_item(folder, name, kind, seen)

    def _is_reread(self, path: bytes, name: bytes) -> bool:
        return self._reread.is_due() and not self._previous.is_of_this_run(path, name)

    def _may_pass(self, before: Item, kind: ItemKind, seen: Seen, folder: int) -> bool:
        # Its name is the same as before, or it would not be compared.
        return is_same(before, kind, seen) and self._trusted.trusts(seen.dev, folder, before.name)

    def _other_item(self, folder: int, name: bytes, kind: ItemKind, seen: Seen) -> Item:
        facts = facts_of(seen, self._racy_from_ns)
        if kind == ItemKind.SYMLINK:
            facts["l"] = os.readlink(name, dir_fd=folder)
        elif kind in _DEVICES:
            facts["d"] = seen.rdev
        return with_attributes(Item(name, kind, 0, facts), attributes_at(folder, name))


def _kind_of(seen: Seen) -> ItemKind:
    """Raises OSError where the look at it failed."""
    if seen.error:
        raise OSError(seen.error, os.strerror(seen.error))
    return KINDS[seen.mode & _KIND_BITS]


def looking(kernel: Kernel | None) -> Callable[[int], Entries]:
    """How folders are looked at: by the compiled part, and plainly where that is not there or has no memory
    for it: what it gives then is not all that there is."""
    if kernel is None:
        return look_at_plainly

    def look_at(folder: int) -> Entries:
        entries = kernel.list(folder)
        return look_at_plainly(folder) if entries[0] == errno.ENOMEM else entries

    return look_at


def look_at_plainly(folder: int) -> Entries:
    """The entries of an open folder, one system call at a time; see Kernel.list."""
    found: list[tuple[bytes, Seen]] = []
    error = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                found.append((os.fsencode(entry.name), _look(entry)))
    except OSError as failure:
        error = failure.errno or errno.EIO
    # ORDER: sorted before anything else, for the first path of a hard-link group is the first in order.
    found.sort(key=_by_name)
    return error, [name for name, _ in found], [seen for _, seen in found]


def _look(entry: os.DirEntry[str]) -> Seen:
    try:
        return Seen.of(entry.stat(follow_symlinks=False))
    except OSError as error:
        return Seen.failed(error)


def _hard_link(name: bytes, first: bytes, before: Item | None) -> Item:
    if before is not None and before.kind == ItemKind.HARDLINK and before.facts.get("link_to") == first:
        return before
    return Item(name, ItemKind.HARDLINK, 0, {"link_to": first})
