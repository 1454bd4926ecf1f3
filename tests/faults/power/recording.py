"""The system calls of the local folder's backend, written down as they are made.

`RecordingOs` stands where that module has `os`, and `SeenPath` where it has the folder's path. Everything is
done for real as well, but for the syncs: what these would do is for the disk's model to say.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PosixPath
from typing import Any, ClassVar

import pytest

from safehold.store.backends import local
from tests.faults.power.disk import Did, History, Step


class Recorder:
    """What is done below one folder. Threads may share it.

    stop_after  so many steps are done, and every later one fails: as if the process had been killed there
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.history = History()
        self.stop_after: int | None = None
        self._lock = threading.RLock()
        self._files: dict[str, int] = {}  # path -> number
        self._opened: dict[int, int | str] = {}  # descriptor -> a file's number, or a folder's path
        self._last_file = 0

    def below(self, path: object) -> str:
        """The path as the model has it."""
        found = os.path.relpath(os.fspath(path), self.root)  # type: ignore[call-overload]
        return "" if found == "." else str(found)

    @contextmanager
    def step(self) -> Iterator[list[Step]]:
        """Something is done now, nothing else beside it; what it came to is put into the list."""
        with self._lock:
            if self._is_dead():
                raise OSError(errno.EIO, "the process is dead")
            found: list[Step] = []
            yield found
            self.history.steps += found

    def tell(self, what: str) -> None:
        """Somebody relies on it from here on."""
        with self._lock:
            if not self._is_dead():
                self.history.steps.append(Step(Did.TOLD, name=what))

    def _is_dead(self) -> bool:
        return self.stop_after is not None and len(self.history.steps) >= self.stop_after

    def new_file(self) -> int:
        self._last_file += 1
        return self._last_file

    def name(self, path: str, file: int) -> Step:
        self._files[path] = file
        folder, _, name = path.rpartition("/")
        return Step(Did.NAME, folder, name, file)

    def unname(self, path: str) -> Step:
        self._files.pop(path, None)
        folder, _, name = path.rpartition("/")
        return Step(Did.UNNAME, folder, name)

    def opened(self, descriptor: int, what: int | str) -> None:
        self._opened[descriptor] = what

    def closed(self, descriptor: int) -> None:
        self._opened.pop(descriptor, None)

    def file_behind(self, descriptor: int) -> int:
        found = self._opened[descriptor]
        assert isinstance(found, int)
        return found

    def folder_behind(self, descriptor: int) -> str:
        found = self._opened[descriptor]
        assert isinstance(found, str)
        return found

    def what_is_behind(self, descriptor: int) -> int | str:
        return self._opened[descriptor]

    def file_at(self, path: str) -> int:
        if path.startswith("/proc/self/fd/"):
            return self.file_behind(int(path.rpartition("/")[2]))
        return self._files[self.below(path)]


class RecordingOs:
    """As the module `os`. `can_do_without_names`: is there O_TMPFILE?"""

    def __init__(self, recorder: Recorder, *, can_do_without_names: bool = True) -> None:
        self._recorder = recorder
        self._can_do_without_names = can_do_without_names

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Any, flags: int, mode: int = 0o777, **rest: Any) -> int:
        recorder = self._recorder
        is_unnamed = flags & os.O_TMPFILE == os.O_TMPFILE
        if is_unnamed and not self._can_do_without_names:
            raise OSError(errno.EOPNOTSUPP, "no files without names here")
        if not is_unnamed and not flags & os.O_CREAT:
            descriptor = os.open(path, flags, mode, **rest)
            if flags & os.O_DIRECTORY:
                recorder.opened(descriptor, recorder.below(path))
            return descriptor
        with recorder.step() as done:
            descriptor = os.open(path, flags, mode, **rest)
            file = recorder.new_file()
            recorder.opened(descriptor, file)
            if not is_unnamed:
                done.append(recorder.name(recorder.below(path), file))
        return descriptor

    def close(self, descriptor: int) -> None:
        self._recorder.closed(descriptor)
        os.close(descriptor)

    def writev(self, descriptor: int, parts: Sequence[bytes | bytearray | memoryview]) -> int:
        with self._recorder.step() as done:
            written = os.writev(descriptor, parts)
            data = b"".join(parts)[:written]
            done.append(Step(Did.WRITE, file=self._recorder.file_behind(descriptor), data=data))
        return written

    def fsync(self, descriptor: int) -> None:
        with self._recorder.step() as done:
            what = self._recorder.what_is_behind(descriptor)
            if isinstance(what, str):
                done.append(Step(Did.SYNC_FOLDER, what))
            else:
                done.append(Step(Did.SYNC_FILE, file=what))

    def link(self, source: Any, target: Any, *, dst_dir_fd: int | None = None, **rest: Any) -> None:
        recorder = self._recorder
        with recorder.step() as done:
            os.link(source, target, dst_dir_fd=dst_dir_fd, **rest)
            folder = "" if dst_dir_fd is None else recorder.folder_behind(dst_dir_fd)
            path = recorder.below(target) if dst_dir_fd is None else f"{folder}/{target}"
            done.append(recorder.name(path, recorder.file_at(os.fspath(source))))


class SeenPath(PosixPath):
    """A path whose `mkdir` and `unlink` are written down, and those of all paths made from it."""

    recorder: ClassVar[Recorder]

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        with self.recorder.step() as done:
            is_new = not self.exists()
            super().mkdir(mode, parents, exist_ok)
            if is_new:
                folder, _, name = self.recorder.below(self).rpartition("/")
                done.append(Step(Did.FOLDER, folder, name))

    def unlink(self, missing_ok: bool = False) -> None:
        with self.recorder.step() as done:
            is_there = self.exists()
            super().unlink(missing_ok)
            if is_there:
                done.append(self.recorder.unname(self.recorder.below(self)))


def seen(recorder: Recorder, path: Path) -> Path:
    """That path, seen by the recorder."""
    kind = type("SeenPath", (SeenPath,), {"recorder": recorder})
    return kind(path)  # type: ignore[no-any-return]


class HastyOs:
    """As the module `os`, but that nothing waits for the disk: for looking at states in plenty."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, descriptor: int) -> None:
        del descriptor


@contextmanager
def instead_of_os(stand_in: RecordingOs | HastyOs) -> Iterator[None]:
    """The local folder's backend uses that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "os", stand_in)
        yield
