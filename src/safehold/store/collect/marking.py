"""From roots to all chunks that they need: item trees and content lists are walked, each page once.

Points share most of their pages, and a page that was seen is not read again: so a mark costs what differs
between points. Data is never read. A page that cannot be read ends it: what hangs below it is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec

from safehold.core.errors import CollectionRefused, Damaged, ObjectMissing
from safehold.domain.items import CONTENT_KINDS, Item, ItemKind
from safehold.store.collect.needed import KEPT_BYTES, NeededIds
from safehold.store.sealed.chunking import ID_BYTES, ZERO_ID
from safehold.store.sealed.decoding import UNREADABLE
from safehold.store.trees.contents import RECORD

FILE_KINDS = frozenset(int(kind) for kind in CONTENT_KINDS)
DIRECTORY = int(ItemKind.DIRECTORY)


class _MarkedItem(msgspec.Struct, array_like=True, gc=False):
    """Of an item, what is needed here; facts and names are skipped unread."""

    name: msgspec.Raw
    kind: int
    size_bytes: msgspec.Raw
    facts: msgspec.Raw
    content: bytes | None = None


class _Leaf(msgspec.Struct, array_like=True):
    level: int
    items: list[_MarkedItem]


class _Child(msgspec.Struct, array_like=True, gc=False):
    name: msgspec.Raw
    page_id: bytes


class _Inner(msgspec.Struct, array_like=True):
    level: int
    children: list[_Child]


_leaf = msgspec.msgpack.Decoder(_Leaf)
_inner = msgspec.msgpack.Decoder(_Inner)


class Marking:
    """Everything that the roots told so far need. Not thread-safe."""

    def __init__(
        self, get_page: Callable[[bytes], bytes], needed: NeededIds, data: NeededIds | None = None
    ) -> None:
        """data: where ids of data go, if not where those of pages do"""
        self.needed = needed
        self._data = needed if data is None else data
        self.page_count = 0
        self._get_page = get_page
        self._seen: set[bytes] = set()
        self._pending: list[tuple[bytes, bool]] = []  # page id, and whether it is a content list's

    def mark(self, root: Item) -> None:
        """Raises CollectionRefused when a page cannot be read, StoreUnavailable."""
        if root.content:
            self._expect([root.content], is_list=False)
        while self._pending:
            self._take(*self._pending.pop())

    def mark_readable(self, root: Item, contents: Iterable[bytes]) -> None:
        """As `mark`, and of content lists; what hangs below a page that cannot be read is not needed.

        # ORDER: when all that is needed in any case was marked: a page is looked at once.
        """
        for content in contents:
            with suppress(*UNREADABLE):
                self._take_content(content)
        if root.content:
            self._expect([root.content], is_list=False)
        while self._pending:
            with suppress(CollectionRefused):
                self._take(*self._pending.pop())

    def _take(self, page_id: bytes, is_list: bool) -> None:
        page = self._read(page_id)
        try:
            if is_list:
                self._take_list(page)
            else:
                self._take_directory(page)
        except UNREADABLE as error:
            raise CollectionRefused(f"page {page_id.hex()} cannot be read") from error

    def _read(self, page_id: bytes) -> bytes:
        self.page_count += 1
        try:
            return self._get_page(page_id)
        except (Damaged, ObjectMissing) as error:
            raise CollectionRefused(str(error)) from error

    def _expect(self, page_ids: list[bytes], *, is_list: bool) -> None:
        fresh = []
        for page_id in page_ids:
            if page_id[:KEPT_BYTES] not in self._seen:
                self._seen.add(page_id[:KEPT_BYTES])
                fresh.append(page_id)
        self.needed.add(fresh)
        self._pending.extend((page_id, is_list) for page_id in fresh)

    def _take_directory(self, page: bytes) -> None:
        if page[1] != 0:
            self._expect([child.page_id for child in _inner.decode(page).children], is_list=False)
            return
        items = _leaf.decode(page).items
        self._expect([i.content for i in items if i.kind == DIRECTORY and i.content], is_list=False)
        contents = [i.content for i in items if i.content and i.kind in FILE_KINDS]
        self._data.add(c for c in contents if len(c) == ID_BYTES and c != ZERO_ID)
        for content in contents:
            if len(content) != ID_BYTES:
                self._take_list(content)

    def _take_content(self, content: bytes) -> None:
        if len(content) != ID_BYTES:
            self._take_list(content)
        elif content != ZERO_ID:
            self._data.add([content])

    def _take_list(self, encoded: bytes) -> None:
        ids = [identity for identity, _ in RECORD.iter_unpack(memoryview(encoded)[1:])]
        if encoded[0] == 1:
            self._data.add(identity for identity in ids if identity != ZERO_ID)
        else:
            self._expect(ids, is_list=True)
