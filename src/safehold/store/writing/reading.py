"""Small items read and named, in batches, ahead of whoever takes them: by one thread, or by several.

While the page cache answers, one thread is fastest: several would spend their time handing Python's lock to
one another, once for each of a small file's system calls. While the disk must be waited for, several wait
side by side. Which it is, is measured: a batch that was slow sends the next ones to the many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias

from blake3 import blake3

from safehold.core.clock import Clock, SystemClock
from safehold.domain.items import Item

THREADS = 6
BATCHES_BY_MANY = 48  # after a slow batch; then one thread tries again whether it still is slow
SLOW_ITEM_SECONDS = 250e-6  # several times what an item costs when nothing is waited for
SLOW_BYTE_SECONDS = 4e-9

Batch: TypeAlias = Sequence[tuple[bytes, Item]]  # items, each with the path of its directory
ReadWhole: TypeAlias = Callable[[Batch], Sequence[tuple[bytes | memoryview, Item] | None]]


class ReadItem(NamedTuple):
    """item: as it was when read, None when it vanished; identity: the chunk id of its bytes."""

    item: Item | None
    data: bytes | memoryview
    identity: bytes


Take: TypeAlias = Callable[[], list[ReadItem]]  # gives a batch's items read, in the same order, once

_VANISHED = ReadItem(None, b"", b"")


class ItemReader:
    """Use as a `with` block. One thread starts and takes batches, in the same order."""

    def __init__(self, read_whole: ReadWhole, chunk_id_key: bytes, *, clock: Clock | None = None) -> None:
        self._read_whole = read_whole
        self._key = chunk_id_key
        self._clock = clock or SystemClock()
        self._one = ThreadPoolExecutor(1, thread_name_prefix="read-one")
        self._many = ThreadPoolExecutor(THREADS, thread_name_prefix="read-many")
        self._left_for_many = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in (self._one, self._many):
            pool.shutdown(wait=True, cancel_futures=True)

    def start(self, batch: Batch, size: int) -> Take:
        """A batch of `size` bytes is to be read; what this returns gives it."""
        if not batch:
            return list
        if self._left_for_many > 0:
            self._left_for_many -= 1
            return self._many.submit(self._read, batch).result
        return self._one.submit(self._read_timed, batch, size).result

    def _read_timed(self, batch: Batch, size: int) -> list[ReadItem]:
        started = self._clock.monotonic()
        found = self._read(batch)
        seconds = self._clock.monotonic() - started
        if seconds > len(batch) * SLOW_ITEM_SECONDS + size * SLOW_BYTE_SECONDS:
            self._left_for_many = BATCHES_BY_MANY
        return found

    def _read(self, batch: Batch) -> list[ReadItem]:
        key = self._key
        return [
            ReadItem(got[1], got[0], blake3(got[0], key=key).digest()) if got is not None else _VANISHED
            for got in self._read_whole(batch)
        ]
