"""Names of a source vault's chunks and what they are called in this one: what copies have learnt, kept.

docs/formats/id-maps.md is the specification. Working state: a table that is lost or damaged costs reading
chunks of the source once more, never more than that.

# INVARIANT: a name found here is a hint. Whoever uses it looks up first that the vault has such a chunk, and
# that it stays.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby, islice

import msgspec

from safehold.core.errors import Damaged, StoreError
from safehold.store.backends.contract import Backend
from safehold.store.names import ObjectType
from safehold.store.sealed.chunking import ID_BYTES
from safehold.store.sealed.decoding import UNREADABLE
from safehold.store.sealed.frames import seal_frame
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.objects import FrameKind, FrameNote, SealedObject, assemble
from safehold.store.sealed.sealing import NewSeal, new_object_name

VERSION = 1
ROW_BYTES = 2 * ID_BYTES  # the id in the source, then the one here
PART_ROWS = 1024  # 64 KiB: what one lookup reads
TABLE_ROWS = 1 << 15  # 2 MiB
MOST_TABLES = 16  # side by side: a lookup may look into each of them
KEPT_PARTS = 256  # 16 MiB


class Head(msgspec.Struct):
    """first_ids: the first source id of each part; prefix: hex digits that all source ids begin with."""

    version: int
    source_vault: str
    prefix: str
    rows: int
    first_ids: list[bytes]


@dataclass(slots=True)
class Table:
    """One table, opened. Raises StoreError where it is read."""

    name: str
    head: Head
    _object: SealedObject
    _parts: OrderedDict[tuple[str, int], bytes]  # shared by all tables of a map

    def find(self, source_id: bytes) -> bytes | None:
        number = bisect_right(self.head.first_ids, source_id) - 1
        if number < 0:
            return None
        part = self._part(number)
        at = bisect_left(_Rows(part), source_id)
        row = part[at * ROW_BYTES : (at + 1) * ROW_BYTES]
        return row[ID_BYTES:] if row[:ID_BYTES] == source_id else None

    def rows(self) -> Iterator[bytes]:
        for number in range(len(self.head.first_ids)):
            yield from _cut(self._read(number))

    def sample(self) -> list[bytes]:
        """Some of its rows, as good as drawn: ids are keyed hashes."""
        return list(_cut(self._read(0))) if self.head.first_ids else []

    def _part(self, number: int) -> bytes:
        key = (self.name, number)
        if key not in self._parts:
            self._parts[key] = self._read(number)
            while len(self._parts) > KEPT_PARTS:
                self._parts.popitem(last=False)
        self._parts.move_to_end(key)
        return self._parts[key]

    def _read(self, number: int) -> bytes:
        part = self._object.frame(number)
        if len(part) % ROW_BYTES:
            raise Damaged(f"{self.name}: a part of an id map is cut off")
        return part


class _Rows(Sequence[bytes]):
    """The source ids of a part, for a search by halves."""

    def __init__(self, part: bytes) -> None:
        self._part = part

    def __len__(self) -> int:
        return len(self._part) // ROW_BYTES

    def __getitem__(self, at: int) -> bytes:  # type: ignore[override]  # never asked for a slice
        return self._part[at * ROW_BYTES : at * ROW_BYTES + ID_BYTES]


@dataclass(frozen=True, slots=True)
class MapFolder:
    """The id maps of a vault. One thread uses it."""

    backend: Backend
    keys: VaultKeys
    vault_id: bytes
    _parts: OrderedDict[tuple[str, int], bytes] = field(default_factory=OrderedDict)

    def names(self, source_vault: str = "") -> list[str]:
        """Of all tables, or of those for one source. Raises StoreError."""
        folder = ObjectType.ID_MAP.folder + (f"{source_vault}/" if source_vault else "")
        return [info.name for info in self.backend.list(folder)]

    def open(self, name: str) -> Table:
        """Raises ObjectMissing, Damaged, KeyMismatch, StoreUnavailable."""
        opened = SealedObject(self.backend, self.keys, self.vault_id, name)
        try:
            head = msgspec.msgpack.decode(opened.record(), type=Head)
        except UNREADABLE as error:
            raise Damaged(f"{name}: the head of an id map cannot be read") from error
        if head.version != VERSION:
            raise Damaged(f"{name}: an id map of version {head.version} is not known here")
        if source_of(name) != head.source_vault or len(opened.directory.frames) != len(head.first_ids) + 1:
            raise Damaged(f"{name} is not the id map that its name says")
        return Table(name, head, opened, self._parts)

    def write(self, source_vault: str, prefix: str, rows: Sequence[bytes]) -> str:
        """A table with those rows, in order, is there; returns its name. Raises StoreError."""
        own = new_object_name(ObjectType.ID_MAP).removeprefix(ObjectType.ID_MAP.folder)
        name = f"{ObjectType.ID_MAP.folder}{source_vault}/{own}"
        parts = [b"".join(some) for some in _batches(rows, PART_ROWS)]
        head = Head(VERSION, source_vault, prefix, len(rows), [part[:ID_BYTES] for part in parts])
        seal = NewSeal(self.keys, self.vault_id, ObjectType.ID_MAP, name)
        plain = [*parts, msgspec.msgpack.encode(head)]
        frames = [seal_frame(seal, number, [one]) for number, one in enumerate(plain)]
        notes = [
            FrameNote(int(FrameKind.RECORD), len(frame), [len(one)], b"")
            for frame, one in zip(frames, plain, strict=True)
        ]
        self.backend.put(name, assemble(seal, frames, notes))
        return name

    def delete(self, names: Iterable[str]) -> None:
        """They are gone, but for what the place keeps; nobody misses them."""
        for name in names:
            with suppress(StoreError):
                self.backend.delete(name)


class IdMap:
    """What this vault knows of one source. Nothing of it raises: a map that fails is a map that knows less.

    One thread uses it. Memory: the heads of the tables, some parts, and the rows that no table has yet.
    """

    def __init__(self, folder: MapFolder, source_vault: str) -> None:
        self._folder = folder
        self._source_vault = source_vault
        self._tables: dict[str, list[Table]] | None = None  # by prefix; opened when something is asked for
        self._depth = 0  # of the longest prefix
        self._damaged: list[str] = []
        self._new: dict[bytes, bytes] = {}

    def find(self, source_id: bytes) -> bytes | None:
        """What the chunk was called here when it was copied."""
        digits = source_id.hex()
        tables = self._opened()
        for depth in range(self._depth + 1):
            for table in tables.get(digits[:depth], ()):
                try:
                    found = table.find(source_id)
                except StoreError as error:
                    self._give_up(table, error)
                    continue
                if found is not None:
                    return found
        return None

    def put(self, source_id: bytes, target_id: bytes) -> None:
        """It was copied and is called so; in a table after the next `keep`."""
        self._new[source_id] = target_id
        if len(self._new) >= TABLE_ROWS:
            self.keep()

    def keep(self) -> None:
        """What was put is in the vault."""
        rows = sorted(source_id + target_id for source_id, target_id in self._new.items())
        self._new = {}
        if rows:
            with suppress(StoreError):
                self._folder.write(self._source_vault, "", rows)

    def tend(self) -> None:
        """No lookup has to look into many tables: where they lie side by side they are laid together."""
        with suppress(StoreError):
            names = self._folder.names(self._source_vault)
            if len(names) > MOST_TABLES:
                self._lay_together(names)
        self._folder.delete(self._damaged)

    def _lay_together(self, names: list[str]) -> None:
        for prefix, tables in self._open_all(names).items():
            if len(tables) > MOST_TABLES:
                self._merge(prefix, tables)

    def _merge(self, prefix: str, tables: list[Table]) -> None:
        """One table of them, or one for each next digit. ORDER: the new ones are there before the old go."""
        merged = merge(*map(_readable_rows, tables))
        rows = (next(same) for _, same in groupby(merged, key=lambda row: row[:ID_BYTES]))
        depth = len(prefix) + (sum(table.head.rows for table in tables) > TABLE_ROWS)
        written: list[str] = []
        try:
            for longer, group in groupby(rows, key=lambda row: row[:ID_BYTES].hex()[:depth]):
                for some in _batches(group, TABLE_ROWS):
                    written.append(self._folder.write(self._source_vault, longer, some))
        except StoreError:
            self._folder.delete(written)  # another day
            raise
        self._folder.delete(table.name for table in tables)

    def _opened(self) -> dict[str, list[Table]]:
        if self._tables is None:
            names: list[str] = []
            with suppress(StoreError):
                names = self._folder.names(self._source_vault)
            self._tables = self._open_all(names)
            self._depth = max(map(len, self._tables), default=0)
        return self._tables

    def _open_all(self, names: Iterable[str]) -> dict[str, list[Table]]:
        found: dict[str, list[Table]] = defaultdict(list)
        for name in names:
            try:
                table = self._folder.open(name)
            except Damaged:
                self._damaged.append(name)
            except StoreError:
                continue  # perhaps another day
            else:
                found[table.head.prefix].append(table)
        return found

    def _give_up(self, table: Table, error: StoreError) -> None:
        if self._tables is not None:
            # Not in place: somebody is walking along the list.
            others = [other for other in self._tables[table.head.prefix] if other is not table]
            self._tables[table.head.prefix] = others
        if isinstance(error, Damaged):
            self._damaged.append(table.name)


def source_of(name: str) -> str:
    """The source vault's id, in hex, of which that table tells."""
    return name.removeprefix(ObjectType.ID_MAP.folder).partition("/")[0]


def _cut(part: bytes) -> Iterator[bytes]:
    return (part[start : start + ROW_BYTES] for start in range(0, len(part), ROW_BYTES))


def _readable_rows(table: Table) -> Iterator[bytes]:
    """Of a damaged one those before the damage: it is about to be deleted."""
    with suppress(Damaged):
        yield from table.rows()


def _batches(rows: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    rows = iter(rows)
    while some := list(islice(rows, size)):
        yield some
