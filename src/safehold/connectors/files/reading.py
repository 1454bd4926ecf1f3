"""Reading the bytes of files that others may be writing to at the same time."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator, Sequence

from safehold.connectors.contract import Skip, Taken
from safehold.connectors.files.facts import Seen, attributes_of, file_item, has_holes, with_attributes
from safehold.connectors.files.folders import Folders, runs_of_folders
from safehold.connectors.files.kernel import DONE, Kernel
from safehold.connectors.files.new_folders import Entries, read_new
from safehold.connectors.files.trouble import why_not_taken
from safehold.domain.items import Item, NewListing, NewRun, join

READ_BYTES = 4 << 20  # at most so many at once: whoever is told of the progress may end it between two
_TRIES = 3  # a file that changed while it was read is read again; after that what was had is kept
_WHOLE_BYTES = 64 << 20  # a file announced as small may have grown; beyond this it is cut, and told
_ZEROS = memoryview(bytes(READ_BYTES))
# Not blocking: what was a file a moment ago may be a fifo now, and opening one waits for its other end.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CHANGED = "changed while it was read; what is in this backup may be a mixture of old and new"


class Reader:
    """Opens and reads the files of one tree. Several threads may use it."""

    def __init__(
        self,
        folders: Folders,
        *,
        kernel: Kernel | None,
        racy_from_ns: int,
        first_links: Collection[bytes],
        skip: Skip,
    ) -> None:
        self._folders = folders
        self._kernel = kernel
        self._racy_from_ns = racy_from_ns
        self._first_links = first_links
        self._skip = skip

    def read_whole(self, batch: Sequence[tuple[bytes, Item]]) -> list[Taken | None]:
        """See Capture.read_whole. An undisturbed item costs five system calls, made for many at once."""
        if self._kernel is None:
            return [self._read_one(directory, item) for directory, item in batch]
        found: list[Taken | None] = []
        for run in runs_of_folders(batch, _directory):
            found += self._read_run(self._kernel, run)
        return found

    def read_new(self, runs: Sequence[NewRun], *, most_bytes: int) -> list[memoryview | None]:
        """See Capture.read_new."""
        assert self._kernel is not None, "without it nothing is listed as new"
        wanted = [(_entries(listing), first, end, size) for listing, first, end, size in runs]
        return read_new(self._kernel, self._folders.root, wanted, most_bytes)

    def _read_run(self, kernel: Kernel, run: Sequence[tuple[bytes, Item]]) -> list[Taken | None]:
        """Files of so few folders that all of these can be open at once."""
        try:
            folders = self._folders.descriptors([directory for directory, _ in run])
        except OSError:  # a folder that is gone, or too many: each file now says for itself what became of it
            return [self._read_one(directory, item) for directory, item in run]
        buffer = bytearray(sum([item.size_bytes for _, item in run]))
        statuses = kernel.read([item for _, item in run], folders, buffer)
        found: list[Taken | None] = []
        end = 0
        view = memoryview(buffer)
        for (directory, item), status in zip(run, statuses, strict=True):
            start, end = end, end + item.size_bytes
            found.append((view[start:end], item) if status == DONE else self._read_one(directory, item))
        return found

    def _read_one(self, directory: bytes, item: Item) -> Taken | None:
        try:
            descriptor = self._open(directory, item.name)
            try:
                data = os.read(descriptor, item.size_bytes)
                seen = Seen.of(os.fstat(descriptor))
                if len(data) != item.size_bytes or not _is_as_listed(item, seen):
                    return self._read_changing(descriptor, directory, item)
                return data, with_attributes(item, attributes_of(descriptor))
            finally:
                os.close(descriptor)
        except OSError as error:
            self._lost(directory, item, why_not_taken(error))
            return None

    def open(self, directory: bytes, item: Item) -> tuple[FileContent, Item] | None:
        """See Capture.open."""
        path = join(directory, item.name)
        try:
            descriptor = self._open(directory, item.name)
        except OSError as error:
            self._lost(directory, item, why_not_taken(error))
            return None
        try:
            seen = Seen.of(os.fstat(descriptor))
            if not stat.S_ISREG(seen.mode):
                os.close(descriptor)
                self._lost(directory, item, "became something else before it was read")
                return None
            now = item if _is_as_listed(item, seen) else file_item(item.name, seen, self._racy_from_ns)
            now = with_attributes(now, attributes_of(descriptor))
        except OSError as error:
            os.close(descriptor)
            self._lost(directory, item, why_not_taken(error))
            return None
        return FileContent(descriptor, seen, path, self._skip), now

    def _open(self, directory: bytes, name: bytes) -> int:
        folder = self._folders.descriptor(directory)
        try:
            return os.open(name, _FLAGS | os.O_NOATIME, dir_fd=folder)
        except PermissionError:
            return os.open(name, _FLAGS, dir_fd=folder)  # only a file's owner may ask for O_NOATIME

    def _read_changing(self, descriptor: int, directory: bytes, item: Item) -> Taken | None:
        for attempt in range(_TRIES):
            before = Seen.of(os.fstat(descriptor))
            if not stat.S_ISREG(before.mode):
                self._lost(directory, item, "became something else before it was read")
                return None
            os.lseek(descriptor, 0, os.SEEK_SET)
            data = _read_up_to(descriptor, min(before.size, _WHOLE_BYTES))
            if _is_unmoved(before, Seen.of(os.fstat(descriptor))) and len(data) == before.size:
                break
            if attempt == _TRIES - 1:
                self._skip(join(directory, item.name), _CHANGED)
        # The facts are those from before: should the file have changed since, it is read next time.
        as_read = file_item(item.name, before, self._racy_from_ns)
        as_read.size_bytes = len(data)
        return data, with_attributes(as_read, attributes_of(descriptor))

    def _lost(self, directory: bytes, item: Item, why: str) -> None:
        path = join(directory, item.name)
        if path in self._first_links:
            why += "; hard links to it have no content in this backup"
        self._skip(path, why)


class FileContent:
    """A large file's bytes, as long as it was when opened. Holes come as zeros that were never read."""

    def __init__(self, descriptor: int, opened: Seen, path: bytes, skip: Skip) -> None:
        self._descriptor = descriptor
        self._opened = opened
        self._path = path
        self._skip = skip
        self._position = 0
        self._is_over = False
        self._left = self._runs(opened.size)
        self._run = (False, 0)

    def read_into(self, buffer: memoryview) -> int:
        """See Content.read_into."""
        if self._is_over:
            return 0
        try:
            got = self._next_bytes(buffer[:READ_BYTES])
            if got:
                self._position += got
                return got
            moved = not _is_unmoved(self._opened, Seen.of(os.fstat(self._descriptor)))
            if moved or self._position < self._opened.size:
                self._skip(self._path, _CHANGED)
        except OSError as error:
            why = f"could be read up to byte {self._position} only: {os.strerror(error.errno or 0)}"
            self._skip(self._path, f"{why}; what follows is not in this backup")
        self._is_over = True
        return 0

    def skip_to(self, offset: int) -> None:
        """See ResumableContent.skip_to."""
        self._position = offset

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _next_bytes(self, buffer: memoryview) -> int:
        while self._position >= self._run[1]:
            run = next(self._left, None)
            if run is None:
                return 0
            self._run = run
        is_hole, end = self._run
        wanted = buffer[: end - self._position]
        if not is_hole:
            return os.preadv(self._descriptor, [wanted], self._position)
        wanted[:] = _ZEROS[: len(wanted)]
        return len(wanted)

    def _runs(self, size: int) -> Iterator[tuple[bool, int]]:
        """Runs of data and of holes: (is it a hole, where it ends)."""
        if not has_holes(self._opened):
            yield False, size
            return
        position = 0
        while position < size:
            data = self._seek(position, os.SEEK_DATA, size)
            yield True, data
            position = self._seek(data, os.SEEK_HOLE, size) if data < size else size
            yield False, position

    def _seek(self, position: int, what: int, size: int) -> int:
        try:
            return min(os.lseek(self._descriptor, position, what), size)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing of that kind up to the end
                return size
            if error.errno == errno.EINVAL:  # the file system does not tell: all of it is data
                return position if what == os.SEEK_DATA else size
            raise


def _entries(listing: NewListing) -> Entries:
    assert isinstance(listing.note, Entries), "the listing is of another capture"
    return listing.note


def _directory(entry: tuple[bytes, Item]) -> bytes:
    return entry[0]


def _is_as_listed(item: Item, seen: Seen) -> bool:
    facts = item.facts
    return (
        facts["c"] == seen.ctime_ns
        and facts["i"] == seen.ino
        and facts["t"] == seen.mtime_ns
        and item.size_bytes == seen.size
    )


def _is_unmoved(before: Seen, after: Seen) -> bool:
    return (before.mtime_ns, before.ctime_ns, before.size) == (after.mtime_ns, after.ctime_ns, after.size)


def _read_up_to(descriptor: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
