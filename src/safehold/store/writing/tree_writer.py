"""The directories' trees of a new point, built as its listings pass by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import is_
from typing import TypeAlias

from safehold.domain.items import (
    CONTENT_KINDS,
    Item,
    ItemKind,
    Listing,
    NewListing,
    PreviousTree,
    Unchanged,
    encode_item,
    with_content,
)
from safehold.store.trees.contents import GetPage
from safehold.store.trees.trees import PageCutter, read_directory, write_directory, write_encoded
from safehold.store.writing.resuming import ResumedTree
from safehold.store.writing.session import Session

Known: TypeAlias = Mapping[bytes, Item]  # what the previous point held in a directory, by name


@dataclass(slots=True)
class OpenDirectory:
    """A directory whose tree is not finished: `items` are settled one by one; None is one that vanished."""

    path: bytes
    items: list[Item | None]
    known: Known
    roots: dict[bytes, bytes] = field(default_factory=dict)  # finished sub-directories: name -> root page


@dataclass(slots=True)
class OpenNew:
    """A directory that is new, of which `encoded` has what is settled."""

    path: bytes
    listing: NewListing
    encoded: list[bytes | None]
    roots: dict[bytes, bytes] = field(default_factory=dict)

    def settle(self, position: int, item: Item | None) -> None:
        self.encoded[position] = None if item is None else encode_item(item)


@dataclass(slots=True)
class _OpenUnchanged:
    """A directory that is the one of the previous point, unless something below it is not."""

    path: bytes
    listing: Unchanged
    known: Known  # of what is in it, the directories
    roots: dict[bytes, bytes] = field(default_factory=dict)


_Open: TypeAlias = OpenDirectory | OpenNew | _OpenUnchanged


class TreeWriter:
    """Takes the directories of a capture in depth-first order."""

    def __init__(
        self, session: Session, previous: PreviousTree, cutter: PageCutter, get_page: GetPage
    ) -> None:
        self._session = session
        self._previous = previous
        self._cutter = cutter
        self._get_page = get_page
        self._stack: list[_Open] = []
        self._root_page = b""
        self._resumed = previous if isinstance(previous, ResumedTree) else None

    def enter(self, listing: Listing, known: Known) -> OpenDirectory:
        self._close_beside(listing.path)
        opened = OpenDirectory(listing.path, list(listing.items), known)
        self._stack.append(opened)
        return opened

    def enter_new(self, listing: NewListing) -> OpenNew:
        self._close_beside(listing.path)
        opened = OpenNew(listing.path, listing, [None] * len(listing.names))
        self._stack.append(opened)
        return opened

    def pass_over(self, listing: Unchanged) -> None:
        self._close_beside(listing.path)
        known = {item.name: item for item in listing.folders}
        self._stack.append(_OpenUnchanged(listing.path, listing, known))

    @property
    def current(self) -> OpenDirectory:
        """The one entered last."""
        opened = self._stack[-1]
        assert isinstance(opened, OpenDirectory), "there are no items to settle in it"
        return opened

    @property
    def current_new(self) -> OpenNew:
        opened = self._stack[-1]
        assert isinstance(opened, OpenNew), "it is not new"
        return opened

    def finish(self) -> bytes:
        """Close what is open; returns the root directory's first page."""
        while self._stack:
            self._close()
        return self._root_page

    def so_far(self) -> bytes:
        """The first page of a tree of what is settled, and of what an earlier attempt settled of directories
        that were not come to; all stays open. Of a directory that grows, it writes the last pages anew."""
        root_page, below = b"", None
        for opened in reversed(self._stack):
            roots = opened.roots if below is None else {**opened.roots, below: root_page}
            if isinstance(opened, OpenNew):
                names, encoded = _entries_of(opened, partial(self._root_so_far, opened.path, roots=roots))
                root_page = write_encoded(names, encoded, self._cutter, self._session.put_page)
            else:
                items = list(self._settled_so_far(opened, roots))
                root_page = write_directory(items, self._cutter, self._session.put_page)
            below = opened.path.rpartition(b"/")[2]
        return root_page

    def _settled_so_far(
        self, opened: OpenDirectory | _OpenUnchanged, roots: Mapping[bytes, bytes]
    ) -> Iterator[Item]:
        """Of an unchanged directory the folders alone: the previous point has the rest."""
        items = opened.listing.folders if isinstance(opened, _OpenUnchanged) else opened.items
        for item in items:
            if item is None:
                continue
            if item.kind == ItemKind.DIRECTORY:
                root_page = self._root_so_far(opened.path, item.name, roots)
                if root_page is not None:
                    yield _of_root(item, root_page)
            elif item.content is not None or item.kind not in CONTENT_KINDS:
                yield item

    def _root_so_far(self, path: bytes, name: bytes, roots: Mapping[bytes, bytes]) -> bytes | None:
        root_page = roots.get(name)
        if root_page is None and self._resumed is not None:
            return self._resumed.root_page(path, name)
        return root_page

    def _close_beside(self, path: bytes) -> None:
        while self._stack and not _is_below(path, self._stack[-1].path):
            self._close()

    def _close(self) -> None:
        done = self._stack.pop()
        if isinstance(done, OpenNew):
            root_page = self._settled_new(done)
        else:
            root_page = self._passed_over(done) if isinstance(done, _OpenUnchanged) else self._settled(done)
        if not done.path:
            self._root_page = root_page
            return
        name = done.path.rpartition(b"/")[2]
        self._stack[-1].roots[name] = root_page

    def _passed_over(self, done: _OpenUnchanged) -> bytes:
        listing = done.listing
        self._session.stats.items += listing.items
        before = listing.before.content or b""
        if all(done.roots.get(item.name, b"") == item.content for item in listing.folders):
            return before
        items = [_with_root(item, done.roots) for item in read_directory(before, self._get_page)]
        return write_directory(items, self._cutter, self._session.put_page)

    def _settled_new(self, done: OpenNew) -> bytes:
        # A folder that could not be listed is kept, empty.
        names, encoded = _entries_of(done, lambda name: done.roots.get(name, b""))
        self._session.stats.items += len(names)
        return write_encoded(names, encoded, self._cutter, self._session.put_page)

    def _settled(self, done: OpenDirectory) -> bytes:
        items = [_with_root(item, done.roots) for item in done.items if item is not None]
        self._session.stats.items += len(items)
        root_page = self._unchanged_root(done, items)
        if root_page is None:
            root_page = write_directory(items, self._cutter, self._session.put_page)
        return root_page

    def _unchanged_root(self, done: OpenDirectory, items: Sequence[Item]) -> bytes | None:
        """The previous tree's root page of this directory, when every item is the very one it held."""
        if self._session.has_gaps:
            return None  # its pages may be among what is gone or about to go
        if self._resumed is not None:
            return None  # neither of the two trees that are laid over one another has all that is here
        before = done.known.values()  # in the order of names, too
        if len(before) != len(items) or not items or not all(map(is_, before, items)):
            return None
        directory = self._previous_directory(done.path)
        return None if directory is None else directory.content

    def _previous_directory(self, path: bytes) -> Item | None:
        if not path:
            return self._previous.root()
        # Its parent is the directory that is open around it.
        around = self._stack[-1]
        return None if isinstance(around, OpenNew) else around.known.get(path.rpartition(b"/")[2])


