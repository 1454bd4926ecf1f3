"""Directories that are told encoded, as new, make the very tree that they make item by item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from safehold.domain.items import Item, ItemKind, Listing, NewListing, Unchanged, encode_item, join
from safehold.store.sealed.chunking import SMALL_BYTES
from safehold.store.writing.loads import LOAD_BYTES
from tests.store.vaults import Other, Tree, TreeSource, back_up, flat, open_store, restore

LONG = {b"%05d" % number: b"%d" % number * (number % 7) for number in range(3000)}
TREE: Tree = {
    b"a": {b"deep": {b"deeper": {b"x": b"1", b"y": b""}, b"z": b"3"}, b"f": b"4"},
    b"b": {b"long": LONG, b"empty": {}, b"link": Other(ItemKind.SYMLINK, (("l", b"to"),))},
    b"large": bytes(range(256)) * (SMALL_BYTES // 128),
    b"many bytes": {b"%d" % number: b"%d" % number * (LOAD_BYTES // 8) for number in range(30)},
    b"n" * 200: {},
}


class NewSource(TreeSource):
    """Tells plain files and directories encoded; those that `as_items` names, as items."""

    as_items: Sequence[bytes] = ()
    changed: Sequence[bytes] = ()  # paths of directories that are not read together

    def listings(self) -> Iterator[Listing | NewListing | Unchanged]:
        for listing in super().listings():
            assert isinstance(listing, Listing)
            yield self._told(listing)

    def _told(self, listing: Listing) -> NewListing:
        kinds, heads, others = bytearray(), [], {}
        for position, item in enumerate(listing.items):
            is_plain = item.kind in (ItemKind.FILE, ItemKind.DIRECTORY) and item.name not in self.as_items
            kinds.append(item.kind if is_plain else 0)
            heads.append(_head(item) if is_plain else b"")
            if not is_plain:
                others[position] = item
        names = [item.name for item in listing.items]
        sizes = [item.size_bytes for item in listing.items]
        return NewListing(listing.path, names, bytes(kinds), heads, sizes, others, self)

    def read_new(
        self, runs: Sequence[tuple[NewListing, int, int, int]], *, most_bytes: int
    ) -> list[memoryview | None]:
        return [None if run[0].path in self.changed else self._read(*run, most_bytes) for run in runs]

    def _read(self, listing: NewListing, first: int, end: int, size: int, most_bytes: int) -> memoryview:
        wanted = [
            listing.names[position]
            for position in range(first, end)
            if listing.kinds[position] == ItemKind.FILE and listing.sizes[position] <= most_bytes
        ]
        data = b"".join(self._files[join(listing.path, name)] for name in wanted)
        assert len(data) == size
        return memoryview(data)


def _head(item: Item) -> bytes:
    if item.kind == ItemKind.DIRECTORY:
        return encode_item(item)[:-1]  # but for its content, which is none
    content = bytes(32) if item.size_bytes else b""
    whole = encode_item(Item(item.name, item.kind, item.size_bytes, item.facts, content))
    return whole[: len(whole) - len(content)]


@pytest.mark.parametrize(
    ("as_items", "changed"),
    [((), ()), ((b"f", b"deep", b"00007", b"large", b"x"), ()), ((), (b"b/long", b"many bytes", b"a"))],
)
def test_the_tree_is_the_same_as_item_by_item(
    monkeypatch: pytest.MonkeyPatch, as_items: Sequence[bytes], changed: Sequence[bytes]
) -> None:
    store = open_store()
    singly = back_up(store, "p1", TREE)
    monkeypatch.setattr("tests.store.vaults.TreeSource", NewSource)
    monkeypatch.setattr(NewSource, "as_items", as_items)
    monkeypatch.setattr(NewSource, "changed", changed)
    told = back_up(store, "p2", TREE)
    assert told.root.content == singly.root.content
    alike = ("items", "files", "total_bytes", "read_items", "read_bytes")
    assert [getattr(told.stats, name) for name in alike] == [getattr(singly.stats, name) for name in alike]
    assert told.stats.new_chunks == 0


def test_what_was_told_new_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.store.vaults.TreeSource", NewSource)
    store = open_store()
    back_up(store, "p1", TREE)
    assert restore(store, "p1") == flat(TREE)
