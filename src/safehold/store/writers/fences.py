"""Fences: each decides between a writer that commits and a collector that revokes it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Protocol

from safehold.core.errors import WriterRevoked
from safehold.store.points.points import PointRecord


class Fence(Protocol):
    """Decides between a writer that commits and a collector that revokes it: both go through one row."""

    def admit(self, intent_id: str, point_id: str) -> bool:
        """The point stands; False when its intent was revoked before. Again changes nothing."""

    def revoke(self, intent_id: str) -> Collection[str] | None:
        """Nothing more is admitted under this intent. The points that were; None when this fence cannot
        know of all writers, and so revokes none."""


Admit = Callable[[str, str], bool]  # (intent, point): does the point stand?


class NoFence:
    """For a store that knows of no catalog: all writers are admitted, and so none is ever revoked."""

    def admit(self, intent_id: str, point_id: str) -> bool:
        del intent_id, point_id
        return True

    def revoke(self, intent_id: str) -> Collection[str] | None:
        del intent_id
        return None


class MemoryFence:
    """A fence for writers and collectors of one process. Threads may share it."""

    def __init__(self) -> None:
        self._admitted: dict[str, set[str]] = {}
        self._revoked: set[str] = set()
        self._lock = threading.Lock()

    def admit(self, intent_id: str, point_id: str) -> bool:
        with self._lock:
            if intent_id not in self._revoked:
                self._admitted.setdefault(intent_id, set()).add(point_id)
            return point_id in self._admitted.get(intent_id, ())

    def revoke(self, intent_id: str) -> Collection[str] | None:
        with self._lock:
            self._revoked.add(intent_id)
            return frozenset(self._admitted.get(intent_id, ()))


def adopted(admit: Admit, record: PointRecord) -> PointRecord:
    """The record is a point from now on. Raises WriterRevoked when collection went on without its writer."""
    if record.intent_id is not None and not admit(record.intent_id, record.point_id):
        raise WriterRevoked(f"the writer of point {record.point_id} fell silent and was revoked")
    return record
