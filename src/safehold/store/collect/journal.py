"""The journal: what each run of collection saw, took and why. Written before anything is done, never changed.

`journal/<8 digits of the run>.<4 digits>`: part 0 is what was seen, every further part is what is done next.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from safehold.core.errors import ObjectExists, ObjectMissing
from safehold.store.backends.contract import Backend
from safehold.store.names import ObjectType
from safehold.store.sealed.keys import VaultKeys
from safehold.store.sealed.record_folder import RecordFolder

VERSION = 1
_OURS = re.compile(r"(\d{8,18})\.\d{4,}", re.ASCII)


class Entry(msgspec.Struct, array_like=True):
    """One object. action: announced, trashed, purged, locked, kept, back, revoked, rewritten,
    abandoned."""

    action: str
    name: str
    why: str


class Seen(msgspec.Struct, kw_only=True):
    """Part 0.

    points   ids of all records that were there; roots: how many of them were kept
    intents  of live writers: id -> [sequence, when a collector first saw it so]
    checkpoints  without a live writer: name -> when a collector first saw it so
    """

    version: int
    who: str
    written_at: int
    epoch: int
    points: list[str]
    roots: int
    intents: dict[str, list[int]]
    total_bytes: int
    live_bytes: int
    checkpoints: dict[str, int] = {}


class Part(msgspec.Struct, kw_only=True):
    written_at: int
    tombstone: int
    entries: list[Entry]


class Run(msgspec.Struct, kw_only=True):
    number: int
    seen: Seen
    parts: list[Part]

    def taken_points(self) -> set[str]:
        """Whose records this run has taken away."""
        folder = ObjectType.POINT.folder
        names = self.names_of("trashed", "purged")
        return {name.removeprefix(folder) for name in names if name.startswith(folder)}

    def names_of(self, *actions: str) -> set[str]:
        """Objects to which that was done."""
        return {entry.name for part in self.parts for entry in part.entries if entry.action in actions}


class Journal:
    """A vault's journal; `begin` and `add` are for one run."""

    def __init__(self, backend: Backend, keys: VaultKeys, vault_id: bytes) -> None:
        self._folder = RecordFolder(backend, keys, vault_id, ObjectType.JOURNAL)
        self._run = 0
        self._parts = 0

    def numbers(self) -> dict[int, int]:
        """Runs, and how many parts each has; what others put there is none."""
        found: dict[int, int] = defaultdict(int)
        for ours in filter(None, map(_OURS.fullmatch, self._folder.names())):
            found[int(ours[1])] += 1
        return dict(found)

    def begin(self, seen: Seen) -> None:
        """A new run has begun, with a number of its own."""
        self._parts = 0
        self._run = max(self.numbers(), default=0)
        while True:
            self._run += 1
            with suppress(ObjectExists):
                return self._put(seen)

    def add(self, part: Part) -> None:
        self._put(part)

    def _put(self, record: Seen | Part) -> None:
        self._folder.put(_name(self._run, self._parts), record)
        self._parts += 1

    def runs(self, *, newest: int | None = None) -> Iterator[Run]:
        """The newest first. Raises Damaged."""
        for number in sorted(self.numbers(), reverse=True)[:newest]:
            with suppress(ObjectMissing):
                yield self._read(number)

    def _read(self, number: int) -> Run:
        seen = self._folder.get(_name(number, 0), Seen)
        parts: list[Part] = []
        while True:
            try:
                parts.append(self._folder.get(_name(number, len(parts) + 1), Part))
            except ObjectMissing:
                return Run(number=number, seen=seen, parts=parts)


def _name(run: int, part: int) -> str:
    return f"{run:08}.{part:04}"
