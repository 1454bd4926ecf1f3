"""Makes checkpoints while a backup runs, so that whoever goes on with it reads only minutes' worth again.

# ORDER: packs and pages, the fragment that names them, the checkpoint, the note of its name; then the one
# before it goes. Whatever dies in between, the name that is noted is that of one that is whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from safehold.core.clock import Clock, to_micros
from safehold.core.errors import StoreError
from safehold.domain.items import Item
from safehold.store.points.checkpoints import VERSION, Checkpoint, CheckpointFolder, Unfinished
from safehold.store.writing.resuming import ResumedTree
from safehold.store.writing.session import Session

EVERY_SECONDS = 120.0  # with what storing one takes, well below the five minutes that may be read again


class Checkpointing:
    """The checkpoints of one attempt. Not thread-safe.

    every_seconds  0: none are made
    note           keeps the name of the newest one for the next attempt; may raise to stop the job
    resumed        what this attempt goes on with
    """

    def __init__(
        self,
        session: Session,
        folder: CheckpointFolder,
        point_id: str,
        *,
        clock: Clock,
        note: Callable[[str], None],
        every_seconds: float = EVERY_SECONDS,
        resumed: ResumedTree | None = None,
    ) -> None:
        self.resumed = resumed
        self._session = session
        self._folder = folder
        self._point_id = point_id
        self._clock = clock
        self._note = note
        self._every_seconds = every_seconds or math.inf
        self._due_at = clock.monotonic() + self._every_seconds
        self._told = 0, 0
        self._name: str | None = None

    def begin(self) -> None:
        """What this attempt goes on with is kept for as long as it is at work. Raises StoreError."""
        self._told = self._read()
        if self.resumed is not None:
            before = self.resumed.checkpoint
            self._put(before.root, before.unfinished)

    def is_due(self) -> bool:
        """Is it time, and was anything read since the last one? Costs a look at the clock."""
        return self._clock.monotonic() >= self._due_at and self._read() != self._told

    def make(self, root: Item, unfinished: Sequence[Unfinished] = ()) -> None:
        """Whoever goes on after this begins here. The pages below `root` were put. Raises StoreError."""
        self._due_at = self._clock.monotonic() + self._every_seconds
        self._told = self._read()
        self._session.save()
        still_begun = [] if self.resumed is None else self.resumed.still_begun()
        self._put(root, [*unfinished, *still_begun])

    def end(self) -> None:
        """The point is there: nobody goes on with this. What cannot be deleted is left to collection."""
        if self._name is not None:
            with suppress(StoreError):
                self._folder.delete_all(self._point_id)

    def _read(self) -> tuple[int, int]:
        return self._session.stats.read_items, self._session.stats.read_bytes

    def _put(self, root: Item, unfinished: Sequence[Unfinished]) -> None:
        announcement = self._session.announcement
        checkpoint = Checkpoint(
            version=VERSION,
            point_id=self._point_id,
            intent_id=announcement.intent_id,
            epoch=self._epoch(),
            root=root,
            unfinished=list(unfinished),
            stats=msgspec.structs.replace(self._session.stats),
            written_at=to_micros(self._clock.now()),
        )
        name = self._folder.put(checkpoint)
        self._note(name)
        before = self._name if self._name or self.resumed is None else self.resumed.name
        if before is not None:
            self._folder.delete(before)
        self._name = name

    def _epoch(self) -> int:
        """What was taken over unseen may be named by tombstones that are newer than it."""
        own = self._session.announcement.epoch
        return own if self.resumed is None else min(own, self.resumed.checkpoint.epoch)
