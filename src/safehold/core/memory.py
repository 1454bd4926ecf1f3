"""How the process gets its memory: tuned for backups, which use megabytes and let go of them at once."""

from __future__ import annotations

import ctypes

# Source: mallopt(3), malloc.h
_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def keep_freed_memory() -> None:
    """Memory that was let go of is used again, not given back to the system for a while.

    Fresh pages cost the system several microseconds each on virtual machines, as much as compressing what is
    put into them. Call once, before threads are started; does nothing where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_MMAP_THRESHOLD, 64 << 20)  # above a buffer or a frame: those come from what was kept
    mallopt(_M_TRIM_THRESHOLD, 128 << 20)
    mallopt(_M_TOP_PAD, 16 << 20)
    mallopt(_M_ARENA_MAX, 2)  # each arena keeps what was freed in it
