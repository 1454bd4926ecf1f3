"""A recovery point's item tree, read page by page; never touches data packs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

from safehold.core.errors import Damaged, ObjectMissing
from safehold.domain.items import Item, ItemKind, Listing, PreviousTree, join
from safehold.store.trees.contents import GetPage
from safehold.store.trees.trees import encoded_directory, find_item, read_directory

KEPT_LISTINGS = 256
KEPT_ITEMS = 65_536  # in all of them together, but for one directory and those above it


class PointTree(PreviousTree):
    """The items of one point. Not thread-safe: one reader each."""

    def __init__(self, root: Item, get_page: GetPage, *, is_tolerant: bool = False) -> None:
        """`is_tolerant`: a directory that cannot be read is empty to `listing`."""
        self._root = root
        self._get_page = get_page
        self._is_tolerant = is_tolerant
        self._kept: OrderedDict[bytes, Mapping[bytes, Item]] = OrderedDict()
        self.kept_items = 0

    def root(self) -> Item:
        return self._root

    def listing(self, path: bytes, directory: Item | None = None) -> Mapping[bytes, Item]:
        """Items of that directory by name; empty when it is none. Raises Damaged, ObjectMissing."""
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path]
        directory = directory or self.directory(path)
        content = directory.content if directory is not None else None
        try:
            found = {item.name: item for item in read_directory(content or b"", self._get_page)}
        except (Damaged, ObjectMissing):
            if not self._is_tolerant:
                raise
            found = {}
        self._keep(path, found)
        return found

    def _keep(self, path: bytes, found: Mapping[bytes, Item]) -> None:
        self._kept[path] = found
        self.kept_items += len(found)
        if len(self._kept) <= KEPT_LISTINGS and self.kept_items <= KEPT_ITEMS:
            return
        for other in list(self._kept):
            # Those above are asked for again and again while their sub-directories are walked.
            if not _is_within(path, other):
                self.kept_items -= len(self._kept.pop(other))
                if len(self._kept) <= KEPT_LISTINGS and self.kept_items <= KEPT_ITEMS:
                    return

    def encoded(self, path: bytes, directory: Item) -> bytes | None:
        """See PreviousTree. Raises Damaged, ObjectMissing."""
        del path
        try:
            return encoded_directory(directory.content or b"", self._get_page)
        except (Damaged, ObjectMissing):
            if not self._is_tolerant:
                raise
            return None

    def directory(self, path: bytes) -> Item | None:
        """The directory's own item, or None."""
        if not path:
            return self._root
        parent, _, name = path.rpartition(b"/")
        item = self.listing(parent).get(name)
        return item if item is not None and item.kind == ItemKind.DIRECTORY else None

    def find(self, path: bytes) -> Item | None:
        """One item by path, reading only the pages on the way."""
        item: Item | None = self._root
        for name in path.split(b"/") if path else ():
            if item is None or item.kind != ItemKind.DIRECTORY:
                return None
            item = find_item(item.content or b"", name, self._get_page)
        return item

    def below(
        self, path: bytes, *, unreadable: Callable[[bytes, Exception], None]
    ) -> Iterator[tuple[bytes, Item]]:
        """Every item from the directory `path` down, by path, in capture order, page by page.

        A directory of which a page cannot be read is told to `unreadable`; what came before that page counts.
        """
        start = self.find(path)
        pending = [(path, start)] if start is not None and start.kind == ItemKind.DIRECTORY else []
        while pending:
            here, directory = pending.pop()
            folders = []
            try:
                for item in read_directory(directory.content or b"", self._get_page):
                    if item.kind == ItemKind.DIRECTORY:
                        folders.append((join(here, item.name), item))
                    yield join(here, item.name), item
            except (Damaged, ObjectMissing) as error:
                unreadable(here, error)
            pending.extend(reversed(folders))

    def walk(
        self, path: bytes = b"", *, unreadable: Callable[[bytes, Exception], None] | None = None
    ) -> Iterator[Listing]:
        """Every directory from `path` down, in capture order.

        With `unreadable`, a directory that cannot be read is told to it and passed over; else it raises.
        """
        start = self.find(path)
        if start is not None and start.kind == ItemKind.DIRECTORY:
            yield from self._walk(path, start, unreadable)

    def _walk(
        self, path: bytes, directory: Item, unreadable: Callable[[bytes, Exception], None] | None
    ) -> Iterator[Listing]:
        # A stack of our own: a tree may be deeper than Python's recursion goes.
        pending = [(path, directory)]
        while pending:
            here, item = pending.pop()
            try:
                items = list(read_directory(item.content or b"", self._get_page))
            except (Damaged, ObjectMissing) as error:
                if unreadable is None:
                    raise
                unreadable(here, error)
                continue
            yield Listing(here, items)
            below = [(join(here, sub.name), sub) for sub in items if sub.kind == ItemKind.DIRECTORY]
            pending.extend(reversed(below))


def _is_within(path: bytes, directory: bytes) -> bool:
    return not directory or path == directory or path.startswith(directory + b"/")
