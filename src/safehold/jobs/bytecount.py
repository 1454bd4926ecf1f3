"""How far a job is: what the store has done is added up and shown, and told to stop when it should."""

from __future__ import annotations

from safehold.jobs.context import JobContext


class ByteCount:
    """Called by the store, from one thread at a time; raises what `JobContext.check` raises."""

    def __init__(self, context: JobContext, total_bytes: int | None, *, done_bytes: int = 0) -> None:
        """done_bytes: what earlier attempts did of it"""
        self._context = context
        self._total = total_bytes
        self._done = done_bytes

    def __call__(self, items: int, size: int) -> None:
        self._done += size
        self._context.progress(self._done, self._total)
