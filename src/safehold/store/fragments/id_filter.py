"""Where in a sorted run of chunk ids one may stand: a filter that also tells the row.

Ids are keyed hashes, so their first bits are spread evenly: they choose a bucket of about twelve rows. Of
each row two more bytes of its id are kept, in order. A bucket without those two bytes lacks the id for
certain; else their place in the bucket is the row. About one id in 5,000 that is not there seems to be.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Sequence

from safehold.core.errors import Damaged

PRINT_BYTES = 2
PREFIX_BYTES = 8
PRINT_AT = 8  # beyond the bits that choose a bucket
PRINT_END = PRINT_AT + PRINT_BYTES
BUCKET_ROWS = 8  # to 16 on average
PARTITION_BITS = 12  # so many buckets share a frame of the filter: about 120 KiB, 50,000 rows
PREFIX_BITS = 64
PAIR = struct.Struct(">II")


class Shape:
    """How a run of so many rows is cut: 2**bucket_bits buckets in partitions of up to 4096."""

    def __init__(self, bucket_bits: int) -> None:
        if not 0 <= bucket_bits <= 32:
            raise Damaged(f"an index fragment claims 2**{bucket_bits} buckets")
        self.bucket_bits = bucket_bits
        self.partitions = 1 << max(0, bucket_bits - PARTITION_BITS)
        self.buckets = min(1 << bucket_bits, 1 << PARTITION_BITS)  # in each partition
        self.fixed_bytes = (self.buckets + 1) * 4
        self.partition_shift = min(bucket_bits, PARTITION_BITS)
        self.bucket_shift = PREFIX_BITS - bucket_bits

    @classmethod
    def for_rows(cls, count: int) -> Shape:
        return cls(max(0, (count // BUCKET_ROWS).bit_length() - 1))

    def first_id(self, partition: int, bucket: int = 0) -> bytes:
        """The lowest id that belongs there or later; after the last bucket, one that is above all."""
        first = (partition * self.buckets + bucket) << self.bucket_shift
        return first.to_bytes(9, "big")[1:] if first >> PREFIX_BITS == 0 else b"\xff" * 33

    def encode(self, partition: int, rows: Sequence[bytes]) -> bytes:
        """The filter's frame for all rows of a partition: where each bucket starts, then the prints."""
        starts = [bisect_left(rows, self.first_id(partition, bucket)) for bucket in range(1, self.buckets)]
        starts = [0, *starts, len(rows)]
        prints = b"".join([row[PRINT_AT:PRINT_END] for row in rows])
        return struct.pack(f">{len(starts)}I", *starts) + prints

    def check(self, frame: bytes, count: int) -> bytes:
        """The frame itself. Raises Damaged when it is not one of a partition with so many rows."""
        if len(frame) != self.fixed_bytes + PRINT_BYTES * count:
            raise Damaged("an index fragment's filter is of another length than its rows ask for")
        starts = struct.unpack_from(f">{self.buckets + 1}I", frame)
        if starts[0] != 0 or starts[-1] != count or list(starts) != sorted(starts):
            raise Damaged("an index fragment's filter contradicts itself")
        return frame

    def rows(self, frame: bytes, bucket: int, chunk_id: bytes) -> list[int]:
        """Rows of the partition that may be the id's, in order."""
        start, end = PAIR.unpack_from(frame, 4 * bucket)
        base = self.fixed_bytes
        wanted = chunk_id[PRINT_AT:PRINT_END]
        at = frame.find(wanted, base + PRINT_BYTES * start, base + PRINT_BYTES * end)
        found = []
        while at >= 0:
            row, odd = divmod(at - base, PRINT_BYTES)
            if not odd:
                found.append(row)
            at = frame.find(wanted, at + 1, base + PRINT_BYTES * end)
        return found
