"""Long files written past the page cache.

A pack is not read soon after it was written: kept in the page cache it would push out what the machine works
with, and each page of it costs the system one that is fresh. What is read of it later comes from the disk,
which is what a proof wants.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Sequence
from mmap import mmap
from threading import local

BLOCK_BYTES = 4096  # offsets, lengths and memory must be multiples of the disk's own, which are no larger
STAGE_BYTES = 4 << 20  # written at once


class _Stage(local):
    """Each thread's own aligned memory."""

    def __init__(self) -> None:
        self.view = memoryview(mmap(-1, STAGE_BYTES))


_stage = _Stage()


def write_blocks(descriptor: int, parts: Sequence[memoryview]) -> Sequence[memoryview]:
    """Write whole blocks from the file's beginning on; returns what is left to be written as usual.

    That is all of it where the file system knows no such writing. Raises OSError.
    """
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT)
    except OSError:
        return parts
    try:
        return _write_blocks(descriptor, parts, _stage.view)
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)


def _write_blocks(descriptor: int, parts: Sequence[memoryview], stage: memoryview) -> Sequence[memoryview]:
    while size := _fill(stage, parts) // BLOCK_BYTES * BLOCK_BYTES:
        try:
            written = os.write(descriptor, stage[:size])
        except OSError as error:
            if error.errno == errno.EINVAL:  # it takes the flag, and larger blocks than ours, or none
                return parts
            raise
        parts = after(parts, written)
        if written % BLOCK_BYTES:
            return parts
    return parts


def _fill(stage: memoryview, parts: Sequence[memoryview]) -> int:
    filled = 0
    for part in parts:
        size = min(len(part), len(stage) - filled)
        stage[filled : filled + size] = part[:size]
        filled += size
        if filled == len(stage):
            break
    return filled


def after(parts: Sequence[memoryview], written: int) -> Sequence[memoryview]:
    """What is left when so many bytes of them are written."""
    for number, part in enumerate(parts):
        if written < len(part):
            return [part[written:], *parts[number + 1 :]]
        written -= len(part)
    return []
