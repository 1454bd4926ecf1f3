"""Looking around in a point without restoring it: a folder's list page by page, and names that match.

Reads item-tree pages alone, never a data pack.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from safehold.core.errors import ObjectMissing
from safehold.domain.items import Item, ItemKind, join
from safehold.store.trees.contents import GetPage
from safehold.store.trees.tree_reader import PointTree
from safehold.store.trees.trees import read_directory

Match = Callable[[bytes, bytes], bool]  # an item's path and its name: is it one?
Unreadable = Callable[[bytes, Exception], None]


class Looks(StrEnum):
    """How a pattern is meant."""

    GLOB = "glob"  # *, ? and [...], over the whole name
    PREFIX = "prefix"
    SUBSTRING = "substring"


class Found(NamedTuple):
    path: bytes
    item: Item


def list_folder(tree: PointTree, path: bytes, get_page: GetPage, *, after: bytes, limit: int) -> list[Item]:
    """Up to `limit` items of a folder in name order, from the first behind `after` (b"": from the start).

    Of a large folder only the pages that hold them are read. Raises ObjectMissing when there is no such
    folder, Damaged.
    """
    folder = tree.find(path)
    if folder is None or folder.kind != ItemKind.DIRECTORY:
        raise ObjectMissing(f"there is no folder {path.decode('utf-8', 'backslashreplace')!r} in this point")
    return list(islice(read_directory(folder.content or b"", get_page, after=after), limit))


def find_names(
    tree: PointTree, match: Match, *, beneath: bytes = b"", unreadable: Unreadable | None = None
) -> Iterator[Found]:
    """Every item below that folder that matches, in capture order; each directory is read once.

    A folder that cannot be read is told to `unreadable` and passed over; without one it raises.
    """
    for listing in tree.walk(beneath, unreadable=unreadable):
        for item in listing.items:
            path = join(listing.path, item.name)
            if match(path, item.name):
                yield Found(path, item)


def matcher(pattern: bytes, looks: Looks, *, ignores_case: bool = False) -> Match:
    """Matches names, or whole paths when the pattern has a slash. Case: of ASCII letters alone."""
    flags = re.IGNORECASE if ignores_case else re.NOFLAG
    if looks is Looks.GLOB:
        # Latin-1 gives every byte a character of its own and back again: names need not be UTF-8.
        expression = fnmatch.translate(pattern.decode("latin-1")).encode("latin-1")
    else:
        expression = re.escape(pattern)
    compiled = re.compile(expression, flags | re.DOTALL)
    matches = compiled.search if looks is Looks.SUBSTRING else compiled.match
    if b"/" in pattern:
        return lambda path, name: matches(path) is not None
    return lambda path, name: matches(name) is not None
