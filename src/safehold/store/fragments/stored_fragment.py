"""An index fragment of version 2, read where it lies: a filter in memory, rows by blocks, one read for each.

docs/formats/index.md is the specification. Nothing of it is read whole: a filter's frame, a table's frame
and a block are read when a lookup first needs them.
"""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import msgspec

from safehold.core.errors import Damaged
from safehold.store.backends.contract import Backend
from safehold.store.fragments.id_filter import PAIR, PREFIX_BYTES, PRINT_AT, PRINT_END, Shape
from safehold.store.fragments.object_table import TABLE_OBJECTS, ObjectTable
from safehold.store.fragments.places import PLACE, ROW_BYTES, ObjectRef, Place
from safehold.store.sealed.chunking import ID_BYTES
from safehold.store.sealed.decoding import UNREADABLE
from safehold.store.sealed.frames import RAW, open_frame
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.objects import SealedObject
from safehold.store.sealed.sealing import HEADER_BYTES, TAG_BYTES, ObjectSeal

VERSION = 2
BLOCK_ROWS = 512  # 28 KiB: to read and open one costs little more than to ask for it
PART_BLOCKS = 512  # 14 MiB in one object, so that writing one needs no more memory than that
KEPT_BLOCKS = 256
RUN_ROWS = 32_768  # for whoever reads all rows in order: 2 MB with one read
SEALED_BLOCK_BYTES = len(RAW) + BLOCK_ROWS * ROW_BYTES + TAG_BYTES


class Head(msgspec.Struct):
    """Frame 0 of a fragment.

    partition_starts  first row of each partition of the filter, and the number of rows at the end
    replaces          fragments whose rows are all in this one
    parts             other objects that hold the blocks, when they are too many for this one
    """

    version: int
    entry_count: int
    object_count: int
    block_rows: int
    part_blocks: int
    bucket_bits: int
    partition_starts: list[int]
    replaces: list[str]
    parts: list[ObjectRef]


class BlockCache:
    """The blocks that were read last, of all fragments. Thread-safe."""

    def __init__(self, kept: int = KEPT_BLOCKS) -> None:
        self._kept = kept
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, fragment: str, number: int) -> bytes | None:
        with self._lock:
            block = self._blocks.get((fragment, number))
            if block is not None:
                self._blocks.move_to_end((fragment, number))
            return block

    def keep(self, fragment: str, number: int, block: bytes) -> None:
        with self._lock:
            self._blocks[fragment, number] = block
            if len(self._blocks) > self._kept:
                self._blocks.popitem(last=False)


