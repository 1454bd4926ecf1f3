"""Delivers events until told to stop: each target in a thread of its own, so that none waits for another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from safehold.core import ids, log
from safehold.core.clock import Clock
from safehold.core.errors import EventNotDelivered
from safehold.core.secrets import RootKey
from safehold.domain.event_delivery import Target, next_attempt
from safehold.domain.events import KEPT_DAYS
from safehold.events.senders import Send, sender
from safehold.records import events
from safehold.records.engine import Catalog
from safehold.records.events import Delivery

_log = log.get(__name__)

POLL_SECONDS = 1.0
BATCH = 5  # at once: fewer than a lease has time for, should each of them time out
SPREAD = 500
FORGOTTEN = 2000  # events in one transaction


@dataclass(frozen=True, slots=True)
class Delivering:
    """Any number of processes may deliver at once: what one has taken is its own for a while."""

    catalog: Catalog
    clock: Clock
    targets: Sequence[Target]

    def run(self, root_key: RootKey, stop: threading.Event, *, poll_seconds: float = POLL_SECONDS) -> None:
        """Events go out until `stop` is set; returns when what is being sent was."""
        threads = [
            threading.Thread(
                target=self._keep_sending,
                args=(target, sender(root_key, target), stop, poll_seconds),
                name=f"events-{number}",
            )
            for number, target in enumerate(self.targets)
        ]
        for thread in threads:
            thread.start()
        while not stop.is_set():
            if not self._guarded(self.upkeep):
                stop.wait(poll_seconds)
        for thread in threads:
            thread.join()

    def upkeep(self) -> int:
        """New events are due at the targets, old ones are gone; how many there were of both."""
        now = self.clock.now()
        too_old = now - timedelta(days=KEPT_DAYS)
        with self.catalog.read() as tx:
            if not events.has_new_or_older(tx, too_old):
                return 0  # an idle second takes no write lock
        with self.catalog.begin() as tx:
            new = events.spread(tx, self.targets, now=now, limit=SPREAD)
            return new + events.forget(tx, before=too_old, limit=FORGOTTEN)

    def send_due(self, target: Target, send: Send) -> int:
        """What is due at the target was tried once; how many that were."""
        now = self.clock.now()
        with self.catalog.read() as tx:
            if not events.is_due(tx, target.url, now=now):
                return 0  # an idle second takes no write lock
        with self.catalog.begin() as tx:
            due = events.claim(tx, target.url, now=now, limit=BATCH)
        for delivery in due:
            self._send(delivery, send)
        return len(due)

    def _send(self, delivery: Delivery, send: Send) -> None:
        now = self.clock.now()
        try:
            send(delivery.stored, now)
        except EventNotDelivered as error:
            next_at = next_attempt(
                attempts=delivery.attempt_count, since=delivery.since, now=now, draw=ids.draw()
            )
            said = {"target": delivery.target, "event_id": delivery.stored.id, "error": str(error)}
            _log.warning("an event was not delivered", extra=said | {"is_dead": next_at is None})
            with self.catalog.begin() as tx:
                events.mark_failed(tx, delivery, str(error), next_at=next_at)
        else:
            with self.catalog.begin() as tx:
                events.mark_delivered(tx, delivery)

    def _keep_sending(self, target: Target, send: Send, stop: threading.Event, poll_seconds: float) -> None:
        while not stop.is_set():
            if not self._guarded(lambda: self.send_due(target, send)):
                stop.wait(poll_seconds)

    def _guarded(self, work: Callable[[], int]) -> int:
        try:
            return work()
        except Exception:
            _log.exception("delivery of events failed and goes on")
            return 0
