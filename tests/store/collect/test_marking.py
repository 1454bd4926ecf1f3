"""Holes need no chunk: neither a file that is nothing but one, nor the blocks of one in a list."""

from __future__ import annotations

from contextlib import closing

from safehold.domain.items import Item, ItemKind
from safehold.store.collect.marking import Marking
from safehold.store.collect.needed import KEPT_BYTES, NeededIds
from safehold.store.sealed.chunking import ZERO_ID
from safehold.store.trees.contents import RECORD

ROOT = Item(b"", ItemKind.DIRECTORY, 0, {}, None)
DATA, IN_LIST = b"d" * 32, b"l" * 32


def no_page(page_id: bytes) -> bytes:
    raise AssertionError(f"no page is needed: {page_id.hex()}")


def test_of_begun_content_holes_are_not_needed_and_what_lies_between_them_is() -> None:
    of_parts = bytes([1]) + b"".join(RECORD.pack(identity, 9) for identity in (ZERO_ID, IN_LIST, ZERO_ID))
    with closing(NeededIds()) as needed:
        Marking(no_page, needed).mark_readable(ROOT, [ZERO_ID, DATA, of_parts])
        wanted = {DATA[:KEPT_BYTES], IN_LIST[:KEPT_BYTES]}
        assert needed.among([ZERO_ID, DATA, IN_LIST]) == wanted
