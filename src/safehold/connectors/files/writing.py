"""Writing the bytes of files: small ones at once, large ones piece by piece; holes are never written."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator

from safehold.connectors.files.folders import Folders
from safehold.connectors.files.putting import FactsWriter
from safehold.connectors.files.trouble import why_not_restored
from safehold.domain.items import Item

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PAGE = 4096
_ZEROS = bytes(1 << 20)


def open_new(folder: int, name: bytes) -> int:
    """A file that was not there before, readable by nobody else yet. Raises FileExistsError, OSError."""
    return os.open(name, _NEW, 0o600, dir_fd=folder)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    written = os.write(descriptor, data)
    while written < len(data):  # a full disk or a signal cuts a write short; the next one says why
        written += os.write(descriptor, memoryview(data)[written:])


def write_data(descriptor: int, offset: int, data: bytes | memoryview) -> None:
    """Write all but the whole pages of zeros; the file must be long enough already."""
    view = memoryview(data)
    start = None
    position = 0
    while position < len(view):
        end = min(position + _PAGE - (offset + position) % _PAGE, len(view))
        if view[position:end] == _ZEROS[: end - position]:
            if start is not None:
                _write_at(descriptor, offset + start, view[start:position])
                start = None
        elif start is None:
            start = position
        position = end
    if start is not None:
        _write_at(descriptor, offset + start, view[start:])


def _write_at(descriptor: int, offset: int, data: bytes | memoryview) -> None:
    written = os.pwrite(descriptor, data, offset)
    while written < len(data):
        written += os.pwrite(descriptor, memoryview(data)[written:], offset + written)


class FileWriter:
    """Implements connectors.contract.Writer. Holds nothing open: thousands of files may be in the making."""

    def __init__(
        self,
        folders: Folders,
        path: bytes,
        temporary: bytes,
        item: Item,
        facts: FactsWriter,
        *,
        wrote: Callable[[int], None],
        came_back: Callable[[bytes, Item], None],
        lost: Callable[[bytes, Item, str], None],
    ) -> None:
        """An empty file of the item's size is there under its temporary name. Raises OSError.

        wrote      called with the number of bytes that were
        came_back  called once its bytes are under its own name
        lost       called, with the reason, when the target refused it; never after abandon()
        """
        self.is_closed = False
        self._folders = folders
        self._path = path
        self._directory, _, self._name = path.rpartition(b"/")
        self._temporary = temporary
        self._item = item
        self._facts = facts
        self._wrote = wrote
        self._came_back = came_back
        self._lost = lost
        folder = folders.descriptor(self._directory)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        descriptor = open_new(folder, temporary)
        try:
            self._made = os.fstat(descriptor)
            os.ftruncate(descriptor, item.size_bytes)
        except OSError:
            os.unlink(temporary, dir_fd=folder)
            raise
        finally:
            os.close(descriptor)

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Raises RestoreError when the target fails; the file is then gone."""
        if self.is_closed:
            return
        try:
            with self._open() as descriptor:
                if "s" in self._item.facts:
                    write_data(descriptor, offset, data)
                else:
                    _write_at(descriptor, offset, data)
        except OSError as error:
            self._fail(error)
            return
        self._wrote(len(data))

    def finish(self) -> None:
        if self.is_closed:
            return
        try:
            with self._open() as descriptor:
                self._facts.put_on(descriptor, self._path, self._item.facts)
            folder = self._folders.descriptor(self._directory)
            os.rename(self._temporary, self._name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            self._fail(error)
            return
        self.is_closed = True
        self._came_back(self._path, self._item)

    def abandon(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        with contextlib.suppress(OSError):
            os.unlink(self._temporary, dir_fd=self._folders.descriptor(self._directory))

    @contextlib.contextmanager
    def _open(self) -> Iterator[int]:
        folder = self._folders.descriptor(self._directory)
        descriptor = os.open(self._temporary, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            if not os.path.samestat(os.fstat(descriptor), self._made):
                # RACE: somebody put another file in its place, perhaps a hard link to one elsewhere.
                raise OSError(errno.EPERM, "replaced by somebody else while it was restored")
            yield descriptor
        finally:
            os.close(descriptor)

    def _fail(self, error: OSError) -> None:
        self.abandon()
        self._lost(self._path, self._item, why_not_restored(error))


class DiscardingWriter:
    """Stands in for an item that cannot be written; why was told already."""

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        del offset, data

    def finish(self) -> None:
        return

    def abandon(self) -> None:
        return
