"""Search tables: what can be asked of a point's items, without opening its tree.

One or more sealed objects a point, each with blocks of rows and a head that says what each block spans; see
docs/formats/search-tables.md. They are working state: whoever finds one missing or damaged makes it anew.
Blocks end where a keyed hash of a path says so: points that have much in common have equal blocks, and the
head gives each block's digest, so that a search over many points looks at each block once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol, TypeVar

import msgspec
from blake3 import blake3

from safehold.core.errors import Damaged, ObjectLocked, ObjectMissing
from safehold.domain.items import ItemRow
from safehold.store.backends.contract import Backend
from safehold.store.names import ObjectType
from safehold.store.sealed.decoding import UNREADABLE
from safehold.store.sealed.frames import seal_frame
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.objects import FrameKind, FrameNote, SealedObject, assemble
from safehold.store.sealed.sealing import NewSeal, new_object_name

T = TypeVar("T")

TABLE_VERSION = 1
MIN_ROWS, MAX_ROWS = 512, 8192  # of a block
BOUNDARY = 1024  # one path in so many ends a block, once it has MIN_ROWS
MAX_TABLE_BYTES = 16 << 20  # sealed; a point with more has several, so that memory stays bounded
SEPARATOR = b"\0"  # between the paths of a block; no name has it


class Block(msgspec.Struct, array_like=True):
    """Rows by column, in capture order. A column that says nothing at all is empty."""

    paths: bytes
    sizes: list[int]
    modified: list[int | None]
    created: list[int | None]
    etags: list[bytes | None]
    version_ids: list[bytes | None]

    def rows(self) -> Iterator[ItemRow]:
        count = len(self.sizes)
        columns = (self.modified, self.created, self.etags, self.version_ids)
        filled = [column or [None] * count for column in columns]
        for values in zip(self.paths.split(SEPARATOR), self.sizes, *filled, strict=True):
            yield ItemRow(*values)


class BlockNote(msgspec.Struct, array_like=True):
    """digest: keyed, of the encoded block; the rest: least and most of what its rows hold."""

    rows: int
    digest: bytes
    least_bytes: int
    most_bytes: int
    first_modified: int | None
    last_modified: int | None


class Head(msgspec.Struct):
    """number counts a build's tables from 0."""

    version: int
    point_id: str
    number: int
    is_last: bool
    blocks: list[BlockNote]


class Store(Protocol):
    """What of a vault's store is needed here."""

    backend: Backend
    keys: VaultKeys
    vault_id: bytes


class Built(NamedTuple):
    """build: names the tables that were written together."""

    build: str
    rows: int


class OpenBlock(NamedTuple):
    """One block, not read yet."""

    note: BlockNote
    table: SealedObject
    frame: int

    def read(self) -> Block:
        """Raises ObjectMissing, Damaged, StoreUnavailable."""
        try:
            return msgspec.msgpack.decode(self.table.frame(self.frame), type=Block)
        except UNREADABLE as error:
            raise Damaged(f"{self.table.name}: a block of a search table cannot be read") from error


def write_tables(store: Store, point_id: str, rows: Iterable[ItemRow]) -> Built:
    """The point has tables under a new build; those of other builds stay. Raises StoreError.

    Memory: one table's sealed bytes, and one block.
    """
    writing = _Writing(store, point_id)
    for row in rows:
        writing.add(row)
    writing.finish()
    return Built(writing.build, writing.count)


def open_blocks(store: Store, point_id: str, build: str) -> Iterator[OpenBlock]:
    """Every block of that build, in capture order. Raises ObjectMissing, Damaged: then build anew."""
    number, is_last = 0, False
    while not is_last:
        name = _name(point_id, build, number)
        table = SealedObject(store.backend, store.keys, store.vault_id, name)
        head = _decode_head(table)
        if (head.point_id, head.number) != (point_id, number) or head.version != TABLE_VERSION:
            raise Damaged(f"{name} is not the search table that its name says")
        for frame, note in enumerate(head.blocks):
            yield OpenBlock(note, table, frame)
        number, is_last = number + 1, head.is_last


