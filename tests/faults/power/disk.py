"""A disk that may lose what nobody synced: a list of what was done to it, and the states that it may be in
when the power went at some moment of it.

The rules are those of POSIX, not those of a kind file system: an fsync of a file makes its bytes durable and
nothing else, an fsync of a folder makes durable what names were put into it and taken out of it. Everything
else may be on the disk or not, each by itself, so in any order: of two changes of one name the later one
that survives shows, and a name whose folder is lost is lost with it. A file's bytes that were not synced may
be missing, cut, or zeros.

Source: fsync(2); Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

BLOCK_BYTES = 512  # a disk writes no less at once


class Did(StrEnum):
    """What was done."""

    WRITE = "write"
    SYNC_FILE = "sync of a file"
    NAME = "name"  # of a new file, or a further one
    UNNAME = "unname"
    FOLDER = "folder"
    SYNC_FOLDER = "sync of a folder"
    TOLD = "told"  # somebody was told that something holds from here on


@dataclass(frozen=True, slots=True)
class Step:
    """folder: a path below the disk's root, "" for that; name: in it. file: a number, 0 for none."""

    did: Did
    folder: str = ""
    name: str = ""
    file: int = 0
    data: bytes = b""

    @property
    def changes_a_name(self) -> bool:
        return self.did in (Did.NAME, Did.UNNAME, Did.FOLDER)


class Fate(Protocol):
    """Decides about what was not synced. `str` of it tells what it does."""

    def keeps(self, step: Step) -> bool:
        """Is that change of a name on the disk?"""

    def content(self, unsynced: bytes) -> bytes:
        """What is there of bytes that were written at the end of a file and not synced."""


@dataclass(frozen=True, slots=True)
class Extreme:
    """Everything of one kind has the same fate. bytes: "lost", "zeros" or "kept"."""

    are_names_kept: bool
    bytes: str

    def keeps(self, step: Step) -> bool:
        del step
        return self.are_names_kept

    def content(self, unsynced: bytes) -> bytes:
        return {"lost": b"", "zeros": bytes(len(unsynced)), "kept": unsynced}[self.bytes]


class Chance:
    """Each change has a fate of its own; files are cut anywhere, and any of their blocks may be zeros."""

    def __init__(self, seed: object) -> None:
        self._random = random.Random(f"{seed}")
        self._share_lost = self._random.choice((0.1, 0.5, 0.9))
        self._seed = seed

    def __repr__(self) -> str:
        return f"Chance({self._seed!r})"

    def keeps(self, step: Step) -> bool:
        del step
        return self._random.random() >= self._share_lost

    def content(self, unsynced: bytes) -> bytes:
        size = len(unsynced) if self._random.random() < 0.5 else self._random.randint(0, len(unsynced))
        blocks = [unsynced[start : start + BLOCK_BYTES] for start in range(0, size, BLOCK_BYTES)]
        kept = [bytes(len(b)) if self._random.random() < self._share_lost else b for b in blocks]
        return b"".join(kept)[:size]


ALL_LOST = Extreme(are_names_kept=False, bytes="lost")
ALL_KEPT = Extreme(are_names_kept=True, bytes="kept")
EXTREMES: tuple[Fate, ...] = (
    ALL_LOST,
    ALL_KEPT,
    Extreme(are_names_kept=True, bytes="lost"),
    Extreme(are_names_kept=True, bytes="zeros"),
)


@dataclass(frozen=True, slots=True)
class State:
    """What the disk holds when the power is back: paths below its root."""

    folders: frozenset[str]
    files: tuple[tuple[str, bytes], ...]


