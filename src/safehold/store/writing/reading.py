"""Small items read, in batches, ahead of whoever takes them: by one thread, or by several.

While the page cache answers, one thread is fastest: several would spend their time handing Python's lock to
one another, once for each of a small file's system calls. While the disk must be waited for, several wait
side by side. Which it is, is measured: a batch that was slow sends the next ones to the many.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from safehold.core.clock import Clock, SystemClock

THREADS = 6
BATCHES_BY_MANY = 48  # after a slow batch; then one thread tries again whether it still is slow
SLOW_ITEM_SECONDS = 250e-6  # several times what an item costs when nothing is waited for
SLOW_BYTE_SECONDS = 4e-9

T = TypeVar("T")


class ItemReader:
    """Use as a `with` block. One thread starts and takes batches, in the same order."""

    def __init__(self, *, clock: Clock | None = None) -> None:
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

    def start(self, read: Callable[[], T], count: int, size: int) -> Callable[[], T]:
        """So many items of `size` bytes are to be read by `read`; what this returns gives what that gave."""
        if self._left_for_many > 0:
            self._left_for_many -= 1
            return self._many.submit(read).result
        return self._one.submit(self._timed, read, count, size).result

    def _timed(self, read: Callable[[], T], count: int, size: int) -> T:
        started = self._clock.monotonic()
        found = read()
        seconds = self._clock.monotonic() - started
        if seconds > count * SLOW_ITEM_SECONDS + size * SLOW_BYTE_SECONDS:
            self._left_for_many = BATCHES_BY_MANY
        return found