def _entries_of(
    opened: OpenNew, root_page: Callable[[bytes], bytes | None]
) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Names and encoded items of what is settled; `root_page`: of a folder's tree, None to leave it out."""
    listing, encoded = opened.listing, opened.encoded
    position = listing.kinds.find(ItemKind.DIRECTORY)
    while position >= 0:
        page_id = root_page(listing.names[position])
        encoded[position] = None if page_id is None else with_content(listing.heads[position], page_id)
        position = listing.kinds.find(ItemKind.DIRECTORY, position + 1)
    for position, item in listing.others.items():
        if item is not None and item.kind == ItemKind.DIRECTORY:
            page_id = root_page(item.name)
            opened.settle(position, None if page_id is None else _of_root(item, page_id))
    settled = [entry for entry in encoded if entry is not None]
    if len(settled) == len(encoded):
        return listing.names, settled
    return [name for name, entry in zip(listing.names, encoded, strict=True) if entry is not None], settled


def _with_root(item: Item, roots: Mapping[bytes, bytes]) -> Item:
    """The item; a directory with its new tree."""
    if item.kind != ItemKind.DIRECTORY:
        return item
    root_page = roots.get(item.name, b"")  # one that could not be listed is kept, empty
    return item if item.content == root_page else _of_root(item, root_page)


def _of_root(item: Item, root_page: bytes) -> Item:
    return Item(item.name, item.kind, item.size_bytes, item.facts, root_page)


def _is_below(path: bytes, directory: bytes) -> bool:
    return not directory or path.startswith(directory + b"/")
