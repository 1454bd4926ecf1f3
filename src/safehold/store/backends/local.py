"""Objects as files in a local folder.

An object comes to its name by a hard link from a synced file without one, so it is never seen half, never
replaces another, and survives a power cut once `put` has returned.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from safehold.core.errors import Damaged, ObjectExists, ObjectMissing, StoreFull, StoreUnavailable
from safehold.store.backends.contract import ObjectInfo
from safehold.store.backends.past_cache import after, read_blocks, write_blocks

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
NO_UNNAMED_FILES = (
    errno.EOPNOTSUPP,
    errno.EISDIR,
    errno.ENOENT,
)  # file systems and kernels without O_TMPFILE
CANNOT_SYNC = (errno.EROFS, errno.EINVAL, errno.EACCES)  # whoever may only read: others wrote it long ago
LONG_BYTES = 1 << 20  # from here on an object is written past the page cache
LONG_READ_BYTES = 64 << 10  # from here on what is read of one is, too: most frames are longer
IOV_MAX = 1024  # POSIX lets writev take that many parts at once


class LocalBackend:
    """A folder on this machine. Not for network file systems: they break the promises of link and fsync."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._temporary = root / "tmp"
        self._durable: set[Path] = set()  # folders whose own names survive a power cut
        self._settled: set[str] = set()  # folders of the root: what was found in them does

    @classmethod
    def create(cls, root: Path) -> Self:
        """A new, empty place; its parent must be there. An existing folder is taken as it is."""
        try:
            root.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(root.parent)
        except OSError as error:
            raise StoreUnavailable(f"cannot make {root}: {error}") from error
        return cls(root)

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        self._put(name, parts, lambda descriptor: None)

    def _put(
        self,
        name: str,
        parts: Sequence[bytes | bytearray | memoryview],
        before_it_shows: Callable[[int], None],
    ) -> None:
        target = self.root / name
        try:
            for folder in (self._temporary, target.parent):
                self._make_folder(folder)
            with self._open_unnamed() as (descriptor, path):
                before_it_shows(descriptor)
                _write_synced(descriptor, parts)
                self._give_name(path, target)
            _sync_folder(target.parent)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise StoreFull(f"no room left in {self.root}") from error
            raise StoreUnavailable(f"cannot write {name} in {self.root}: {error}") from error

    @contextmanager
    def _open_unnamed(self) -> Iterator[tuple[int, Path]]:
        """A new file to write, and a path to link it from; whatever happens, it is gone in the end."""
        try:
            # Has no name at all, so that a process that dies here leaves nothing. Source: open(2), O_TMPFILE.
            descriptor = os.open(self._temporary, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            path = Path(f"/proc/self/fd/{descriptor}")
        except OSError as error:
            if error.errno not in NO_UNNAMED_FILES:
                raise
            path = self._temporary / secrets.token_hex(8)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor, path
        finally:
            os.close(descriptor)
            if path.parent == self._temporary:
                path.unlink()

    def _give_name(self, path: Path, target: Path) -> None:
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # With a folder given, Python asks for the file behind the link in /proc, not for the link.
            os.link(path, target.name, dst_dir_fd=folder, follow_symlinks=True)
        except FileExistsError as error:
            # RACE: who put it may have died before its name was durable, and whoever is told relies on it.
            os.fsync(folder)
            raise ObjectExists(f"{target} is there already") from error
        finally:
            os.close(folder)

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        try:
            self._settle(name.partition("/")[0])
            descriptor = os.open(self.root / name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise ObjectMissing(f"{name} is not in {self.root}") from error
        except OSError as error:
            raise StoreUnavailable(f"cannot open {name} in {self.root}: {error}") from error
        try:
            return _read(descriptor, offset, length)
        except OSError as error:
            if error.errno == errno.EIO:  # the disk cannot read these sectors: this object, not the store
                raise Damaged(f"{name} in {self.root} cannot be read: {error}") from error
            raise StoreUnavailable(f"cannot read {name} in {self.root}: {error}") from error
        finally:
            os.close(descriptor)

    def _settle(self, folder: str) -> None:
        """Names that were put there before survive a power cut: whoever reads an object relies on it.

        RACE: who put it may have been killed before its name was durable. Those were here before us: asked
        once. It costs microseconds where nothing is to be done.
        """
        if folder in self._settled:
            return
        try:
            _sync_folder(self.root / folder)
            _sync_folder(self.root)
        except OSError as error:
            if error.errno not in CANNOT_SYNC:
                raise
        self._settled.add(folder)

    def size(self, name: str) -> int:
        try:
            return (self.root / name).stat().st_size
        except FileNotFoundError as error:
            raise ObjectMissing(f"{name} is not in {self.root}") from error
        except OSError as error:
            raise StoreUnavailable(f"cannot stat {name} in {self.root}: {error}") from error

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        folder = prefix.rstrip("/")
        yield from self._walk(f"{folder}/" if folder else "")

    def _walk(self, folder: str) -> Iterator[ObjectInfo]:
        """What is in that folder, "/" at its end, in name order. Only names are kept, of very many."""
        for entry in self._entries(folder):
            name = folder + entry
            if entry.endswith("/"):
                yield from self._walk(name)
                continue
            try:
                size = os.stat(f"{self.root}/{name}", follow_symlinks=False).st_size
            except FileNotFoundError:
                continue  # RACE: this one was deleted since; the others are still to be told
            except OSError as error:
                raise StoreUnavailable(f"cannot list {folder} in {self.root}: {error}") from error
            yield ObjectInfo(name, size)

    def _entries(self, folder: str) -> Sequence[str]:
        """Names in a folder, in order, with "/" after those of folders: so their objects are in order too."""
        try:
            with os.scandir(self.root / folder) as entries:
                return sorted(
                    f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                    for entry in entries
                )
        except FileNotFoundError:
            # A folder appears with its first object; but a root that is gone must not look empty.
            if not self.root.is_dir():
                raise StoreUnavailable(f"{self.root} is not there") from None
            return ()
        except OSError as error:
            raise StoreUnavailable(f"cannot list {folder} in {self.root}: {error}") from error

    def delete(self, name: str) -> None:
        target = self.root / name
        try:
            target.unlink(missing_ok=True)
            if target.parent.is_dir():
                # What is deleted next, or written, may rest on this being gone: it must not come back.
                _sync_folder(target.parent)
        except OSError as error:
            raise StoreUnavailable(f"cannot delete {name} in {self.root}: {error}") from error

    can_rename = True

    def rename(self, name: str, new_name: str) -> None:
        source, target = self.root / name, self.root / new_name
        try:
            self._make_folder(target.parent)
            # RACE: between its two steps another one, the other way, would find both names and take away one
            # of them each: so they go one after another.
            with _locked(self.root):
                # ORDER: the new name first: whatever happens in between, the object has one.
                _link_or_go_on(source, target)
                _sync_folder(target.parent)
                source.unlink(missing_ok=True)
                _sync_folder(source.parent)
        except FileExistsError as error:
            raise ObjectExists(f"{target} is there already") from error
        except FileNotFoundError as error:
            raise ObjectMissing(f"{name} is not in {self.root}") from error
        except OSError as error:
            raise StoreUnavailable(f"cannot rename {name} in {self.root}: {error}") from error

    def _make_folder(self, folder: Path) -> None:
        """Folders below the root, each synced into its parent: also those that are there, once, since who
        made them may have died before that. The root is never made: an unmounted disk's mount point must not
        fill up in its place."""
        if folder.is_dir():
            if folder in self._durable or folder == self.root:
                return
        elif folder == self.root:
            raise StoreUnavailable(f"{self.root} is not there")
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)
        self._durable.add(folder)


def _write_synced(descriptor: int, parts: Sequence[bytes | bytearray | memoryview]) -> None:
    pending: Sequence[memoryview] = [memoryview(part) for part in parts if len(part)]
    if sum(map(len, pending)) >= LONG_BYTES:
        pending = write_blocks(descriptor, pending)
    while pending:
        written = os.writev(descriptor, pending[:IOV_MAX])
        pending = after(pending, written)
    os.fsync(descriptor)


def _read(descriptor: int, offset: int, length: int | None) -> bytes:
    size = os.fstat(descriptor).st_size
    start = max(0, size + offset) if offset < 0 else min(offset, size)
    wanted = size - start if length is None else min(length, size - start)
    if size >= LONG_BYTES and wanted >= LONG_READ_BYTES:
        long = read_blocks(descriptor, start, wanted)
        if long is not None:
            return long
    data = os.pread(descriptor, wanted, start)
    while len(data) < wanted:  # a read of more than 2 GiB comes in parts
        more = os.pread(descriptor, wanted - len(data), start + len(data))
        if not more:
            break
        data += more
    return data


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One at a time, threads and processes; whoever dies lets go. Source: flock(2)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _link_or_go_on(source: Path, target: Path) -> None:
    """The second name is there. Raises FileExistsError when it is another file's, FileNotFoundError."""
    try:
        os.link(source, target)
    except FileExistsError:
        if not source.samefile(target):
            raise  # else a crash had left it both names


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