class StoredFragment:
    """A fragment that stays where it is. Thread-safe.

    Its methods raise Damaged, ObjectMissing, KeyMismatch when the fragment is not what was written, and
    StoreUnavailable when the backend fails, which says nothing of the fragment.
    """

    def __init__(
        self,
        opened: SealedObject,
        head: bytes,
        backend: Backend,
        keys: VaultKeys,
        vault_id: bytes,
        cache: BlockCache,
    ) -> None:
        self.name = opened.name
        self.head = _parse_head(opened.name, head)
        self._backend = backend
        self._seal = opened.seal
        self._offsets = array("Q", [*opened.offsets, opened.end])
        self._parts = [ObjectSeal(keys, vault_id, ref.header, ref.name) for ref in self.head.parts]
        self._cache = cache
        self._shape = shape = Shape(self.head.bucket_bits)
        self._bucket_shift, self._partition_shift = shape.bucket_shift, shape.partition_shift
        self._bucket_mask, self._prints = shape.buckets - 1, shape.fixed_bytes
        self._filters: dict[int, bytes] = {}
        self._first_table = 1 + self._shape.partitions
        tables = -(-self.head.object_count // TABLE_OBJECTS)
        self._first_block = self._first_table + tables
        self.objects = ObjectTable(self.head.object_count, lambda n: self._own_frame(self._first_table + n))
        self._check_frames()

    def __len__(self) -> int:
        return self.head.entry_count

    @property
    def block_count(self) -> int:
        return -(-self.head.entry_count // BLOCK_ROWS)

    def find(self, chunk_id: bytes) -> Sequence[Place]:
        """Every place of the chunk. Reads a block only where the filter says that the chunk may be."""
        # Asked for every new chunk of every backup: hence in one piece, as few steps as can be.
        bucket = int.from_bytes(chunk_id[:PREFIX_BYTES], "big") >> self._bucket_shift
        partition = bucket >> self._partition_shift
        frame = self._filters.get(partition)
        if frame is None:
            frame = self._read_filter(partition)
        bucket &= self._bucket_mask
        start, end = PAIR.unpack_from(frame, bucket << 2)
        first = self._prints
        if frame.find(chunk_id[PRINT_AT:PRINT_END], first + (start << 1), first + (end << 1)) < 0:
            return ()
        offset = self.head.partition_starts[partition]
        rows = self._shape.rows(frame, bucket, chunk_id)
        places = (self._place(offset + row, chunk_id) for row in rows)
        return [place for place in places if place is not None]

    def covers(self, ref: ObjectRef) -> bool:
        return ref in self.objects.named(ref.name)

    def names(self, name: str) -> bool:
        """Does it speak of an object of that name?"""
        return next(self.objects.named(name), None) is not None

    def runs_of_names(self) -> Iterator[list[str]]:
        return self.objects.runs_of_names()

    def rows(self, most: int = RUN_ROWS) -> Iterator[list[bytes]]:
        """All rows, in order, so many at a time, and at least a block of them."""
        ahead = max(1, most // BLOCK_ROWS)
        for first in range(0, self.block_count, ahead):
            run = b"".join(self._read_blocks(first, min(ahead, self.block_count - first)))
            yield [run[start : start + ROW_BYTES] for start in range(0, len(run), ROW_BYTES)]

    def _place(self, row: int, chunk_id: bytes) -> Place | None:
        number, within = divmod(row, BLOCK_ROWS)
        block = self._cache.find(self.name, number)
        if block is None:
            (block,) = self._read_blocks(number, 1)
            self._cache.keep(self.name, number, block)
        start = within * ROW_BYTES
        if block[start : start + ID_BYTES] != chunk_id:
            return None  # only the filter's two bytes are alike
        object_number, *rest = PLACE.unpack_from(block, start + ID_BYTES)
        if object_number >= self.head.object_count:
            raise Damaged(f"{self.name} names an object that it does not list")
        return Place(self.objects[object_number], *rest)

    def _read_filter(self, partition: int) -> bytes:
        starts = self.head.partition_starts
        frame = self._own_frame(1 + partition)
        self._filters[partition] = self._shape.check(frame, starts[partition + 1] - starts[partition])
        return frame

    def _own_frame(self, number: int) -> bytes:
        start, end = self._offsets[number : number + 2]
        return open_frame(self._seal, number, self._backend.get(self.name, offset=start, length=end - start))

    def _read_blocks(self, first: int, count: int) -> Iterator[bytes]:
        """Blocks that follow one another, with one read for each object that they lie in."""
        while count:
            part, within = divmod(first, PART_BLOCKS) if self._parts else (0, first)
            here = min(count, PART_BLOCKS - within) if self._parts else count
            if self._parts:
                seal, frame = self._parts[part], within
                offset = HEADER_BYTES + within * SEALED_BLOCK_BYTES
            else:
                seal, frame = self._seal, self._first_block + first
                offset = self._offsets[frame]
            sealed = memoryview(self._backend.get(seal.name, offset=offset, length=here * SEALED_BLOCK_BYTES))
            for number in range(here):
                rows = min(BLOCK_ROWS, self.head.entry_count - (first + number) * BLOCK_ROWS)
                start = number * SEALED_BLOCK_BYTES
                end = start + len(RAW) + rows * ROW_BYTES + TAG_BYTES
                yield _block(seal, frame + number, sealed[start:end], rows)
            first, count = first + here, count - here

    def _check_frames(self) -> None:
        own_blocks = 0 if self._parts else self.block_count
        if len(self._offsets) - 1 != self._first_block + own_blocks:
            raise Damaged(f"{self.name} has another number of frames than its head says")
        if self._parts and len(self._parts) != -(-self.block_count // PART_BLOCKS):
            raise Damaged(f"{self.name} has another number of parts than its head says")
        if own_blocks > 1:
            strides = {
                self._offsets[n + 1] - self._offsets[n]
                for n in range(self._first_block, len(self._offsets) - 2)
            }
            if strides != {SEALED_BLOCK_BYTES}:
                raise Damaged(f"{self.name} has blocks of another length than its head says")


def _parse_head(name: str, frame: bytes) -> Head:
    try:
        head = msgspec.msgpack.decode(frame, type=Head)
    except UNREADABLE as error:
        raise Damaged(f"{name} has no readable head") from error
    if (head.version, head.block_rows, head.part_blocks) != (VERSION, BLOCK_ROWS, PART_BLOCKS):
        raise Damaged(f"{name} is of a form that is not known here")
    starts = head.partition_starts
    if len(starts) != Shape(head.bucket_bits).partitions + 1 or starts != sorted(starts):
        raise Damaged(f"{name} contradicts itself about its filter")
    if starts[0] != 0 or starts[-1] != head.entry_count or head.object_count < 0:
        raise Damaged(f"{name} contradicts itself about its rows")
    return head


def _block(seal: ObjectSeal, number: int, sealed: memoryview, rows: int) -> bytes:
    block = open_frame(seal, number, sealed)
    if len(block) != rows * ROW_BYTES:
        raise Damaged(f"{seal.name}: block {number} is of another length than its rows ask for")
    return block
