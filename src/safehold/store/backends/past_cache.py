"""Long files written, and long pieces read, past the page cache.

A pack is not read soon after it was written, and then once: kept in the page cache it would push out what the
machine works with, and each page of it costs the system one that is fresh. What is read of it comes from the
disk, which is what a proof wants.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from mmap import mmap
from threading import local
from typing import ParamSpec

P = ParamSpec("P")

BLOCK_BYTES = 4096  # offsets, lengths and memory must be multiples of the disk's own, which are no larger
STAGE_BYTES = 4 << 20  # written at once


class _Stage(local):
    """Each thread's own aligned memory."""

    def __init__(self) -> None:
        self.view = memoryview(mmap(-1, STAGE_BYTES))


_stage = _Stage()


def read_blocks(descriptor: int, offset: int, length: int) -> bytes | None:
    """So many bytes from there on; None where they cannot be read so, which says nothing about them.

    Raises OSError.
    """
    before = offset % BLOCK_BYTES
    size = -(-(before + length) // BLOCK_BYTES) * BLOCK_BYTES
    if size > STAGE_BYTES:
        return None
    piece = _stage.view[:size]
    with _direct(descriptor) as is_direct:
        got = _unless_refused(os.preadv, descriptor, [piece], offset - before) if is_direct else None
    if got is None or got < before + length:
        return None
    return bytes(piece[before : before + length])


def write_blocks(descriptor: int, parts: Sequence[memoryview]) -> Sequence[memoryview]:
    """Write whole blocks from the file's beginning on; returns what is left to be written as usual.

    That is all of it where the file system knows no such writing. Raises OSError.
    """
    with _direct(descriptor) as is_direct:
        return _write_blocks(descriptor, parts, _stage.view) if is_direct else parts


def _write_blocks(descriptor: int, parts: Sequence[memoryview], stage: memoryview) -> Sequence[memoryview]:
    while size := _fill(stage, parts) // BLOCK_BYTES * BLOCK_BYTES:
        written = _unless_refused(os.write, descriptor, stage[:size])
        if written is None:
            return parts
        parts = after(parts, written)
        if written % BLOCK_BYTES:
            return parts
    return parts


@contextmanager
def _direct(descriptor: int) -> Iterator[bool]:
    """Past the cache inside the block, if the file system knows that."""
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT)
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)


def _unless_refused(call: Callable[P, int], *given: P.args, **named: P.kwargs) -> int | None:
    """What it returns; None where the file system takes the flag, and larger blocks than ours, or none."""
    try:
        return call(*given, **named)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise


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
