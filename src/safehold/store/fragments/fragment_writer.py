"""An index fragment of version 2 being written: rows come sorted, and never lie in memory all at once.

# ORDER: parts first, the fragment that names them last: whatever dies between leaves parts that nobody reads.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from safehold.core.errors import Damaged, StoreError, StoreFull
from safehold.store.backends.contract import Backend
from safehold.store.fragments.id_filter import Shape
from safehold.store.fragments.object_table import TABLE_OBJECTS, encode_table
from safehold.store.fragments.places import ROW_BYTES, ObjectRef
from safehold.store.fragments.stored_fragment import BLOCK_ROWS, PART_BLOCKS, VERSION, Head
from safehold.store.names import ObjectType
from safehold.store.sealed.frames import RAW, decode_frame, seal_frame
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.objects import FrameKind, FrameNote, assemble
from safehold.store.sealed.sealing import NewSeal, new_object_name

BLOCK_BYTES = BLOCK_ROWS * ROW_BYTES


class WrittenFragment(NamedTuple):
    """size_bytes: of all objects that it is made of."""

    name: str
    size_bytes: int


class FragmentWriter:
    """Writes one fragment, in one object or, with many rows, in several.

    Use as a `with` block; leaving it without `finish` takes back what was stored.
    """

    def __init__(
        self,
        backend: Backend,
        keys: VaultKeys,
        vault_id: bytes,
        *,
        most_rows: int,
        replaces: Sequence[str] = (),
    ) -> None:
        """most_rows: at least as many as will come; decides the form."""
        self.name = new_object_name(ObjectType.INDEX)
        self._backend = backend
        self._keys = keys
        self._vault_id = vault_id
        self._replaces = list(replaces)
        self._shape = Shape.for_rows(most_rows)
        self._has_parts = most_rows > BLOCK_ROWS * PART_BLOCKS
        self._tables: list[bytes] = []
        self._object_count = 0
        self._filters: list[bytes] = []
        self._starts = [0]
        self._partition: list[bytes] = []  # rows of the partition that is not finished
        self._blocks: list[bytes] = []
        self._short = b""  # less than a block
        self._last = b""
        self._count = 0
        self._parts: list[ObjectRef] = []
        self._size = 0
        self._may_be_known = False

    def add_objects(self, refs: Iterable[ObjectRef]) -> None:
        """The objects that rows speak of by number, in order. Once."""
        pending = iter(refs)
        while table := list(islice(pending, TABLE_OBJECTS)):
            self._tables.append(encode_table(table))
            self._object_count += len(table)

    def add(self, rows: list[bytes]) -> None:
        """More rows, sorted, none below those that came before. Raises Damaged when one is; StoreError."""
        if not rows:
            return
        if rows[0] < self._last:
            raise Damaged("the rows of an index fragment are out of order")
        self._last = rows[-1]
        self._count += len(rows)
        self._fill_blocks(b"".join(rows))
        self._partition += rows
        while (end := self._end_of_partition()) < len(self._partition):
            self._close_partition(end)

    def finish(self) -> WrittenFragment:
        """The fragment is there. Raises StoreError; nobody reads anything of it then."""
        if self._short:
            self._blocks.append(self._short)
        if self._has_parts and self._blocks:
            self._put_part()
        while len(self._filters) < self._shape.partitions:
            self._close_partition(self._end_of_partition())
        frames = [self._head(), *self._filters, *self._tables]
        self._filters, self._tables = [], []
        self._may_be_known = True
        try:
            self._size += self._put(self.name, frames, self._blocks).size_bytes
        except StoreFull:
            self._may_be_known = False  # for certain it is not there, and a full store needs the room
            raise
        return WrittenFragment(self.name, self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # INVARIANT: parts that a fragment may name are never taken back.
        for part in () if self._may_be_known else self._parts:
            with suppress(StoreError):
                self._backend.delete(part.name)

    def _fill_blocks(self, data: bytes) -> None:
        data = self._short + data
        whole = len(data) - len(data) % BLOCK_BYTES
        self._blocks += (data[start : start + BLOCK_BYTES] for start in range(0, whole, BLOCK_BYTES))
        self._short = data[whole:]
        while self._has_parts and len(self._blocks) >= PART_BLOCKS:
            self._put_part()

    def _put_part(self) -> None:
        blocks, self._blocks = self._blocks[:PART_BLOCKS], self._blocks[PART_BLOCKS:]
        part = self._put(f"{self.name}.{len(self._parts):05}", [], blocks)
        self._parts.append(part.ref)
        self._size += part.size_bytes

    def _end_of_partition(self) -> int:
        bound = self._shape.first_id(len(self._filters) + 1)
        return bisect_left(self._partition, bound)

    def _close_partition(self, end: int) -> None:
        rows, self._partition = self._partition[:end], self._partition[end:]
        self._filters.append(self._shape.encode(len(self._filters), rows))
        self._starts.append(self._starts[-1] + len(rows))

    def _head(self) -> bytes:
        head = Head(
            version=VERSION,
            entry_count=self._count,
            object_count=self._object_count,
            block_rows=BLOCK_ROWS,
            part_blocks=PART_BLOCKS,
            bucket_bits=self._shape.bucket_bits,
            partition_starts=self._starts,
            replaces=self._replaces,
            parts=self._parts,
        )
        return msgspec.msgpack.encode(head)

    def _put(self, name: str, frames: list[bytes], blocks: list[bytes]) -> _Put:
        """Both lists are emptied: nothing is held plain and sealed at once, but for one frame."""
        seal = NewSeal(self._keys, self._vault_id, ObjectType.INDEX, name)
        sealed: list[bytes | bytearray] = []
        notes = []
        for kind, plain in ((seal_frame, frames), (_seal_raw, blocks)):
            plain.reverse()
            while plain:
                frame = plain.pop()
                sealed.append(kind(seal, len(sealed), [frame]))
                notes.append(FrameNote(int(FrameKind.RECORD), len(sealed[-1]), [len(frame)], b""))
        parts = assemble(seal, sealed, notes)
        self._backend.put(name, parts)
        return _Put(ObjectRef(name, seal.header), sum(map(len, parts)))


class _Put(NamedTuple):
    ref: ObjectRef
    size_bytes: int


def _seal_raw(seal: NewSeal, number: int, parts: Sequence[bytes]) -> bytearray:
    """Sealed as it is: blocks of equal length stand where they can be found without a list."""
    (block,) = parts
    sealed = seal.seal(number, RAW + block)
    if decode_frame(seal.open(number, sealed)) != block:
        raise StoreError(f"{seal.name}: block {number} did not open to what was sealed; nothing was stored")
    return sealed
