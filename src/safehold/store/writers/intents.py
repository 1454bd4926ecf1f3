"""Writers announce themselves: collection waits for them, or revokes those that fell silent.

A writer has an intent in the vault before it looks at anything there, and renews it. Its point's record
names the intent, and stands when the fence admits it: after a revocation it admits no more.
docs/formats/collection.md is the specification.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from safehold.core.clock import Clock, SystemClock, to_micros
from safehold.core.errors import ObjectExists, ObjectMissing, StoreError, WriterRevoked
from safehold.store.backends.contract import Backend
from safehold.store.names import ObjectType
from safehold.store.points.points import PointRecord
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.record_folder import RecordFolder
from safehold.store.sealed.sealing import new_object_name
from safehold.store.writers.fences import Admit, Fence, NoFence, adopted
from safehold.store.writers.intent_folder import VERSION, Intent, Revocation, stored_name
from safehold.store.writers.tombstones import Listed, OpenTombstone, Tombstones

RENEW_SECONDS = 300.0
OLD_WRITERS = "writers from before intents"
LISTINGS = 20  # that may show fewer tombstones than one before did, until the store is not to be trusted


@dataclass(slots=True)
class _Live:
    """An intent of this process, and how many sessions go by it."""

    intent: Intent
    users: int = 0
    idle_since: float = 0.0


@dataclass(frozen=True, slots=True)
class Announcement:
    """A session's share in an intent. `tombstones` are those that were open when it began."""

    intent_id: str
    epoch: int
    listed: Listed
    tombstones: Sequence[OpenTombstone]
    _admit: Admit
    _end: Callable[[], None]

    def adopted(self, record: PointRecord) -> PointRecord:
        """The record stands, whoever wrote it. Raises WriterRevoked; no later session goes by that intent."""
        return adopted(self._admit, record)

    def admit(self, point_id: str) -> None:
        """A fact about that point, and what was stored for it, stand. Raises as `adopted`."""
        if not self._admit(self.intent_id, point_id):
            raise WriterRevoked(f"the writer for point {point_id} fell silent and was revoked")

    def end(self) -> None:
        """The session has committed, or never will. Never raises: a silent intent is revoked in the end."""
        self._end()