@dataclass
class History:
    """What was done to a disk, in order.

    disbelieves  syncs that do nothing: so is a disk that lies, or a program that leaves them out
    """

    steps: list[Step] = field(default_factory=list)
    disbelieves: frozenset[Did] = frozenset()

    def cuts(self) -> range:
        """The moments at which the power may go: before each step, and after the last one."""
        return range(len(self.steps) + 1)

    def told(self, cut: int) -> Iterator[str]:
        """What somebody relied on at that moment, in order."""
        return (step.name for step in self.steps[:cut] if step.did is Did.TOLD)

    def state(self, cut: int, fate: Fate) -> State:
        steps = self.steps[:cut]
        entries = self._entries(steps, fate)
        contents = self._contents(steps, fate)
        folders: set[str] = {""}
        files: dict[str, bytes] = {}
        pending = [""]
        while pending:
            here = pending.pop()
            for name, what in entries.get(here, {}).items():
                path = join(here, name)
                if what is None:
                    folders.add(path)
                    pending.append(path)
                else:
                    files[path] = contents.get(what, b"")
        return State(frozenset(folders), tuple(sorted(files.items())))

    def _entries(self, steps: Sequence[Step], fate: Fate) -> dict[str, dict[str, int | None]]:
        """By folder: names, with the file's number or None for a folder. Those of lost folders too."""
        synced = self._last(steps, Did.SYNC_FOLDER)
        entries: dict[str, dict[str, int | None]] = {}
        for at, step in enumerate(steps):
            if not step.changes_a_name or not (at < synced.get(step.folder, -1) or fate.keeps(step)):
                continue
            here = entries.setdefault(step.folder, {})
            if step.did is Did.UNNAME:
                here.pop(step.name, None)
            else:
                here[step.name] = step.file if step.did is Did.NAME else None
        return entries

    def _contents(self, steps: Sequence[Step], fate: Fate) -> dict[int, bytes]:
        synced = self._last(steps, Did.SYNC_FILE)
        durable: dict[int, list[bytes]] = {}
        volatile: dict[int, list[bytes]] = {}
        for at, step in enumerate(steps):
            if step.did is Did.WRITE:
                side = durable if at < synced.get(step.file, -1) else volatile
                side.setdefault(step.file, []).append(step.data)
        return {
            file: b"".join(durable.get(file, [])) + fate.content(b"".join(volatile.get(file, [])))
            for file in sorted({*durable, *volatile})
        }

    def _last(self, steps: Sequence[Step], sync: Did) -> dict[object, int]:
        """Where each file, or folder, was synced for the last time."""
        if sync in self.disbelieves:
            return {}
        return {
            step.file if sync is Did.SYNC_FILE else step.folder: at
            for at, step in enumerate(steps)
            if step.did is sync
        }

    def delayed(self, folder: str, until: str) -> History:
        """The same, but that whatever concerns objects in `folder` is done just after the first object in
        `until` has got its name and is durable: as if a program did its work in the wrong order."""
        late_files = {s.file for s in self.steps if s.did is Did.NAME and s.folder == folder} - {0}
        named_at = next(at for at, s in enumerate(self.steps) if s.did is Did.NAME and s.folder == until)
        end = next(
            at + 1
            for at, s in enumerate(self.steps)
            if at > named_at and s.did is Did.SYNC_FOLDER and s.folder == until
        )
        before = self.steps[:end]
        is_late = [s.file in late_files or (s.folder == folder and s.did is not Did.FOLDER) for s in before]
        first = [s for s, late in zip(before, is_late, strict=True) if not late]
        later = [s for s, late in zip(before, is_late, strict=True) if late]
        return History([*first, *later, *self.steps[end:]], self.disbelieves)

    def without(self, sync: Did) -> History:
        """The same on a disk, or by a program, that does no such sync."""
        return History(self.steps, self.disbelieves | {sync})

    def without_syncs_of_deletions(self) -> History:
        """The same by a program that deletes and does not wait until that is on the disk."""
        last: dict[str, Did] = {}
        kept = []
        for step in self.steps:
            if step.did is Did.SYNC_FOLDER and last.get(step.folder) is Did.UNNAME:
                continue
            if step.changes_a_name:
                last[step.folder] = step.did
            kept.append(step)
        return History(kept, self.disbelieves)


def join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def fates(seed: object, count: int) -> Iterable[Fate]:
    """The extremes, and so many by chance."""
    return [*EXTREMES, *(Chance(f"{seed} {number}") for number in range(count))]
