"""The engine's queues, looked into when there is something new, and not all the time.

The library looks into each queue every so often, which costs several statements each time: an idle worker
would spend a tenth of a processor on it, and a busy one would take that from its jobs. Here a bell wakes the
thread of a queue; the library's own rhythm stays as what helps when a bell was not heard.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from safehold.core.clock import SystemClock
from safehold.domain.jobs import JobKind
from safehold.records.changes import LOOK_SECONDS, Changes, file_of

if TYPE_CHECKING:
    from dbos._queue import Queue

ASKED_OFTEN = frozenset({JobKind.BACKUP, JobKind.RESTORE})
SLOWER = 4  # times `poll_seconds`, for the queues of all other kinds
UNHEARD_SECONDS = 2.0  # between two looks into a queue of a file that nobody seems to write to


class Bell(threading.Event):
    """What a queue's thread waits on: `ring` has it look now, `set` has it end."""

    def __init__(self) -> None:
        super().__init__()
        self._hears = threading.Condition()
        self._is_rung = False

    def ring(self) -> None:
        with self._hears:
            self._is_rung = True
            self._hears.notify_all()

    def set(self) -> None:
        super().set()
        self.ring()

    def wait(self, timeout: float | None = None) -> bool:
        """True when it is set. A ring that came before is heard, too."""
        with self._hears:
            self._hears.wait_for(lambda: self._is_rung or self.is_set(), timeout)
            self._is_rung = False
        return self.is_set()


def seconds_between(kind: JobKind, poll_seconds: float) -> float:
    """Two looks into the queue of a kind are at least so far apart: most are empty most of the time."""
    return poll_seconds * (1 if kind in ASKED_OFTEN else SLOWER)


class Ringing:
    """Which queues a change of the file is to be told to now: each again only after its time. Pure."""

    def __init__(self, spacing: Mapping[JobKind, float]) -> None:
        self._spacing = spacing
        self._rung_at = dict.fromkeys(spacing, float("-inf"))
        self._untold: set[JobKind] = set()

    def due(self, now: float, *, is_changed: bool) -> list[JobKind]:
        if is_changed:
            self._untold.update(self._spacing)
        told = [kind for kind in self._untold if now - self._rung_at[kind] >= self._spacing[kind]]
        self._untold.difference_update(told)
        self._rung_at.update(dict.fromkeys(told, now))
        return told


class Queues:
    """The threads that take jobs from the queues; `start` once, `stop` once."""

    def __init__(self, url: str, poll_seconds: float) -> None:
        self._path = file_of(url)
        self._spacing = {kind: seconds_between(kind, poll_seconds) for kind in JobKind}
        self._bells = {kind: Bell() for kind in JobKind}
        self._stopping = threading.Event()

    def poll_seconds(self, kind: JobKind) -> float:
        """How often the library is to look by itself: a server does not ring for what others queue there."""
        return self._spacing[kind] if self._path is None else UNHEARD_SECONDS

    def start(self, queues: Mapping[JobKind, Queue], look: Callable[[threading.Event, Queue], None]) -> None:
        """look: the library's loop over a queue, which waits on the event, looks, and ends once it is set"""
        for kind, queue in queues.items():
            name = f"queue-{kind.value}"
            threading.Thread(target=look, args=(self._bells[kind], queue), name=name, daemon=True).start()
        if self._path is not None:
            threading.Thread(target=self._listen, args=(self._path,), name="queue-bells", daemon=True).start()

    def ring(self, kind: JobKind) -> None:
        """There is a new job of that kind."""
        self._bells[kind].ring()

    def stop(self) -> None:
        """Nothing more is taken from the queues."""
        self._stopping.set()
        for bell in self._bells.values():
            bell.set()

    def _listen(self, path: str) -> None:
        changes, ringing, clock = Changes(path), Ringing(self._spacing), SystemClock()
        while not self._stopping.wait(LOOK_SECONDS):
            for kind in ringing.due(clock.monotonic(), is_changed=changes.are_there()):
                self.ring(kind)
        changes.close()