def drop_tables(store: Store, point_id: str, *, keep: str | None = None) -> int:
    """The point has no tables but those of build `keep`; how many went.

    What the place itself keeps from being deleted stays, for as long as it says; nobody looks at it.
    """
    folder = f"{ObjectType.SEARCH.folder}{point_id}/"
    names = [info.name for info in store.backend.list(folder)]
    going = [name for name in names if keep is None or not name.startswith(f"{folder}{keep}-")]
    for name in going:
        with suppress(ObjectLocked, ObjectMissing):
            store.backend.delete(name)
    return len(going)


class _Writing:
    """A build on its way: rows become blocks, blocks become tables."""

    def __init__(self, store: Store, point_id: str) -> None:
        # A name is never used again, so each build has one of its own.
        self.build = new_object_name(ObjectType.SEARCH).removeprefix(ObjectType.SEARCH.folder)
        self.count = 0
        self._store = store
        self._point_id = point_id
        self._rows: list[ItemRow] = []
        self._number = 0
        self._begin()

    def add(self, row: ItemRow) -> None:
        self._rows.append(row)
        self.count += 1
        if len(self._rows) >= MAX_ROWS or (len(self._rows) >= MIN_ROWS and self._ends(row.path)):
            self._end_block()

    def finish(self) -> None:
        if self._rows:
            self._end_block()
        self._put(is_last=True)

    def _ends(self, path: bytes) -> bool:
        found = blake3(path, key=self._store.keys.page_key).digest(4)
        return int.from_bytes(found, "big") % BOUNDARY == 0

    def _begin(self) -> None:
        self._name = _name(self._point_id, self.build, self._number)
        self._seal = NewSeal(self._store.keys, self._store.vault_id, ObjectType.SEARCH, self._name)
        self._frames: list[bytes | bytearray] = []
        self._notes: list[FrameNote] = []
        self._blocks: list[BlockNote] = []
        self._size = 0

    def _end_block(self) -> None:
        if self._size >= MAX_TABLE_BYTES:
            self._put(is_last=False)
            self._number += 1
            self._begin()
        plain = msgspec.msgpack.encode(_block(self._rows))
        digest = blake3(plain, key=self._store.keys.page_key).digest()
        self._blocks.append(_note(self._rows, digest))
        self._add_frame(plain)
        self._rows = []

    def _add_frame(self, plain: bytes) -> None:
        frame = seal_frame(self._seal, len(self._frames), [plain])
        self._frames.append(frame)
        self._notes.append(FrameNote(int(FrameKind.RECORD), len(frame), [len(plain)], b""))
        self._size += len(frame)

    def _put(self, *, is_last: bool) -> None:
        head = Head(TABLE_VERSION, self._point_id, self._number, is_last, self._blocks)
        self._add_frame(msgspec.msgpack.encode(head))
        self._store.backend.put(self._name, assemble(self._seal, self._frames, self._notes))


def _name(point_id: str, build: str, number: int) -> str:
    return f"{ObjectType.SEARCH.folder}{point_id}/{build}-{number:04}"


def _decode_head(table: SealedObject) -> Head:
    try:
        return msgspec.msgpack.decode(table.record(), type=Head)
    except UNREADABLE as error:
        raise Damaged(f"{table.name}: the head of a search table cannot be read") from error


def _block(rows: Sequence[ItemRow]) -> Block:
    return Block(
        SEPARATOR.join(row.path for row in rows),
        [row.size_bytes for row in rows],
        _column([row.modified_us for row in rows]),
        _column([row.created_us for row in rows]),
        _column([row.etag for row in rows]),
        _column([row.version_id for row in rows]),
    )


def _column(values: list[T | None]) -> list[T | None]:
    return [] if all(value is None for value in values) else values


def _note(rows: Sequence[ItemRow], digest: bytes) -> BlockNote:
    sizes = [row.size_bytes for row in rows]
    times = [row.modified_us for row in rows]
    known = [time for time in times if time is not None]
    is_known = len(known) == len(times)
    return BlockNote(
        len(rows),
        digest,
        min(sizes),
        max(sizes),
        min(known) if is_known else None,
        max(known) if is_known else None,
    )
