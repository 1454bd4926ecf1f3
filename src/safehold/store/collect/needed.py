"""Which chunks are needed: sixteen bytes of each id, in memory up to a bound and on disk beyond it.

Ids are keyed hashes: two that share sixteen bytes do not occur. They are handed out by their first byte, one
256th at a time, so that a vault of any size is counted in little memory.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable
from typing import BinaryIO

KEPT_BYTES = 16  # of an id
PARTITIONS = 256
MEMORY_BYTES = 32 << 20  # what is gathered before it goes to disk


class NeededIds:
    """Ids may be added more than once. Use as long as needed; `close` gives up the disk. Not thread-safe."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._memory_bytes = memory_bytes
        self._gathered = [bytearray() for _ in range(PARTITIONS)]
        self._gathered_bytes = 0
        self._file: BinaryIO | None = None
        self._runs: list[list[tuple[int, int]]] = [[] for _ in range(PARTITIONS)]

    def add(self, ids: Iterable[bytes]) -> None:
        gathered = self._gathered
        count = 0
        for identity in ids:
            gathered[identity[0]] += identity[:KEPT_BYTES]
            count += 1
        self._gathered_bytes += KEPT_BYTES * count
        if self._gathered_bytes >= self._memory_bytes:
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as this does
        position = self._file.seek(0, 2)
        for number, run in enumerate(self._gathered):
            if run:
                self._file.write(run)
                self._runs[number].append((position, len(run)))
                position += len(run)
        self._gathered = [bytearray() for _ in range(PARTITIONS)]
        self._gathered_bytes = 0

    def partition(self, first_byte: int) -> set[bytes]:
        """The ids that begin with that byte, cut to sixteen bytes."""
        found = _cut(self._gathered[first_byte])
        for position, length in self._runs[first_byte]:
            assert self._file is not None
            self._file.seek(position)
            found |= _cut(self._file.read(length))
        return found

    def among(self, ids: Iterable[bytes]) -> set[bytes]:
        """Those of the given ids that are needed, cut to sixteen bytes. Goes once through all needed ids."""
        asked: dict[int, set[bytes]] = defaultdict(set)
        for identity in ids:
            asked[identity[0]].add(identity[:KEPT_BYTES])
        found: set[bytes] = set()
        for first_byte, wanted in asked.items():
            found |= wanted & self.partition(first_byte)
        return found

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _cut(joined: bytes | bytearray) -> set[bytes]:
    joined = bytes(joined)
    return {joined[start : start + KEPT_BYTES] for start in range(0, len(joined), KEPT_BYTES)}
