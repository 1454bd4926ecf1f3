"""Item trees: one prolly tree per directory.

A page ends where a keyed hash of a name says so, and the name alone: an item that changes moves no page
boundary, so equal parts of two points are the same pages. A directory's item holds its tree's root.
Page: [0, [item, ...]] for a leaf, [level, [[first name, page id], ...]] above.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import msgspec
from blake3 import blake3

from safehold.core.errors import Damaged
from safehold.domain.items import Item, encode_item
from safehold.store.sealed.decoding import UNREADABLE
from safehold.store.trees.contents import GetPage, PutPage

PAGE_MIN_BYTES = 4 << 10
PAGE_MAX_BYTES = 128 << 10
BOUNDARY = 256  # one name in so many ends a page: pages of about 32 KiB
MAX_LEVEL = 12
LEAF_HEAD_BYTES = 2  # an array of two, and level 0: the array of items follows


class Leaf(msgspec.Struct, array_like=True):
    level: int
    items: list[Item]


class Child(msgspec.Struct, array_like=True, gc=False):
    name: bytes
    page_id: bytes


class Inner(msgspec.Struct, array_like=True):
    level: int
    children: list[Child]


_encoder = msgspec.msgpack.Encoder()
_leaf = msgspec.msgpack.Decoder(Leaf)
_inner = msgspec.msgpack.Decoder(Inner)


class PageCutter:
    """Decides where pages end, under the vault's page key."""

    def __init__(self, page_key: bytes) -> None:
        self._key = page_key

    def ends(self, name: bytes) -> bool:
        return int.from_bytes(blake3(name, key=self._key).digest(4), "big") % BOUNDARY == 0


def write_directory(items: Sequence[Item], cutter: PageCutter, put_page: PutPage) -> bytes:
    """Store a directory's items, sorted by name; returns its root page's id, b"" when it is empty."""
    return write_encoded([item.name for item in items], list(map(encode_item, items)), cutter, put_page)


def write_encoded(
    names: Sequence[bytes], encoded: Sequence[bytes], cutter: PageCutter, put_page: PutPage
) -> bytes:
    """As `write_directory`, of items that are encoded already."""
    if not names:
        return b""
    if sum(map(len, encoded)) <= PAGE_MIN_BYTES:
        whole = _page(0, encoded)
        if len(whole) <= PAGE_MIN_BYTES:
            return put_page(whole)
    level = 0
    while True:
        pages = list(_cut(names, encoded, cutter))
        ids = [put_page(_page(level, encoded[start:end])) for start, end in pages]
        if len(pages) == 1:
            return ids[0]
        names = [names[start] for start, _ in pages]
        encoded = list(map(_encoder.encode, map(Child, names, ids)))
        level += 1


def _page(level: int, entries: Sequence[bytes]) -> bytes:
    """As a Leaf or Inner with those entries is encoded."""
    count = len(entries)
    if count < 16:
        head = (0x90 + count).to_bytes(1, "big")
    else:
        head = b"\xdc" + count.to_bytes(2, "big") if count < 1 << 16 else b"\xdd" + count.to_bytes(4, "big")
    return b"".join((b"\x92", level.to_bytes(1, "big"), head, *entries))


def _cut(names: Sequence[bytes], encoded: Sequence[bytes], cutter: PageCutter) -> Iterator[tuple[int, int]]:
    """Which entries make a page each."""
    start = size = 0
    for position, entry in enumerate(encoded):
        size += len(entry)
        if size >= PAGE_MAX_BYTES or (size >= PAGE_MIN_BYTES and cutter.ends(names[position])):
            yield start, position + 1
            start, size = position + 1, 0
    if start < len(encoded):
        yield start, len(encoded)


def read_directory(root_id: bytes, get_page: GetPage, *, after: bytes = b"") -> Iterator[Item]:
    """A directory's items in name order; only those behind `after`, whose pages alone are then read.

    Raises ObjectMissing, Damaged.
    """
    if root_id:
        yield from _read(get_page(root_id), MAX_LEVEL, after, get_page)


def _read(page: bytes, highest: int, after: bytes, get_page: GetPage) -> Iterator[Item]:
    decoded = decode_page(page, highest)
    if isinstance(decoded, Leaf):
        yield from (item for item in decoded.items if item.name > after) if after else decoded.items
        return
    children = decoded.children
    if after:  # the last page that begins no later may still hold names behind it
        children = children[max(0, bisect_right(children, after, key=lambda child: child.name) - 1) :]
    for child in children:
        yield from _read(get_page(child.page_id), decoded.level - 1, after, get_page)


def encoded_directory(root_id: bytes, get_page: GetPage) -> bytes:
    """A directory's items in name order, not decoded: MessagePack arrays of them, one after another.

    Raises ObjectMissing, Damaged.
    """
    return b"".join(_encoded(get_page(root_id), MAX_LEVEL, get_page)) if root_id else b""


def _encoded(page: bytes, highest: int, get_page: GetPage) -> Iterator[bytes]:
    if _level(page) == 0:
        yield page[LEAF_HEAD_BYTES:]
        return
    decoded = decode_page(page, highest)
    assert isinstance(decoded, Inner)
    for child in decoded.children:
        yield from _encoded(get_page(child.page_id), decoded.level - 1, get_page)


def decode_page(page: bytes, highest: int = MAX_LEVEL) -> Leaf | Inner:
    """A page of a level up to `highest`. Raises Damaged."""
    try:
        if _level(page) == 0:
            return _leaf.decode(page)
        inner = _inner.decode(page)
    except UNREADABLE as error:
        raise Damaged("an item-tree page cannot be read") from error
    if not 0 < inner.level <= highest:
        raise Damaged("an item-tree page is of a level that cannot be there")
    return inner


def find_item(root_id: bytes, name: bytes, get_page: GetPage) -> Item | None:
    """One item of a directory, reading only the pages on its way."""
    page = get_page(root_id) if root_id else b""
    highest = MAX_LEVEL
    while page:
        decoded = decode_page(page, highest)
        if isinstance(decoded, Leaf):
            return next((item for item in decoded.items if item.name == name), None)
        highest = decoded.level - 1
        before = [child for child in decoded.children if child.name <= name]
        page = get_page(before[-1].page_id) if before else b""
    return None


def _level(page: bytes) -> int:
    if len(page) < 2 or page[0] != 0x92:  # MessagePack: an array of two, then the level
        raise Damaged("an item-tree page cannot be read")
    return page[1]
