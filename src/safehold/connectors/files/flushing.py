"""What was restored is made durable while the restore goes on: in the end little is left to wait for."""

from __future__ import annotations

import ctypes
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from safehold.core.errors import RestoreError

FLUSH_BYTES = 128 << 20  # written since the last time; smaller ones would hold up those who write for nothing


class Flushing:
    """Of the file system that an open folder lies on. Several threads may use it; close() ends it."""

    def __init__(self, folder: int) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._unflushed_bytes = 0
        self._flush: Future[None] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="flush")

    def note(self, size: int) -> None:
        """So many bytes more were written."""
        with self._lock:
            self._unflushed_bytes += size
            if self._unflushed_bytes < FLUSH_BYTES or (self._flush and not self._is_well()):
                return
            self._unflushed_bytes = 0
            self._flush = self._pool.submit(_sync_file_system, self._folder)

    def _is_well(self) -> bool:
        """Is the last flush done? One that failed is kept: the system tells of it only once."""
        return self._flush is not None and self._flush.done() and self._flush.exception() is None

    def finish(self) -> None:
        """Everything that was written is durable. Raises RestoreError."""
        if self._flush is not None:
            self._flush.result()
        _sync_file_system(self._folder)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


def _sync_file_system(folder: int) -> None:
    """One call for the whole file system, not one per file."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.syncfs(folder) != 0:
        number = ctypes.get_errno()
        raise RestoreError(f"what was restored could not be made durable: {os.strerror(number)}")
