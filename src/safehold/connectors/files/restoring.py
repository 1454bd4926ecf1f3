"""A file tree being put back: everything beneath one open folder, nothing ever outside of it.

Names come from a vault and are checked; folders are entered one name at a time and never through a link;
what exists already is replaced by a rename, so that nobody ever sees half of a file that was there before.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import threading
from collections.abc import Callable, Sequence

from safehold.connectors.contract import Skip, Writer
from safehold.connectors.files.flushing import Flushing
from safehold.connectors.files.folders import Folders, runs_of_folders
from safehold.connectors.files.kernel import DONE, Kernel, is_plain
from safehold.connectors.files.putting import FactsWriter
from safehold.connectors.files.trouble import why_not_restored
from safehold.connectors.files.writing import DiscardingWriter, FileWriter, open_new, write_all, write_data
from safehold.core.errors import RestoreError
from safehold.domain.items import CONTENT_KINDS, Facts, Item, ItemKind

# An empty name, ".", ".." or a NUL: none of them can be the name of something in a folder.
_LEADS_AWAY = re.compile(rb"(?:\A|/)\.{0,2}(?:/|\Z)|\0")
_REFUSED = "refused: its name would lead out of the restored folder"
_NODES = {
    ItemKind.FIFO: stat.S_IFIFO,
    ItemKind.SOCKET: stat.S_IFSOCK,
    ItemKind.CHARACTER_DEVICE: stat.S_IFCHR,
    ItemKind.BLOCK_DEVICE: stat.S_IFBLK,
}


class FilesRestore:
    """Implements connectors.contract.Restore. Takes over the descriptor `root`; close() ends it.

    is_fresh  the target was made for this restore: it gets the facts of the root item, and holds nothing else
    """

    def __init__(
        self, root: int, *, job_id: str, arn: str, is_fresh: bool, skip: Skip, kernel: Kernel | None
    ) -> None:
        self._kernel = kernel
        self._folders = Folders(root, makes_missing=True)
        self._flushing = Flushing(root)
        self._arn = arn
        self._job_id = job_id
        self._is_fresh = is_fresh
        self._skip = skip
        self._facts = FactsWriter(clears_acls=not is_fresh or _has_default_acl(root))
        self.failed_items = 0
        self.failed_files = 0
        self._lock = threading.Lock()
        self._made_folders: list[tuple[bytes, Facts]] = []
        self._hard_links: list[tuple[bytes, Item]] = []
        self._first_links: set[bytes] = set()  # first paths of hard-link groups, once their bytes are there
        self._writers: list[FileWriter] = []

    def make(self, path: bytes, item: Item) -> None:
        """See Restore.make. Hard links wait for finish(), when what they link to is surely there."""
        if not path:
            if self._is_fresh:
                self._made_folders.insert(0, (path, item.facts))
            return
        if item.kind == ItemKind.HARDLINK:
            self._hard_links.append((path, item))
        elif item.kind == ItemKind.DIRECTORY:
            self._make_folder(path, item)
        else:
            self._place(path, item, lambda folder, name: self._make_node(folder, name, path, item))

    def write_whole(self, batch: Sequence[tuple[bytes, Item, bytes]]) -> None:
        """See Restore.write_whole. An item costs about six system calls, made for many at once."""
        for run in runs_of_folders(batch, lambda entry: entry[0].rpartition(b"/")[0]):
            for path, item, data in self._write_run(run):
                self._write_one(path, item, data)
        self._flushing.note(sum(len(data) for _, _, data in batch))

    def _write_run(self, run: Sequence[tuple[bytes, Item, bytes]]) -> Sequence[tuple[bytes, Item, bytes]]:
        """Make what is simple in one go; returns what is left to be made one by one, or to be told."""
        if self._kernel is None:
            return run
        simple = [entry for entry in run if is_plain(entry[1]) and not _LEADS_AWAY.search(entry[0])]
        try:
            folders = self._folders.descriptors([path.rpartition(b"/")[0] for path, _, _ in simple])
        except OSError:
            return run
        items = [item for _, item, _ in simple]
        contents = [data for _, _, data in simple]
        statuses = self._kernel.write(items, folders, contents, clears_acls=self._facts.clears_acls)
        made = {entry[0] for entry, status in zip(simple, statuses, strict=True) if status == DONE}
        for path, item, _ in simple:
            if path in made:
                self._came_back(path, item)
        return [entry for entry in run if entry[0] not in made]

    def _write_one(self, path: bytes, item: Item, data: bytes) -> None:
        if self._place(path, item, lambda folder, name: self._write_file(folder, name, path, item, data)):
            self._came_back(path, item)

    def open(self, path: bytes, item: Item) -> Writer:
        """See Restore.open. Until its finish() the bytes are under a name of their own."""
        if _LEADS_AWAY.search(path):
            self._lost(path, item, _REFUSED)
            return DiscardingWriter()
        temporary = self._temporary(path.rpartition(b"/")[2])
        try:
            writer = FileWriter(
                self._folders,
                path,
                temporary,
                item,
                self._facts,
                wrote=self._flushing.note,
                came_back=self._came_back,
                lost=self._lost,
            )
        except OSError as error:
            self._lost(path, item, why_not_restored(error))
            return DiscardingWriter()
        with self._lock:
            self._writers = [other for other in self._writers if not other.is_closed]
            self._writers.append(writer)
        return writer

    def finish(self) -> str:
        """See Restore.finish. Raises RestoreError when it cannot be made durable."""
        for path, item in self._hard_links:
            self._make_hard_link(path, item)
        # ORDER: deepest first, for a folder that may not be written to any more cannot be worked in.
        for path, facts in reversed(self._made_folders):
            try:
                self._facts.put_on(self._folders.descriptor(path), path, facts)
            except OSError as error:
                self._skip(path, why_not_restored(error))
        self._facts.tell(self._skip)
        self._flushing.finish()
        return self._arn

    def close(self) -> None:
        """Let go; what is not finished leaves nothing behind."""
        for writer in self._writers:
            writer.abandon()
        self._flushing.close()
        self._folders.close()

    def _came_back(self, path: bytes, item: Item) -> None:
        # ORDER: not before its bytes are under that name; until then an old file may be there.
        if "n" in item.facts:
            with self._lock:
                self._first_links.add(path)

    def _lost(self, path: bytes, item: Item, why: str) -> None:
        with self._lock:
            self.failed_items += 1
            self.failed_files += item.kind in CONTENT_KINDS
        self._skip(path, why)

    def _make_folder(self, path: bytes, item: Item) -> None:
        if _LEADS_AWAY.search(path):
            self._lost(path, item, _REFUSED)
            return
        directory, _, name = path.rpartition(b"/")
        try:
            folder = self._folders.descriptor(directory)
            try:
                os.mkdir(name, 0o700, dir_fd=folder)
            except FileExistsError:
                self._facts.clears_acls = True  # what is there may hand an ACL down
                if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                    os.unlink(name, dir_fd=folder)
                    os.mkdir(name, 0o700, dir_fd=folder)
        except OSError as error:
            self._lost(path, item, why_not_restored(error))
            return
        self._made_folders.append((path, item.facts))

    def _make_hard_link(self, path: bytes, item: Item) -> None:
        first = item.facts.get("link_to")
        if not isinstance(first, bytes) or first not in self._first_links:
            why = f"not restored: it is a hard link to {first!r}, which was not restored either"
            self._lost(path, item, why)
            return
        directory, _, name = first.rpartition(b"/")
        try:
            # Its own descriptor: entering the link's folder may push this one out.
            source = os.dup(self._folders.descriptor(directory))
        except OSError as error:
            self._lost(path, item, why_not_restored(error))
            return

        def link(folder: int, new_name: bytes) -> None:
            os.link(name, new_name, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)

        try:
            self._place(path, item, link)
        finally:
            os.close(source)

    def _make_node(self, folder: int, name: bytes, path: bytes, item: Item) -> None:
        if item.kind == ItemKind.SYMLINK:
            points_to = item.facts.get("l")
            os.symlink(points_to if isinstance(points_to, bytes) else b"", name, dir_fd=folder)
        else:
            device = item.facts.get("d")
            kind = _NODES.get(ItemKind(item.kind))
            if kind is None:
                raise RestoreError(f"a file tree cannot hold an item of kind {item.kind}")
            os.mknod(name, kind | 0o600, device if isinstance(device, int) else 0, dir_fd=folder)
        is_link = item.kind == ItemKind.SYMLINK
        self._facts.put_on_name(folder, name, path, item.facts, is_link=is_link)

    def _write_file(
        self, folder: int, name: bytes, path: bytes, item: Item, data: bytes | memoryview
    ) -> None:
        descriptor = open_new(folder, name)
        is_whole = False
        try:
            if "s" in item.facts:
                os.ftruncate(descriptor, len(data))
                write_data(descriptor, 0, data)
            else:
                write_all(descriptor, data)
            self._facts.put_on(descriptor, path, item.facts)
            is_whole = True
        finally:
            os.close(descriptor)
            if not is_whole:
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=folder)

    def _place(self, path: bytes, item: Item, create: Callable[[int, bytes], None]) -> bool:
        """Have `create` make something that is not there yet; what is there already is replaced.

        Answers whether that worked; if not, it was told.
        """
        if _LEADS_AWAY.search(path):
            self._lost(path, item, _REFUSED)
            return False
        directory, _, name = path.rpartition(b"/")
        try:
            folder = self._folders.descriptor(directory)
            try:
                create(folder, name)
            except FileExistsError:
                self._replace(folder, name, create)
        except OSError as error:
            self._lost(path, item, why_not_restored(error))
            return False
        return True

    def _replace(self, folder: int, name: bytes, create: Callable[[int, bytes], None]) -> None:
        temporary = self._temporary(name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        create(folder, temporary)
        try:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            # Where both are links to one file already, rename does nothing and leaves both.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)

    def _temporary(self, name: bytes) -> bytes:
        """The same each time this job comes to this name, so that what a killed one left is found."""
        seed = self._job_id.encode() + b"\0" + name
        return b".safehold-" + hashlib.sha256(seed).hexdigest()[:24].encode()


def _has_default_acl(folder: int) -> bool:
    try:
        return "system.posix_acl_default" in os.listxattr(folder)
    except OSError:
        return False
