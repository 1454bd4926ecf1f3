"""Content lists: which chunks, in which order, are an item's bytes.

An item's `content` is the list itself while it is short, and the root of a paged list when it is long:

    b""               no bytes
    32 bytes          one chunk, as long as the item
    level, records    level 1: chunks; level n: pages of lists of level n-1; a record is id and length

A record's length is that of the plain bytes it stands for, so that a reader can seek without reading pages.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from safehold.core.errors import Damaged
from safehold.store.sealed.chunking import ID_BYTES

RECORD = struct.Struct(">32sQ")
INLINE_RECORDS = 64
PAGE_RECORDS = 1024  # about 40 KiB; a page ends earlier where an id says so
PAGE_MIN_RECORDS = 128
BOUNDARY = 512  # one id in so many ends a page: an insertion changes one page, not all that follow


class Part(NamedTuple):
    """A run of an item's bytes: one chunk, or on upper levels one page."""

    id: bytes
    length: int


PutPage = Callable[[bytes], bytes]  # stores a page, returns its id
GetPage = Callable[[bytes], bytes]  # the page of that id; raises ObjectMissing, Damaged


def encode_content(parts: Sequence[Part], put_page: PutPage) -> bytes:
    """The `content` of an item made of those chunks; pages are stored on the way."""
    if not parts:
        return b""
    if len(parts) == 1:
        return parts[0].id
    level = 1
    while len(parts) > INLINE_RECORDS:
        parts = [put_list(level, page, put_page) for page in _pages(parts)]
        level += 1
    return _encode(level, parts)


def encode_pages(pages: Sequence[Part], put_page: PutPage, *, fan_out: int) -> bytes:
    """As `encode_content`, of lists of level 1 that are stored already: of `fan_out` records each, and so on
    upwards, but for the last of a level.
    """
    level = 2
    while len(pages) > INLINE_RECORDS:
        runs = (pages[start : start + fan_out] for start in range(0, len(pages), fan_out))
        pages = [put_list(level, run, put_page) for run in runs]
        level += 1
    return _encode(level, pages)


def decode_content(content: bytes, size_bytes: int, get_page: GetPage) -> Iterator[Part]:
    """The chunks of an item, in order. Raises Damaged, ObjectMissing."""
    if len(content) == ID_BYTES:
        yield Part(content, size_bytes)
    elif content:
        yield from _walk(content, get_page)


def page_parts(content: bytes, get_page: GetPage) -> list[Part]:
    """The pages of chunks that a paged list is made of, in order; none of a list that is not paged.

    Raises Damaged, ObjectMissing.
    """
    return list(_walk(content, get_page, lowest=2)) if len(content) > ID_BYTES and content[0] > 1 else []


def list_parts(page: bytes) -> list[Part]:
    """The chunks of a list, or page, of level 1. Raises Damaged."""
    return list(_walk(page, _no_page)) if page else []


def _no_page(page_id: bytes) -> bytes:
    raise Damaged("a content list's page is of another level")


def _walk(encoded: bytes, get_page: GetPage, *, lowest: int = 1) -> Iterator[Part]:
    level, records = encoded[0], encoded[1:]
    if level < 1 or len(records) % RECORD.size:
        raise Damaged("a content list cannot be read")
    for chunk_id, length in RECORD.iter_unpack(records):
        if level == lowest:
            yield Part(chunk_id, length)
            continue
        page = get_page(chunk_id)
        if not page or page[0] != level - 1:  # a page that names its own level cannot make a cycle
            raise Damaged("a content list's page is of another level")
        yield from _walk(page, get_page, lowest=lowest)


def _pages(parts: Sequence[Part]) -> Iterator[list[Part]]:
    page: list[Part] = []
    for part in parts:
        page.append(part)
        ends = int.from_bytes(part.id[:4], "big") % BOUNDARY == 0
        if len(page) >= PAGE_RECORDS or (ends and len(page) >= PAGE_MIN_RECORDS):
            yield page
            page = []
    if page:
        yield page


def put_list(level: int, page: Sequence[Part], put_page: PutPage) -> Part:
    """Store a page of a list."""
    return Part(put_page(_encode(level, page)), sum(part.length for part in page))


def _encode(level: int, parts: Sequence[Part]) -> bytes:
    return bytes([level]) + b"".join(RECORD.pack(part.id, part.length) for part in parts)
