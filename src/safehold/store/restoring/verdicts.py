"""Three verdicts on what was read back, and the patience before any but the first is given.

A read that fails or lies once says nothing of what is stored: a cable, a proxy, a memory bit may have done
it. Only what was wrong three times, read anew each time, is called damaged.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from safehold.core.errors import Damaged, KeyMismatch, StoreError, StoreUnavailable

T = TypeVar("T")

TRIES = 3


class Verdict(StrEnum):
    OK = "ok"
    DAMAGED = "damaged"  # other bytes than were written, or none: three times
    UNREADABLE = "unreadable"  # no answer, or our keys are not all of the vault's: nothing is known


def verdict_on(error: StoreError) -> Verdict:
    """What an error says of the object it is about."""
    is_open = isinstance(error, StoreUnavailable | KeyMismatch)
    return Verdict.UNREADABLE if is_open else Verdict.DAMAGED


def read_again(read: Callable[[], T]) -> T:
    """What `read` gives at its first, second or third call. Raises what the last one raised.

    Only damage is tried again here: backends and jobs have their own patience with stores that do not answer.
    """
    for _ in range(TRIES - 1):
        try:
            return read()
        except Damaged:
            continue
    return read()
