"""Items: what a recovery point is made of, as connectors and the store both see it.

An item is one thing that can be restored on its own: a file, a table, a bucket key, a block device.
Items stand in a tree of directories; each directory is one `Listing`. Names are bytes end to end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple, TypeAlias

import msgspec

# What a connector wants to find again at restore, besides the bytes. Small: it lives in the item tree.
Fact = int | bytes | bool | None | dict[bytes, bytes]
Facts = dict[str, Fact]


class ItemKind(IntEnum):
    """What an item is. The numbers are part of the store's format and never change."""

    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3
    HARDLINK = 4  # facts["link_to"]: path of the group's first member, from the root
    FIFO = 5
    SOCKET = 6
    CHARACTER_DEVICE = 7
    BLOCK_DEVICE = 8
    STREAM = 9  # bytes of unknown length: a dump, a log
    VOLUME = 10  # fixed blocks


CONTENT_KINDS = frozenset({ItemKind.FILE, ItemKind.STREAM, ItemKind.VOLUME})


class Item(msgspec.Struct, gc=False, array_like=True):
    """One entry of a directory. Treat as frozen: the store compares by identity to see "unchanged".

    name        raw bytes, no "/" and no NUL, not b"." or b".."; b"" only for the root
    size_bytes  exact when a connector knows it, else 0 until the store has read it
    facts       what restore needs besides the bytes; keys are short ASCII words
    content     the store's own note of where the bytes are; None for a new item; connectors carry it along
    """

    name: bytes
    kind: int
    size_bytes: int
    facts: Facts
    content: bytes | None = None


class Listing(msgspec.Struct, gc=False):
    """One directory of a capture, or of a recovery point.

    path   of the directory from the root, "/"-separated, b"" for the root itself
    items  sorted by name (bytewise); sub-directories included, their own listings follow
    """

    path: bytes
    items: list[Item]


class Unchanged(msgspec.Struct, gc=False):
    """One directory of a capture of which nothing has changed, told without its items.

    before      its own item in the previous recovery point
    folders     the sub-directories' items there, in the order of their names; their listings follow
    items       how many it holds in all; files: with bytes of their own, size_bytes: of these
    is_whole    of all below it nothing has changed either: that is counted here, `folders` is empty, and no
                listing of it follows
    """

    path: bytes
    before: Item
    folders: list[Item]
    items: int
    files: int
    size_bytes: int
    is_whole: bool = False


class NewListing(msgspec.Struct, gc=False):
    """One directory of a capture of which the previous tree has nothing, told encoded: many cost little.

    names   of all that is in it, in order
    kinds   of each one byte: FILE or DIRECTORY, or 0 for what `others` has
    heads   each item, encoded up to its content; of a file with the beginning of a content of one chunk, too
    sizes   of each file; of anything else they mean nothing
    others  by position, what is told as an item: anything but a plain file or directory; None if it is not
            to be had (told by skip)
    note    the connector's own, by which it finds the bytes again
    """

    path: bytes
    names: list[bytes]
    kinds: bytes
    heads: list[bytes]
    sizes: list[int]
    others: dict[int, Item | None]
    note: object

    @property
    def items(self) -> list[Item]:
        """As a Listing has them; costly."""
        found = [self._item(position) for position in range(len(self.names))]
        return [item for item in found if item is not None]

    def _item(self, position: int) -> Item | None:
        if self.kinds[position] == ItemKind.FILE:
            return self.file(position)
        if self.kinds[position] == ItemKind.DIRECTORY:
            return _decoder.decode(self.heads[position] + _NO_CONTENT)
        return self.others[position]

    def file(self, position: int) -> Item:
        """A file of it as an item, its content not read."""
        return _decoder.decode(self.heads[position][:-_CONTENT_HEAD_BYTES] + _NO_CONTENT)


class ItemRow(NamedTuple):
    """What a search can ask of one item, as a search table holds it.

    path                 the text that is searched and shown: a file's path from "/", an object's key; no NUL
    modified_us, created_us  microseconds since 1970; None where the source does not tell
    etag, version_id     of an object; None for everything else
    """

    path: bytes
    size_bytes: int
    modified_us: int | None = None
    created_us: int | None = None
    etag: bytes | None = None
    version_id: bytes | None = None


AnyListing: TypeAlias = Listing | NewListing | Unchanged
NewRun: TypeAlias = tuple[NewListing, int, int, int]  # its positions [first, end), bytes of the files wanted


class PreviousTree:
    """What the previous recovery point held; the empty one, for a first backup. Base of the store's own."""

    def listing(self, path: bytes, directory: Item | None = None) -> Mapping[bytes, Item]:
        """Items of that directory by name; empty when it was not there. Cheap when asked in capture order, or
        with the directory's own item of this tree."""
        del path, directory
        return {}

    def encoded(self, path: bytes, directory: Item) -> bytes | None:
        """The items of that directory of the tree, in order, as `decode_item` reads each: MessagePack arrays
        of them, one after another. None where they are not at hand in that form.
        """
        del path, directory
        return None

    def root(self) -> Item | None:
        """The root directory's own item, or None for a first backup."""
        return None

    def is_of_this_run(self, directory: bytes, name: bytes) -> bool:
        """Was the item read for this very backup, before that was cut off? Then it need not be read again."""
        del directory, name
        return False


_decoder = msgspec.msgpack.Decoder(Item)
_encoder = msgspec.msgpack.Encoder()
_NO_CONTENT = b"\xc0"
_CONTENT_HEAD_BYTES = 2  # of bytes shorter than 256: what they are, and how many


def encode_item(item: Item) -> bytes:
    """As `decode_item` reads it."""
    return _encoder.encode(item)


def with_content(head: bytes, content: bytes) -> bytes:
    """A directory's head of a NewListing, with its content: the item encoded."""
    return head + _encoder.encode(content)


def decode_item(encoded: bytes) -> Item:
    """An item out of what `PreviousTree.encoded` gave."""
    return _decoder.decode(encoded)


def join(directory: bytes, name: bytes) -> bytes:
    """Path of `name` inside `directory`; the root is b""."""
    return directory + b"/" + name if directory else name


def walk_order(listings: Iterator[AnyListing]) -> Iterator[AnyListing]:
    """Pass listings through, refusing any that are not depth first in name order.

    The order is: a directory's listing, then those of its sub-directories in name order, each with all
    that is below it. The store builds its trees on that.
    """
    last: tuple[bytes, ...] | None = None
    for listing in listings:
        key = tuple(listing.path.split(b"/")) if listing.path else ()
        if last is not None and key <= last:
            raise ValueError(f"listing {listing.path!r} comes after {b'/'.join(last)!r}")
        last = key
        yield listing
