"""What changed between two points: their trees side by side, equal pages passed over unread.

A page is named by what it holds, so pages that both sides name are the same; what is read is the pages that
differ and those on the way to them. Data packs are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from safehold.domain.items import Item, ItemKind, join
from safehold.store.trees.contents import GetPage
from safehold.store.trees.trees import MAX_LEVEL, Inner, Leaf, decode_page, read_directory


class ChangeKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RENAMED = "renamed"  # a folder that holds what it held, under another path


class Change(NamedTuple):
    """path: in the later point; of what was removed, in the earlier one. old_path: of a renamed folder.

    before, after  the item in either point; None where it is not
    """

    kind: ChangeKind
    path: bytes
    before: Item | None
    after: Item | None
    old_path: bytes = b""


class _Folder(NamedTuple):
    path: bytes
    item: Item


def diff(before: Item, after: Item, get_page: GetPage, *, path: bytes = b"") -> Iterator[Change]:
    """Changes from the directory item `before` to `after`, both at `path`.

    Folders that both have come first, in path order; then renamed ones; then those that only one has, with
    all that is in them. A folder that was renamed costs nothing, one that was renamed and changed counts as
    removed and added. Memory: the changes of one folder, and one entry for each folder that came or went.
    Raises ObjectMissing, Damaged.
    """
    came: list[_Folder] = []
    went: list[_Folder] = []
    yield from _changes(before, after, get_page, path, (went, came))
    yield from _renamed(went, came)
    for folder in went:
        yield from _whole(ChangeKind.REMOVED, folder, get_page)
    for folder in came:
        yield from _whole(ChangeKind.ADDED, folder, get_page)


def renamed_folders(before: Item, after: Item, get_page: GetPage) -> Iterator[Change]:
    """Folders that were renamed, and no more; reads only pages that differ, of folders that both have.

    Raises ObjectMissing, Damaged.
    """
    came: list[_Folder] = []
    went: list[_Folder] = []
    for _ in _changes(before, after, get_page, b"", (went, came)):
        pass
    yield from _renamed(went, came)


def _changes(
    before: Item,
    after: Item,
    get_page: GetPage,
    path: bytes,
    moves: tuple[list[_Folder], list[_Folder]],
) -> Iterator[Change]:
    """What changed in folders that both have; folders that went and that came are noted in `moves`."""
    went, came = moves
    pending = [(path, before, after)]
    while pending:
        here, old, new = pending.pop()
        below = []
        for one, other in changed_items(old.content or b"", new.content or b"", get_page):
            yield from _changes_of_item(here, one, other)
            if one is not None and other is not None and _is_folder(one) and _is_folder(other):
                below.append((join(here, other.name), one, other))
                continue
            if one is not None and _is_folder(one):
                went.append(_Folder(join(here, one.name), one))
            if other is not None and _is_folder(other):
                came.append(_Folder(join(here, other.name), other))
        pending.extend(reversed(below))


def _changes_of_item(here: bytes, old: Item | None, new: Item | None) -> Iterator[Change]:
    """What is to be told of one name itself; folders that came or went are told later."""
    if old is not None and new is not None and old.kind == new.kind:
        # A folder whose content alone differs is told by what is in it.
        if not _is_folder(new) or old.facts != new.facts:
            yield Change(ChangeKind.CHANGED, join(here, new.name), old, new)
        return
    if old is not None and not _is_folder(old):
        yield Change(ChangeKind.REMOVED, join(here, old.name), old, None)
    if new is not None and not _is_folder(new):
        yield Change(ChangeKind.ADDED, join(here, new.name), None, new)


def _is_folder(item: Item | None) -> bool:
    return item is not None and item.kind == ItemKind.DIRECTORY


def _renamed(went: list[_Folder], came: list[_Folder]) -> Iterator[Change]:
    """Folders that went and came with the very same content, one for one; both lists lose them."""
    by_content: dict[bytes, list[_Folder]] = {}
    for folder in reversed(went):
        if folder.item.content:  # an empty folder is like any other
            by_content.setdefault(folder.item.content, []).append(folder)
    gone: set[bytes] = set()
    staying = []
    for folder in came:
        candidates = by_content.get(folder.item.content or b"")
        if not candidates:
            staying.append(folder)
            continue
        old = candidates.pop()
        gone.add(old.path)
        yield Change(ChangeKind.RENAMED, folder.path, old.item, folder.item, old.path)
    came[:] = staying
    went[:] = [folder for folder in went if folder.path not in gone]


def _whole(kind: ChangeKind, folder: _Folder, get_page: GetPage) -> Iterator[Change]:
    """A folder that only one point has, and everything in it."""
    pending = [folder]
    while pending:
        path, item = pending.pop()
        yield _one_sided(kind, path, item)
        below = []
        for child in read_directory(item.content or b"", get_page):
            if _is_folder(child):
                below.append(_Folder(join(path, child.name), child))
            else:
                yield _one_sided(kind, join(path, child.name), child)
        pending.extend(reversed(below))


def _one_sided(kind: ChangeKind, path: bytes, item: Item) -> Change:
    is_added = kind is ChangeKind.ADDED
    return Change(kind, path, None if is_added else item, item if is_added else None)


def changed_items(
    before: bytes, after: bytes, get_page: GetPage
) -> Iterator[tuple[Item | None, Item | None]]:
    """Items of a directory that differ, (old, new), by name: from the pages that only one of its two trees
    has."""
    olds, news = _unshared(before, after, get_page)
    by_name = {item.name: item for item in olds}
    pairs = [(by_name.pop(item.name, None), item) for item in news]
    found: list[tuple[Item | None, Item | None]] = [pair for pair in pairs if pair[0] != pair[1]]
    found += [(item, None) for item in by_name.values()]
    yield from sorted(found, key=_name)


def _name(pair: tuple[Item | None, Item | None]) -> bytes:
    item = pair[1] or pair[0]
    assert item is not None
    return item.name


def _unshared(before: bytes, after: bytes, get_page: GetPage) -> tuple[list[Item], list[Item]]:
    """Items of the leaves that only one of two directory trees has; pages that both have are not read.

    INVARIANT: pages are opened from the highest level down, so that whatever both sides name meets unopened.
    """
    items: tuple[list[Item], list[Item]] = ([], [])
    opened: tuple[list[Inner], list[Inner]] = ([], [])
    sides = ([before] if before else [], [after] if after else [])
    highest = MAX_LEVEL
    while sides[0] or sides[1] or opened[0] or opened[1]:
        shared = set(sides[0]) & set(sides[1])
        for side in (0, 1):
            for page_id in sides[side]:
                if page_id not in shared:
                    page = decode_page(get_page(page_id), highest)
                    if isinstance(page, Leaf):
                        items[side].extend(page.items)
                    else:
                        opened[side].append(page)
        level = max((page.level for pages in opened for page in pages), default=1)
        sides = (_take_children(opened[0], level), _take_children(opened[1], level))
        highest = level - 1
    return items


def _take_children(opened: list[Inner], level: int) -> list[bytes]:
    """Ids of the pages below those of that level, which leave the list."""
    found = [child.page_id for page in opened if page.level == level for child in page.children]
    opened[:] = [page for page in opened if page.level != level]
    return found
