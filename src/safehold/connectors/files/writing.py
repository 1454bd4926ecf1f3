"""Writing the bytes of files: small ones at once, large ones piece by piece; holes are never written."""

from __future__ import annotations

import contextlib
import os

from safehold.connectors.contract import Skip
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
    """Implements connectors.contract.Writer. Takes over the descriptor `folder`."""

    def __init__(
        self,
        folder: int,
        name: bytes,
        temporary: bytes,
        path: bytes,
        item: Item,
        facts: FactsWriter,
        skip: Skip,
    ) -> None:
        """Raises OSError; `folder` is then still the caller's."""
        self._name = name
        self._temporary = temporary
        self._path = path
        self._item = item
        self._facts = facts
        self._skip = skip
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        self._descriptor = open_new(folder, temporary)
        self._folder = folder
        try:
            os.ftruncate(self._descriptor, item.size_bytes)
        except OSError:
            os.close(self._descriptor)
            os.unlink(temporary, dir_fd=folder)
            raise

    @property
    def is_closed(self) -> bool:
        return self._descriptor < 0

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        """Raises RestoreError when the target fails; the file is then gone."""
        if self._descriptor < 0:
            return
        try:
            if "s" in self._item.facts:
                write_data(self._descriptor, offset, data)
            else:
                _write_at(self._descriptor, offset, data)
        except OSError as error:
            self._fail(error)

    def finish(self) -> None:
        if self._descriptor < 0:
            return
        try:
            self._facts.put_on(self._descriptor, self._path, self._item.facts)
            os.rename(self._temporary, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError as error:
            self._fail(error)
            return
        self._close()

    def abandon(self) -> None:
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            os.unlink(self._temporary, dir_fd=self._folder)
        self._close()

    def _fail(self, error: OSError) -> None:
        self.abandon()
        self._skip(self._path, why_not_restored(error))

    def _close(self) -> None:
        os.close(self._descriptor)
        os.close(self._folder)
        self._descriptor = -1


class DiscardingWriter:
    """Stands in for an item that cannot be written; why was told already."""

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        del offset, data

    def finish(self) -> None:
        return

    def abandon(self) -> None:
        return
