"""What a vault knows of its own checks: for each object, when it was first seen and when last read back.

Objects in `checks/`, each written once by a scrub; docs/formats/scrub.md is their specification. They are
working state: without them everything counts as never read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice

import msgspec

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.store.names import ObjectType
from safehold.store.sealed.decoding import UNREADABLE
from safehold.store.sealed.sealing import new_object_name
from safehold.store.vault_store import VaultStore

CHECKS_VERSION = 1
FRAME_ENTRIES = 16_384  # a frame of about 1 MiB
MANY = 32  # so many objects, and the next one takes the place of all


class Checked(msgspec.Struct, array_like=True, gc=False):
    """name  of an object; times are microseconds since 1970, checked_at is 0 for never"""

    name: str
    seen_at: int
    checked_at: int

    @property
    def since(self) -> int:
        """The last moment from which it is known to be well: its writer compared what it stored."""
        return max(self.seen_at, self.checked_at)


class _Frame(msgspec.Struct):
    version: int
    entries: list[Checked]


class Checks:
    """All that the `checks/` of a vault say, and what this run adds. Not thread-safe."""

    def __init__(self, store: VaultStore) -> None:
        self._store = store
        self._known: dict[str, Checked] = {}
        self._unsaved: set[str] = set()
        self._objects: list[str] = []
        for info in store.backend.list(ObjectType.CHECKS.folder):
            self._objects.append(info.name)
            with suppress(Damaged, KeyMismatch, ObjectMissing):
                self._read(info.name)

    def _read(self, name: str) -> None:
        opened = self._store.object(name)
        for number in range(len(opened.directory.frames)):
            for entry in decode_checks(opened.frame(number), name):
                self._merge(entry)

    def _merge(self, entry: Checked) -> None:
        known = self._known.setdefault(entry.name, entry)
        known.seen_at = min(known.seen_at, entry.seen_at)
        known.checked_at = max(known.checked_at, entry.checked_at)

    def see(self, names: Iterable[str], *, now: int) -> None:
        """These objects are there: those that nobody saw before are seen now, all others are forgotten."""
        there = {}
        for name in names:
            known = self._known.get(name)
            if known is None:
                known = Checked(name, now, 0)
                self._unsaved.add(name)
            there[name] = known
        self._known = there
        self._unsaved &= there.keys()

    def mark(self, name: str, *, now: int) -> None:
        """It was read back now, and a verdict given."""
        self._known[name].checked_at = now
        self._unsaved.add(name)

    def rank(self, name: str) -> tuple[int, int, str]:
        """The lower, the sooner it is to be read back: by age, those that never were before others."""
        known = self._known[name]
        return known.since, known.checked_at, name

    def all(self) -> Mapping[str, Checked]:
        return self._known

    def save(self) -> None:
        """Write down what is new; all of it, in place of the older objects, when those have become many."""
        if not self._unsaved:
            return
        is_whole = len(self._objects) >= MANY
        entries = iter(self._known.values() if is_whole else [self._known[name] for name in self._unsaved])
        frames = []
        while block := list(islice(entries, FRAME_ENTRIES)):
            frames.append(msgspec.msgpack.encode(_Frame(CHECKS_VERSION, block)))
        name = new_object_name(ObjectType.CHECKS)
        self._store.put_records(ObjectType.CHECKS, name, frames)
        self._unsaved.clear()
        # ORDER: what replaces them is stored. Another scrub may do the same at once; what it deletes, it has.
        for old in self._objects if is_whole else ():
            self._store.backend.delete(old)
        self._objects = [name] if is_whole else [*self._objects, name]


def decode_checks(data: bytes, name: str) -> list[Checked]:
    """Raises Damaged."""
    try:
        frame = msgspec.msgpack.decode(data, type=_Frame)
    except UNREADABLE as error:
        raise Damaged(f"{name}: what was checked cannot be read") from error
    if frame.version != CHECKS_VERSION:
        raise Damaged(f"{name}: checks of version {frame.version} are not known here")
    return frame.entries
