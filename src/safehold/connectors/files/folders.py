"""Open folders of a tree, by path: what lets one item cost one `openat`, at any depth.

Every step down is one name, opened relative to its parent and never through a symbolic link. So a path may
be longer than the system's limit, and a link that somebody puts in the way leads nowhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
HELD = 64  # per thread; a thousand descriptors is what a process gets by default
RUN_FOLDERS = HELD // 2  # of one run: there is room for those above them, too

T = TypeVar("T")


class Folders:
    """Descriptors of the folders below `root`, which it owns. Each thread holds its own; close() ends all."""

    def __init__(self, root: int, *, makes_missing: bool = False) -> None:
        self.root = root
        self._makes_missing = makes_missing
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._all: list[dict[bytes, int]] = []

    def descriptor(self, path: bytes) -> int:
        """The open folder; good until this thread has asked for HELD others. Raises OSError."""
        if not path:
            return self.root
        try:
            held: dict[bytes, int] = self._of_thread.held
        except AttributeError:
            held = self._begin_thread()
        # Taken out and put back: the order of the dict is the order of last use.
        found = held.pop(path, None)
        if found is None:
            return self._open(path, held)
        held[path] = found
        return found

    def descriptors(self, paths: Sequence[bytes]) -> list[int]:
        """Several open folders, at most HELD; good until this thread asks for others. Raises OSError."""
        found = [self.descriptor(path) for path in paths]
        held = getattr(self._of_thread, "held", {})
        # Entering the later ones may have pushed an earlier one out; where folders lie that deep, one by one
        # is all that can be had.
        if any(path and held.get(path) != descriptor for path, descriptor in zip(paths, found, strict=True)):
            raise OSError(errno.EMFILE, "too many folders at once")
        return found

    def close(self) -> None:
        """Let go of everything. No other thread may be using it any more; may be called twice."""
        with self._lock:
            for held in self._all:
                for descriptor in held.values():
                    os.close(descriptor)
                held.clear()
            if self.root >= 0:
                os.close(self.root)
                self.root = -1

    def _begin_thread(self) -> dict[bytes, int]:
        held: dict[bytes, int] = {}
        self._of_thread.held = held
        with self._lock:
            self._all.append(held)
        return held

    def _open(self, path: bytes, held: dict[bytes, int]) -> int:
        cut = path.rfind(b"/")
        while cut > 0 and path[:cut] not in held:
            cut = path.rfind(b"/", 0, cut)
        current = held[path[:cut]] if cut > 0 else self.root
        while cut < len(path):
            start = cut + 1
            cut = path.find(b"/", start)
            cut = len(path) if cut < 0 else cut
            current = self._step(path[start:cut], current)
            held[path[:cut]] = current
            if len(held) > HELD:
                os.close(held.pop(next(iter(held))))
        return current

    def _step(self, name: bytes, parent: int) -> int:
        try:
            return os.open(name, FOLDER_FLAGS, dir_fd=parent)
        except FileNotFoundError:
            if not self._makes_missing:
                raise
        with contextlib.suppress(FileExistsError):  # RACE: another thread may need the same folder
            os.mkdir(name, 0o700, dir_fd=parent)
        return os.open(name, FOLDER_FLAGS, dir_fd=parent)


def runs_of_folders(batch: Sequence[T], directory: Callable[[T], bytes]) -> Iterator[Sequence[T]]:
    """The batch in runs, in order; none is of more folders than a thread holds open side by side."""
    start = 0
    folders: set[bytes] = set()
    for position, entry in enumerate(batch):
        folders.add(directory(entry))
        if len(folders) > RUN_FOLDERS:
            yield batch[start:position]
            start, folders = position, {directory(entry)}
    yield batch[start:]