@dataclass
class Intents:
    """The intents of one process in one vault. Threads may share it; `close` ends them.

    linger_seconds  an intent that no session uses is kept so long for the next one: a thousand small jobs
                    then write one, not a thousand
    """

    backend: Backend
    keys: VaultKeys
    vault_id: bytes
    fence: Fence = field(default_factory=NoFence)
    clock: Clock = field(default_factory=SystemClock)
    writer: str = ""
    linger_seconds: float = 0.0
    renew_seconds: float = RENEW_SECONDS

    def __post_init__(self) -> None:
        self._folder = RecordFolder(self.backend, self.keys, self.vault_id, ObjectType.INTENT)
        self._revocations = RecordFolder(self.backend, self.keys, self.vault_id, ObjectType.REVOCATION)
        self._tombstones = Tombstones(self.backend, self.keys, self.vault_id)
        self._live: list[_Live] = []
        self._changed = threading.Condition()
        self._keeper: threading.Thread | None = None

    def admit(self, intent_id: str, point_id: str) -> bool:
        """The point stands; False when its intent was revoked before: nobody goes by that any more.

        Raises StoreError.

        # ORDER: the fence, then the vault. A fence that was set back to an earlier day (a catalog restored
        # from a backup) knows nothing of a revocation that the vault has, and what was admitted by it would
        # be void for everybody else.
        """
        if self.fence.admit(intent_id, point_id) and not self._is_void(intent_id, point_id):
            return True
        self._give_up(intent_id)
        return False

    def _is_void(self, intent_id: str, point_id: str) -> bool:
        try:
            told = self._revocations.get(intent_id, Revocation)
        except ObjectMissing:
            return False
        return point_id not in told.admitted

    def begin(self, pins: Sequence[str] = ()) -> Announcement:
        """Collection now waits for this session. Raises StoreError.

        # ORDER: the epoch, the intent, then the tombstones. A tombstone that is written before the last step
        # is seen here; one that is written later finds the intent there and waits for it.
        """
        listed = self._tombstones.listed()
        with self._changed:
            live = self._join(listed, pins)
        with ExitStack() as undo:
            undo.callback(self._leave, live)
            seen = self._see(listed, live.intent.epoch)
            stones = list(self._tombstones.open_ones(seen))
            undo.pop_all()
        ending = _Once(lambda: self._leave(live))
        return Announcement(live.intent.intent_id, live.intent.epoch, seen, stones, self.admit, ending)

    def _join(self, listed: Listed, pins: Sequence[str]) -> _Live:
        live = next((one for one in self._live if one.intent.epoch == listed.epoch), None)
        if live is None:
            live = _Live(self._announce(listed.epoch, pins))
            self._live.append(live)
            self._keep()
        else:
            live.intent.pins = sorted({*live.intent.pins, *pins})  # told at the next renewal
        live.users += 1
        return live

    def announce_for_others(self) -> None:
        """An intent of epoch 0 is there, which this process neither renews nor ends."""
        self._announce(0, ())

    def _announce(self, epoch: int, pins: Sequence[str]) -> Intent:
        intent_id = new_object_name(ObjectType.INTENT).removeprefix(ObjectType.INTENT.folder)
        intent = Intent(
            version=VERSION,
            intent_id=intent_id,
            sequence=1,
            epoch=epoch,
            pins=list(pins),
            writer=self.writer,
            written_at=to_micros(self.clock.now()),
        )
        self._folder.put(stored_name(intent), intent)
        return intent

    def _see(self, before: Listed, epoch: int) -> Listed:
        """A listing that was made after the intent was there, and shows no less than one before it."""
        for _ in range(LISTINGS):
            listed = self._tombstones.listed()
            if listed.epoch >= max(epoch, before.epoch):
                return listed
        raise StoreError("the store lists fewer tombstones than it did before")

    def _leave(self, live: _Live) -> None:
        with self._changed:
            live.users -= 1
            live.idle_since = self.clock.monotonic()
            if not live.users and (not self.linger_seconds or live not in self._live):
                self._end(live)
            self._changed.notify_all()

    def _give_up(self, intent_id: str) -> None:
        """It was revoked: nobody joins it any more, and it is not renewed."""
        with self._changed:
            self._live = [live for live in self._live if live.intent.intent_id != intent_id]
            self._changed.notify_all()

    def _end(self, live: _Live) -> None:
        if live in self._live:
            self._live.remove(live)
        with suppress(StoreError):
            for back in (1, 0) if live.intent.sequence > 1 else (0,):
                self._folder.delete(stored_name(live.intent, back=back))

    def close(self) -> None:
        """What no session uses is ended now."""
        with self._changed:
            for live in [live for live in self._live if not live.users]:
                self._end(live)
            self._changed.notify_all()

    def _keep(self) -> None:
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._renew_all, name="intents", daemon=True)
            self._keeper.start()

    def _renew_all(self) -> None:
        with self._changed:
            while self._live:
                self._changed.wait_for(lambda: not self._live, timeout=self.renew_seconds)
                for live in list(self._live):
                    is_idle = not live.users and self._idle_seconds(live) >= self.linger_seconds
                    if is_idle:
                        self._end(live)
                    else:
                        self._renew(live)
            self._keeper = None

    def _idle_seconds(self, live: _Live) -> float:
        return self.clock.monotonic() - live.idle_since

    def _renew(self, live: _Live) -> None:
        before = live.intent
        now = to_micros(self.clock.now())
        after = msgspec.structs.replace(before, sequence=before.sequence + 1, written_at=now)
        with suppress(StoreError):  # tried again next time; until it works the intent grows old
            with suppress(ObjectExists):  # an earlier try arrived, although nobody said so
                self._folder.put(stored_name(after), after)
            live.intent = after
            # RACE: who lists while this goes on sees the one before at least, which stays one round longer.
            if before.sequence > 1:
                self._folder.delete(stored_name(before, back=1))


class _Once:
    """Calls what it was given the first time it is called itself."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work: Callable[[], None] | None = work

    def __call__(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work()


class Opened(Protocol):
    """What of a VaultStore is needed here."""

    backend: Backend
    keys: VaultKeys
    vault_id: bytes


def announce_old_writers(store: Opened, clock: Clock) -> None:
    """Collection waits for writers that announce nothing: one intent stands for all of them.

    Nobody renews it, so it is revoked when it was silent for long enough; what they had opened ends by then.
    """
    intents = Intents(store.backend, store.keys, store.vault_id, clock=clock, writer=OLD_WRITERS)
    intents.announce_for_others()
