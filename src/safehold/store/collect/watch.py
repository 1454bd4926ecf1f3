"""A run that is held up for long, a process stopped or a machine asleep, must not go on with what it knew.

Meanwhile another run, or whoever undeletes, may have ended the tombstone; what it named was back then, and
points that this run has not seen may need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from safehold.core.clock import Clock, to_micros
from safehold.core.errors import CollectionRefused
from safehold.store.collect.settings import MICROS
from safehold.store.writers.tombstones import Stage, Tombstones

SURE_SECONDS = 5.0  # so long an answer is relied on: a listing more in five seconds costs nothing


class Watch:
    """Asks whether a tombstone is still open, each time that the last answer is old. Not thread-safe."""

    def __init__(self, stones: Tombstones, clock: Clock) -> None:
        self._stones, self._clock = stones, clock

    def each(self, number: int, names: Iterable[str]) -> Iterator[str]:
        """The names, as long as the tombstone is open. Raises CollectionRefused when it is no more."""
        asked_at: int | None = None
        for name in names:
            now = to_micros(self._clock.now())
            if asked_at is None or abs(now - asked_at) > SURE_SECONDS * MICROS:
                self.ask(number)
                asked_at = now
            yield name

    def ask(self, number: int) -> None:
        """Raises CollectionRefused when the tombstone is over: its number stays known when all else went."""
        if Stage.SPENT in self._stones.listed().stages.get(number, frozenset()):
            raise CollectionRefused(
                f"another run has ended tombstone {number} while this one was held up; the next run goes on"
            )
