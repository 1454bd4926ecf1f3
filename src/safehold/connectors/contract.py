"""What a source connector promises.

A connector turns one kind of resource into a tree of items with their bytes, and back. It knows its
resource. It never sees chunks, keys, vaults or the catalog. tests/connectors/contract.py is this promise
as tests; a new connector inherits them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from safehold.domain.items import AnyListing, Item, NewRun, PreviousTree

Taken: TypeAlias = tuple[bytes | memoryview, Item]  # an item's bytes, and the item as it was when read
Skip = Callable[[bytes, str], None]  # (path, what happened): one item could not be taken or put back whole


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source as a person declared it: `kind` picks the connector, `settings` are its own.

    settings of `files`: path (str), include / exclude (lists of patterns), writable_roots (list of str)
    """

    source_id: str
    name: str
    kind: str
    resource_type: str
    account_id: str
    site: str
    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FoundResource:
    """One resource that a source holds. `tags` are those that the source itself knows."""

    arn: str
    resource_type: str
    name: str
    size_bytes: int | None
    facts: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)


class Content(Protocol):
    """The bytes of one item, read once from start to end."""

    def read_into(self, buffer: memoryview) -> int:
        """Put the next bytes at the buffer's beginning, at least one; returns how many, 0 at the end.

        Raises SourceError. What changed while being read is told through `skip` of the capture.
        """

    def close(self) -> None:
        """Let go; may be called twice."""


class Blocks(Protocol):
    """The bytes of a volume, read where they are asked for.

    changed  (offset, length) of all that may differ from the volume in the previous point, in bytes; None
             when that is not known. What is named too much is read for nothing, what is missing is lost.
    """

    changed: Sequence[tuple[int, int]] | None

    def read_at(self, offset: int, buffer: memoryview) -> int:
        """Put the bytes from there on at the buffer's beginning, at least one; returns how many.

        Raises SourceError.
        """

    def close(self) -> None:
        """Let go; may be called twice."""


class ResumableContent(Content, Protocol):
    """Content that a backup which was cut off goes on with. What cannot be, has no `skip_to`: then it is read
    again from its start."""

    def skip_to(self, offset: int) -> None:
        """What comes first is the byte at `offset`, nothing before it is read. Called before `read_into`.

        Asked only of an item of which `listings` gave the very object of the previous tree, and which `open`
        gave with the same facts and size: its bytes up to there are known.
        """


class Capture(Protocol):
    """A resource as it was at one moment. Valid until its `with` block ends. One thread uses `listings`;
    `read_whole` and `open` may be called from several threads."""

    taken_at: datetime  # aware, UTC: restoring gives the state at this moment
    consistency: str  # "crash", "application", "none": what kind of moment it is

    def root(self) -> Item:
        """The root's own item: a directory (or, for one-item resources, a directory without facts)."""

    def listings(self) -> Iterator[AnyListing]:
        """Every directory once: depth first, in name order (see domain.items.walk_order).

        A directory of which nothing changed may come as `Unchanged` where the previous tree gives its items
        `encoded`, and one of which the previous tree has nothing as a `NewListing`. An item that is known to
        be unchanged is the very object that the previous tree gave.
        Everything else has `content` None and is read through `read_whole` or `open`.
        """

    def read_whole(self, batch: Sequence[tuple[bytes, Item]]) -> Sequence[Taken | None]:
        """Small items, each with its directory: their bytes, and each as it was when read, in the same order.

        Views may be of one buffer, which is never written to again. None for one that vanished (told by
        skip). Used for items that say they are at most a few MiB; longer ones are returned whole too.
        """

    def read_new(self, runs: Sequence[NewRun], *, most_bytes: int) -> Sequence[memoryview | None]:
        """Of each run the bytes of all files that are at most so long, one after another, each as long as it
        was listed; None where one of them is not as listed, or has facts that are not in its head: these
        files are then asked for through `read_whole`. Called only with what `listings` gave.
        """

    def open(self, directory: bytes, item: Item) -> tuple[Content, Item] | None:
        """A large item's bytes in blocks, and the item as it is now; None when it vanished (told by skip)."""

    def open_volume(self, item: Item, before: Item | None) -> Blocks:
        """The bytes of an item of kind VOLUME; `before` is the one of the previous point, if there is one.

        A volume that `listings` gave as the very object of the previous tree is asked for all the same when a
        backup of it was cut off: the reading then goes on in the middle.
        """


class Writer(Protocol):
    """One item being restored piece by piece; pieces may come in any order, from one thread."""

    def write_at(self, offset: int, data: bytes | memoryview) -> None: ...

    def finish(self) -> None:
        """All pieces are there: put on owner, mode, times and what else the facts hold."""

    def abandon(self) -> None:
        """The bytes cannot be had: leave nothing half-written under the item's name."""


class Restore(Protocol):
    """A resource being put back. Parents come before what is in them.

    What the target refuses of one item is told by skip and counted; what concerns the whole target (no room,
    read-only) raises RestoreError from whichever call meets it.
    """

    failed_items: int  # told by skip as not put back, of any kind; those that `abandon` ends are not counted
    failed_files: int  # of these, the ones with bytes of their own

    def make(self, path: bytes, item: Item) -> None:
        """An item without bytes of its own: directory, link, fifo, device. Directory facts come last.

        The root's own item comes first, at path b"", when everything is restored. A hard link may come
        before the file that it points to has been written: links are made in `finish`.
        """

    def write_whole(self, batch: Sequence[tuple[bytes, Item, bytes]]) -> None:
        """Small items (path, item, all its bytes), facts put on. Other items may come from other threads."""

    def open(self, path: bytes, item: Item) -> Writer:
        """A large item, sized `item.size_bytes`, holes where nothing is written."""

    def finish(self) -> str:
        """Everything is there: put on directory facts, make it durable; returns the created ARN."""


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What a restore job asks of a connector.

    metadata  AWS's string map, keys as the caller wrote them: compare case-insensitively
    items     paths (bytes, from the root) to restore with all below them; empty means everything
    """

    resource_arn: str
    resource_facts: Mapping[str, str]
    metadata: Mapping[str, str]
    items: Sequence[bytes]
    job_id: str
    now: datetime


class Connector(Protocol):
    """Backs up and restores every resource of its kind of source."""

    kind: str  # what `safehold source add KIND` says
    resource_types: frozenset[str]  # the API's own names: "EFS", "FSx", ...

    def discover(self, source: SourceSpec) -> list[FoundResource]:
        """Every resource the source holds now. Raises SourceMissing, SourceDenied."""

    def capture(
        self, source: SourceSpec, resource_arn: str, previous: PreviousTree, *, now: datetime, skip: Skip
    ) -> AbstractContextManager[Capture]:
        """Freeze the resource, yield it, let it go, whatever happens in between. Raises SourceError."""

    def restore_metadata(self, source: SourceSpec, resource: FoundResource) -> dict[str, str]:
        """What GetRecoveryPointRestoreMetadata answers for a point of this resource (strings only)."""

    def check_restore(self, source: SourceSpec, request: RestoreRequest) -> None:
        """Raise RestoreError or SourceDenied when the request cannot be done; nothing is touched."""

    def restore(
        self, source: SourceSpec, request: RestoreRequest, *, skip: Skip
    ) -> AbstractContextManager[Restore]:
        """Open the target, yield the restore, let go. Raises RestoreError, SourceDenied."""
