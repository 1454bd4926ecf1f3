"""Scrubbing: a vault's objects are read back, those first that were not for the longest time.

The byte budget wins: what does not fit waits, and the age of the oldest says how far behind it is. What is
damaged is condemned (condemned.py), so that new backups store it again; nothing is edited or deleted.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from safehold.core.clock import Clock, to_micros
from safehold.core.errors import StoreUnavailable
from safehold.store.backends.contract import ObjectInfo
from safehold.store.index.condemned import NOTE_VERSION, CondemnedNote, StoredNote, encode_note, read_notes
from safehold.store.names import ObjectType
from safehold.store.restoring.verdicts import Verdict
from safehold.store.sealed.sealing import new_object_name
from safehold.store.soundness.checking import ObjectCheck, Pause, check_object
from safehold.store.soundness.checks import Checks
from safehold.store.soundness.cold_checks import check_unread, is_dear
from safehold.store.soundness.verify import CHECKED, SILENT_IN_A_ROW
from safehold.store.vault_store import VaultStore
from safehold.store.writers.tombstones import Tombstones

ALARM_DAYS = 30  # a bit that rots is found while what it was read from is still there, as a rule
SAVE_BYTES = 1 << 30  # read back between two notes of it: at most so much is read again after a crash
SAVE_OBJECTS = 1000
MAX_TOLD = 1000

Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """name: of the object; frames: how many of its frames, 0 for the object as a whole."""

    name: str
    verdict: Verdict
    frames: int
    what: str


@dataclass(slots=True)
class ScrubReport:
    """What one run came to, and how the vault stands after it.

    oldest_at      no object was left unread since an earlier moment; None for an empty vault
    unread_count   objects that no scrub ever read back
    condemned      objects that are condemned now; acquitted: those that were and are well after all
    findings       the first MAX_TOLD of `damaged_count` and `unreadable_count`
    """

    objects: int = 0
    bytes_read: int = 0
    damaged_count: int = 0
    unreadable_count: int = 0
    acquitted: int = 0
    condemned: int = 0
    object_count: int = 0
    total_bytes: int = 0
    unread_count: int = 0
    too_large_count: int = 0  # objects that alone are more than the budget
    misindexed_count: int = 0  # objects that the index says other things of than they do themselves
    oldest_at: datetime | None = None
    findings: list[Finding] = field(default_factory=list)

    def is_overdue(self, now: datetime) -> bool:
        return is_overdue(self.oldest_at, now)


def is_overdue(oldest_at: datetime | None, now: datetime) -> bool:
    """Was something left unread for so long that somebody should know?"""
    return oldest_at is not None and now - oldest_at > timedelta(days=ALARM_DAYS)


class Scrub:
    """One run over one vault, an object at a time. Call `step` until it says False, then `finish`.

    Runs beside each other do no harm: they read the same objects twice.
    """

    def __init__(
        self, store: VaultStore, *, budget_bytes: int, clock: Clock, pause: Pause = time.sleep
    ) -> None:
        self.report = ScrubReport()
        self._store = store
        self._left_bytes = budget_bytes
        self._clock = clock
        self._pause = pause
        self._silent_in_a_row = 0
        self._unsaved_bytes = self._unsaved_objects = 0
        self._checks = Checks(store)
        going = (
            self._tombstoned()
        )  # ORDER: also before the listing: what comes back meanwhile is in one of both
        listed = [info for kind in CHECKED for info in store.backend.list(kind.folder)]
        self._checks.see((info.name for info in listed), now=self._now())
        self._notes = self._notes_of({info.name for info in listed} | going)
        self._pending = self._oldest_first(listed, budget_bytes)
        self.report.object_count = len(listed)
        self.report.total_bytes = sum(info.size_bytes for info in listed)

    def _now(self) -> int:
        return to_micros(self._clock.now())

    def _notes_of(self, there: set[str]) -> dict[str, list[StoredNote]]:
        """What is condemned, by the damaged object; notes of objects that collection took are dropped.

        What lies in the trash may come back, and is as damaged then as it was.
        """
        notes: dict[str, list[StoredNote]] = {}
        there = there | self._tombstoned()
        for stored in read_notes(self._store.backend, self._store.object):
            if stored.note.object in there:
                notes.setdefault(stored.note.object, []).append(stored)
            else:
                self._store.backend.delete(stored.name)
        return notes

    def _tombstoned(self) -> set[str]:
        """What collection has taken or is about to take, and may bring back. Raises Damaged."""
        stones = Tombstones(self._store.backend, self._store.keys, self._store.vault_id)
        return {name for stone in stones.open_ones(stones.listed()) for name in stone.names}

    def _oldest_first(self, listed: list[ObjectInfo], budget_bytes: int) -> deque[ObjectInfo]:
        too_large = (info for info in listed if info.size_bytes > budget_bytes)
        self.report.too_large_count = sum(not is_dear(self._store, info.name) for info in too_large)
        return deque(sorted(listed, key=lambda info: self._checks.rank(info.name)))

    def step(self) -> bool:
        """Read one object back; False when nothing is left that fits into the budget.

        Raises StoreUnavailable when the store gives no answer at all; what was read until then is noted.
        """
        while self._pending:
            info = self._pending.popleft()
            if is_dear(self._store, info.name):
                # Whoever pays for reading decides about it: structure only.
                self._judge_one(check_unread(self._store, info.name, info.size_bytes))
                return True
            if info.size_bytes <= self._left_bytes:
                self._read(info)
                return True
        return False

    def _read(self, info: ObjectInfo) -> None:
        check = check_object(self._store, info.name, info.size_bytes, pause=self._pause)
        # A verdict on damage is never left half done, but what it took is gone from the budget, too.
        self._left_bytes -= max(info.size_bytes, check.bytes_read)
        self._judge_one(check)

    def _judge_one(self, check: ObjectCheck) -> None:
        self.report.objects += 1
        self.report.bytes_read += check.bytes_read
        self._judge(check)
        self._unsaved_bytes += check.bytes_read
        self._unsaved_objects += 1
        if self._unsaved_bytes >= SAVE_BYTES or self._unsaved_objects >= SAVE_OBJECTS:
            self._save()

    def _judge(self, check: ObjectCheck) -> None:
        if check.verdict is Verdict.UNREADABLE:
            self._silent(check)
            return
        self._silent_in_a_row = 0
        if check.is_gone:
            return
        self._checks.mark(check.name, now=self._now())
        self._compare_with_index(check)
        if check.verdict is Verdict.DAMAGED:
            self.report.damaged_count += 1
            self._find(check)
            self._condemn(check)
        elif check.name in self._notes:
            self.report.acquitted += 1
            self._drop_notes(check.name)

    def _compare_with_index(self, check: ObjectCheck) -> None:
        """An index that lies loses data: writers rely on it. A sample of each object finds it out in time."""
        index = self._store.index()
        if not index.names(check.name):
            return  # no fragment speaks of it: it is young, or its writer died
        for chunk in check.sample:
            wanted = (check.name, chunk.frame, chunk.offset, chunk.length)
            places = index.places(chunk.id)
            if wanted not in [(p.object.name, p.frame, p.offset, p.length) for p in places]:
                self.report.misindexed_count += 1
                self._find(check, "the index says other things of it: `safehold store rebuild`")
                return

    def _silent(self, check: ObjectCheck) -> None:
        self.report.unreadable_count += 1
        self._find(check)
        self._silent_in_a_row += 1
        if self._silent_in_a_row >= SILENT_IN_A_ROW:
            self.finish()
            raise StoreUnavailable(f"{SILENT_IN_A_ROW} objects one after another: {check.why}")

    def _find(self, check: ObjectCheck, what: str = "") -> None:
        if len(self.report.findings) < MAX_TOLD:
            what = what or next(iter(check.problems), "")
            frames = 0 if check.why else len(check.frames)
            self.report.findings.append(Finding(check.name, check.verdict, frames, what))

    def _condemn(self, check: ObjectCheck) -> None:
        frames = None if check.why else sorted(check.frames)
        known = self._notes.get(check.name, [])
        if any(stored.note.frames == frames for stored in known):
            return
        note = CondemnedNote(
            version=NOTE_VERSION,
            object=check.name,
            frames=frames,
            found_at=self._now(),
            why=check.problems[0],
        )
        name = new_object_name(ObjectType.CONDEMNED)
        # ORDER: the new note first: between the two the frames are condemned twice, never not at all.
        self._store.put_records(ObjectType.CONDEMNED, name, [encode_note(note)])
        self._drop_notes(check.name)
        self._notes[check.name] = [StoredNote(name, note)]

    def _drop_notes(self, object_name: str) -> None:
        for stored in self._notes.pop(object_name, []):
            self._store.backend.delete(stored.name)

    def _save(self) -> None:
        self._checks.save()
        self._unsaved_bytes = self._unsaved_objects = 0

    def finish(self) -> ScrubReport:
        """Note what was read; the report is complete."""
        self._save()
        known = self._checks.all().values()
        oldest = min((entry.since for entry in known), default=None)
        self.report.oldest_at = None if oldest is None else datetime.fromtimestamp(oldest / 1e6, UTC)
        self.report.unread_count = sum(entry.checked_at == 0 for entry in known)
        self.report.condemned = len(self._notes)
        return self.report


def scrub(
    store: VaultStore,
    *,
    budget_bytes: int,
    clock: Clock,
    advance: Advance = lambda objects, size: None,
    pause: Pause = time.sleep,
) -> ScrubReport:
    """Read back as much of the vault as the budget allows. Raises StoreUnavailable, StoreFull."""
    run = Scrub(store, budget_bytes=budget_bytes, clock=clock, pause=pause)
    before = 0
    while run.step():
        advance(1, run.report.bytes_read - before)
        before = run.report.bytes_read
    return run.finish()
