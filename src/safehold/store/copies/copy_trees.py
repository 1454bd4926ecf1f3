"""A point's item tree made anew in another vault: its chunks and pages under that vault's names.

Where an earlier point of the source was copied before, its copy is taken and changed where the two source
points differ: pages that both of these have are not read, folders that did not change are taken over whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from safehold.core.errors import Damaged
from safehold.domain.items import CONTENT_KINDS, Item, ItemKind, Listing, PreviousTree, join
from safehold.store.copies.rekeying import LOST, WINDOW_PIECES, Advance, Lost, Rekeying
from safehold.store.sealed.chunking import ID_BYTES, ZERO_ID
from safehold.store.trees.contents import GetPage, Part, decode_content, encode_content
from safehold.store.trees.diff import changed_items, renamed_folders
from safehold.store.trees.tree_reader import PointTree
from safehold.store.trees.trees import PageCutter, read_directory
from safehold.store.writing.session import Session
from safehold.store.writing.tree_writer import TreeWriter

WINDOW_BYTES = 256 << 20
NAMED_BYTES = 1 << 30  # so much was moved, and a fragment names it: whoever goes on later finds it there
WINDOW_ITEMS = 65_536


class Pair(NamedTuple):
    """An item, mostly a folder, of the source point that was copied before, and the same in its copy."""

    old: Item
    copy: Item


class _Entry(NamedTuple):
    """item: as it is in the point being copied; pair: what was copied before under that name.

    is_taken  `item` is the previous copy's own, and nothing about it has changed
    """

    item: Item
    pair: Pair | None = None
    is_taken: bool = False


@dataclass(slots=True)
class _File:
    """A file whose content is being named anew. `waiting` are parts of the source, `parts` of the target."""

    item: Item
    parts: list[Part] = field(default_factory=list)
    waiting: list[Part] = field(default_factory=list)


class _Folder(NamedTuple):
    """roots: of sub-folders that are taken over whole, by name"""

    path: bytes
    items: list[Item | _File]
    roots: dict[bytes, bytes]


class _ToDo(NamedTuple):
    path: bytes
    item: Item
    pair: Pair | None


class _Stopped(Exception):
    """Something is lost: what comes after it need not be copied."""


class TreeCopy:
    """One run. Memory: the items of one window, and of the folders above it."""

    def __init__(
        self,
        session: Session,
        rekeying: Rekeying,
        *,
        source_page: GetPage,
        target_page: GetPage,
        page_key: bytes,
        advance: Advance,
        named_bytes: int = NAMED_BYTES,
    ) -> None:
        """named_bytes: so many are moved before a fragment names them"""
        self.lost: list[Lost] = rekeying.lost
        self._session = session
        self._rekeying = rekeying
        self._source_page = source_page
        self._target_page = target_page
        self._advance = advance
        self._trees = TreeWriter(session, PreviousTree(), PageCutter(page_key), target_page)
        self._renamed: Mapping[bytes, bytes] = {}  # root page in the source -> in the target
        self._folders: list[_Folder] = []
        self._files: list[_File] = []  # with parts that wait
        self._window_pieces = self._window_bytes = self._window_items = 0
        self._named_bytes = named_bytes
        self._unnamed_bytes = 0

    def run(self, root: Item, pair: Pair | None) -> Item | None:
        """The root item as it is in the target; None when something was lost on the way, which is in `lost`.

        Raises StoreError, and what `advance` raises.
        """
        if pair is not None and self._is_same(root, pair):
            return _with(root, pair.copy.content)
        if pair is not None and not self._session.has_gaps:
            self._renamed = self._renamed_folders(root, pair)
        pending = [_ToDo(b"", root, pair)]
        try:
            while pending:
                below = self._copy_folder(pending.pop())
                pending.extend(reversed(below))
            self._end_window()
        except _Stopped:
            return None
        return _with(root, self._trees.finish())

    def _is_same(self, item: Item, pair: Pair) -> bool:
        """Is the folder what it was, and may its copy be taken over unseen?"""
        return not self._session.has_gaps and item.content == pair.old.content

    def _renamed_folders(self, root: Item, pair: Pair) -> dict[bytes, bytes]:
        """Folders that moved whole: root page in the source -> root page in the target."""
        found: dict[bytes, bytes] = {}
        with suppress(*LOST):  # then they are copied like others
            for change in renamed_folders(pair.old, root, self._source_page):
                copy = self._copy_at(pair.copy, change.old_path)
                if copy is not None and change.after is not None and change.after.content:
                    found[change.after.content] = copy
        return found

    def _copy_at(self, folder: Item, path: bytes) -> bytes | None:
        found = PointTree(folder, self._target_page).find(path)
        return found.content if found is not None and found.kind == ItemKind.DIRECTORY else None

    def _copy_folder(self, todo: _ToDo) -> list[_ToDo]:
        """Take in a folder's items; returns the folders in it that must be looked into."""
        folder, below = _Folder(todo.path, [], {}), []
        try:
            for entry in self._entries(todo):
                if entry.item.kind == ItemKind.DIRECTORY:
                    folder.items.append(entry.item)
                    below += self._sub_folder(folder, entry)
                else:
                    folder.items.append(self._settled(todo.path, entry))
        except LOST as error:
            self.lost.append(Lost(todo.path, f"this folder's list cannot be read: {error}"))
            self._end_window()
        self._folders.append(folder)
        self._window_items += len(folder.items)
        if self._window_items >= WINDOW_ITEMS:
            self._end_window()
        return below

    # -- what is in a folder

    def _entries(self, todo: _ToDo) -> list[_Entry]:
        """The folder's items in order of name. Raises what LOST names when the source has lost them."""
        if todo.pair is not None and not self._session.has_gaps:
            with suppress(*LOST):  # of what is in the copy, or in the earlier point: then all is read
                return self._changed_entries(todo.item, todo.pair)
        return self._all_entries(todo)

    def _changed_entries(self, folder: Item, pair: Pair) -> list[_Entry]:
        """The previous copy's items, but for those that changed since; only pages that differ are read."""
        copies = {item.name: item for item in read_directory(pair.copy.content or b"", self._target_page)}
        entries = {name: _Entry(item, is_taken=True) for name, item in copies.items()}
        for old, new in changed_items(pair.old.content or b"", folder.content or b"", self._source_page):
            if new is not None:
                entries[new.name] = _Entry(new, _pair(new, old, copies.get(new.name)))
            elif old is not None:
                del entries[old.name]
        return [entries[name] for name in sorted(entries)]

    def _all_entries(self, todo: _ToDo) -> list[_Entry]:
        olds = self._readable(todo.pair.old, self._source_page) if todo.pair else {}
        copies = self._readable(todo.pair.copy, self._target_page) if todo.pair else {}
        items = read_directory(todo.item.content or b"", self._source_page)
        return [_Entry(item, _pair(item, olds.get(item.name), copies.get(item.name))) for item in items]

    def _readable(self, folder: Item, get_page: GetPage) -> dict[bytes, Item]:
        """What of an earlier folder can be read: a hint and no more."""
        found: dict[bytes, Item] = {}
        with suppress(*LOST):
            for item in read_directory(folder.content or b"", get_page):
                found[item.name] = item
        return found

    def _sub_folder(self, folder: _Folder, entry: _Entry) -> list[_ToDo]:
        item, pair = entry.item, entry.pair
        taken: bytes | None = None
        if entry.is_taken or not item.content:
            taken = item.content or b""
        elif pair is not None and self._is_same(item, pair):
            taken = pair.copy.content
        elif item.content in self._renamed:
            taken = self._renamed[item.content]
        if taken is None:
            return [_ToDo(join(folder.path, item.name), item, pair)]
        folder.roots[item.name] = taken
        return []

    def _settled(self, directory: bytes, entry: _Entry) -> Item | _File:
        """The item as it is in the target, or the file that it will be once its parts are there."""
        item, pair = entry.item, entry.pair
        if entry.is_taken or item.kind not in CONTENT_KINDS or not item.content:
            return item
        if pair is not None:
            if item.content == pair.old.content and self._may_take(pair.copy):
                return _with(item, pair.copy.content)
            self._tell_parts(pair)
        return self._begin_file(join(directory, item.name), item)

    def _may_take(self, copy: Item) -> bool:
        return not self._session.has_gaps or self._session.holds(copy, self._target_page)

    # -- files

    def _tell_parts(self, pair: Pair) -> None:
        """Of a long file, most parts are what they were before."""
        if not pair.old.content or len(pair.old.content) == ID_BYTES:
            return
        with suppress(*LOST):
            for old, copy in zip(
                decode_content(pair.old.content, pair.old.size_bytes, self._source_page),
                decode_content(pair.copy.content or b"", pair.copy.size_bytes, self._target_page),
                strict=False,
            ):
                if old.length != copy.length:
                    return
                self._rekeying.tell(old.id, copy.id)

    def _begin_file(self, path: bytes, item: Item) -> _File:
        file, length = _File(item), 0
        try:
            for part in decode_content(item.content or b"", item.size_bytes, self._source_page):
                length += part.length
                self._begin_part(file, part, path)
            if length != item.size_bytes:
                raise Damaged(f"its content list gives {length} bytes of {item.size_bytes}")
        except LOST as error:
            self.lost.append(Lost(path, str(error)))
        self._session.stats.read_items += 1
        return file

    def _begin_part(self, file: _File, part: Part, path: bytes) -> None:
        if not file.waiting:
            self._files.append(file)
        file.waiting.append(part)
        self._window_pieces += 1
        if part.id != ZERO_ID and self._rekeying.target_id(part) is None:
            self._rekeying.want(part, path)
            self._window_bytes += part.length
        if self._window_pieces >= WINDOW_PIECES or self._window_bytes >= WINDOW_BYTES:
            self._end_window()

    # -- windows

    def _end_window(self) -> None:
        """All chunks that were wanted are moved, and the folders gathered so far go into the tree.

        The folder that is being taken in is not among them yet; what waits of its last file is settled.
        """
        self._rekeying.move()
        if self.lost:
            raise _Stopped
        for file in self._files:
            file.parts += map(self._named_anew, file.waiting)
            file.waiting.clear()
        for folder in self._folders:
            items = [self._finished(each) for each in folder.items]
            opened = self._trees.enter(Listing(folder.path, items), {})
            opened.roots.update(folder.roots)
            self._advance(len(items), 0)
        self._files, self._folders = [], []
        self._unnamed_bytes += self._window_bytes
        if self._unnamed_bytes >= self._named_bytes:
            self._session.name_stored()
            self._rekeying.keep_names()
            self._unnamed_bytes = 0
        self._window_pieces = self._window_bytes = self._window_items = 0

    def _named_anew(self, part: Part) -> Part:
        if part.id == ZERO_ID:
            return part
        target_id = self._rekeying.target_id(part)
        if target_id is None:
            raise Damaged(f"chunk {part.id.hex()} was to be there")
        return Part(target_id, part.length)

    def _finished(self, each: Item | _File) -> Item:
        if isinstance(each, Item):
            return each
        return _with(each.item, encode_content(each.parts, self._session.put_page))


def _with(item: Item, content: bytes | None) -> Item:
    return Item(item.name, item.kind, item.size_bytes, item.facts, content)


def _pair(new: Item, old: Item | None, copy: Item | None) -> Pair | None:
    """What was copied before under that name, if it was of the same kind: a folder's page may have the very
    bytes of a file, and so its name."""
    if old is None or copy is None or not new.kind == old.kind == copy.kind:
        return None
    return Pair(old, copy) if old.size_bytes == copy.size_bytes else None
