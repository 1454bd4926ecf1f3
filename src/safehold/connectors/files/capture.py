"""A file tree being taken. It is not frozen: each file is whole in itself, the tree as it was walked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime

from safehold.connectors.contract import Blocks, Skip
from safehold.connectors.files.facts import (
    GRANULARITY_NS,
    Seen,
    attributes_of,
    facts_of,
    is_same,
    with_attributes,
)
from safehold.connectors.files.folders import Folders
from safehold.connectors.files.kernel import Kernel
from safehold.connectors.files.mounts import TrustedDevices
from safehold.connectors.files.reading import FileContent, Reader
from safehold.connectors.files.settings import FilesSettings
from safehold.connectors.files.walk import Gaps, Walk
from safehold.core.errors import SourceDenied, SourceError, SourceMissing
from safehold.domain.items import AnyListing, Item, ItemKind, Listing, PreviousTree


class FilesCapture:
    """Implements connectors.contract.Capture."""

    consistency = "none"  # files that change while the tree is walked may be of different moments

    def __init__(
        self,
        settings: FilesSettings,
        previous: PreviousTree,
        *,
        now: datetime,
        reread: Gaps,
        skip: Skip,
        kernel: Kernel | None,
    ) -> None:
        self.taken_at = now
        self._path = settings.path
        self._previous = previous
        self._folders = Folders(open_root(settings.path))
        # What changed from two seconds before the start on may change again without its time moving.
        self._racy_from_ns = int(now.timestamp() * 1e9) - GRANULARITY_NS
        self._trusted = TrustedDevices(self._folders.root)
        self._skip = skip
        self._walk = Walk(
            self._folders,
            previous,
            patterns=settings.patterns,
            one_file_system=settings.one_file_system,
            trusted=self._trusted,
            racy_from_ns=self._racy_from_ns,
            reread=reread,
            skip=skip,
            kernel=kernel,
        )
        reader = Reader(
            self._folders,
            kernel=kernel,
            racy_from_ns=self._racy_from_ns,
            first_links=self._walk.links.values(),
            skip=skip,
        )
        self.read_whole = reader.read_whole
        self.read_new = reader.read_new
        self._open = reader.open

    def root(self) -> Item:
        descriptor = self._folders.root
        seen = Seen.of(os.fstat(descriptor))
        before = self._previous.root()
        if (
            before is not None
            and before.facts.get("v") == seen.dev
            and is_same(before, ItemKind.DIRECTORY, seen)
            and self._trusted.trusts(seen.dev, descriptor, b".")
        ):
            return before
        facts = {**facts_of(seen, self._racy_from_ns), "v": seen.dev}
        root = Item(b"", ItemKind.DIRECTORY, 0, facts)
        return with_attributes(root, attributes_of(descriptor))

    def listings(self) -> Iterator[AnyListing]:
        """See Capture.listings. Raises SourceMissing when the folder went away meanwhile."""
        self._tell_if_moved()
        for listing in self._walk.listings():
            if not listing.path and isinstance(listing, Listing) and not listing.items:
                self._tell_if_emptied()
            yield listing
        # A tree that was unmounted or deleted under the walk looks empty from there on.
        os.close(open_root(self._path, same_as=self._folders.root))

    def open(self, directory: bytes, item: Item) -> tuple[FileContent, Item] | None:
        return self._open(directory, item)

    def open_volume(self, item: Item, before: Item | None) -> Blocks:
        raise SourceError(f"a file tree holds no volume: {item.name!r}")

    def close(self) -> None:
        self._folders.close()

    def _tell_if_moved(self) -> None:
        before = self._previous.root()
        seen = os.fstat(self._folders.root)
        device = before.facts.get("v", seen.st_dev) if before is not None else seen.st_dev
        # Device numbers of many file systems are new after each mount: alone they tell nothing.
        if before is not None and device != seen.st_dev and before.facts.get("i") != seen.st_ino:
            self._skip(b"", "is on another file system than at the last backup; is the right one mounted?")

    def _tell_if_emptied(self) -> None:
        count = len(self._previous.listing(b""))
        if count:
            self._skip(b"", f"is empty, held {count} items at the last backup; is its file system mounted?")


def open_root(path: str, *, same_as: int | None = None) -> int:
    """The folder, open; `same_as`: it must be that very one. Raises SourceMissing, SourceDenied."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError as error:
        denied = SourceDenied(f"the folder {path} may not be read")
        denied.hint = "Run the worker as a user who may read it, or give that user the right to."
        raise denied from error
    except OSError as error:
        missing = SourceMissing(f"the folder {path} cannot be opened: {os.strerror(error.errno or 0)}")
        missing.hint = "Look whether it was moved, or is on a file system that is not mounted."
        raise missing from error
    if same_as is not None and not os.path.samestat(os.fstat(descriptor), os.fstat(same_as)):
        os.close(descriptor)
        raise SourceMissing(f"the folder {path} was replaced by another while it was read")
    return descriptor
