"""What a place that keeps a store's objects promises.

Objects are written once and never changed. tests/store/backends/contract.py is this promise as tests;
every backend passes it. What only some places can do stands in protocols of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """name: "/"-separated, ASCII; size_bytes: exact."""

    name: str
    size_bytes: int


class Backend(Protocol):
    """Threads may share a backend. Every method may raise StoreUnavailable."""

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        """The object is there, whole and durable, when this returns; before that nobody sees any of it.

        Raises ObjectExists when an object of that name is there (it is left as it was), StoreFull.
        """

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        """`length` bytes from `offset`, fewer at the end; a negative offset counts from the end.

        Raises ObjectMissing; Damaged when this object's bytes cannot be had although the store works.
        """

    def size(self, name: str) -> int:
        """Raises ObjectMissing."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object under that folder (a name up to and including "/"), in name order.

        A listing that fails raises; it never looks like a shorter one.
        """

    def delete(self, name: str) -> None:
        """The object is gone for good, also after a power cut; no error when it was not there."""


class LockMode(StrEnum):
    """How firmly an object is kept. Source: Amazon S3 User Guide, "Locking objects with Object Lock"."""

    GOVERNANCE = "GOVERNANCE"  # who has a right of their own for it may end it early
    COMPLIANCE = "COMPLIANCE"  # nobody may


@dataclass(frozen=True, slots=True)
class Retention:
    """until: aware UTC; before that moment the object cannot be deleted."""

    mode: LockMode
    until: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One of the things that a place keeps under a name: an object's bytes, or a mark that it is deleted.

    id  opaque, unique among the versions of a name
    """

    name: str
    id: str
    size_bytes: int
    is_marker: bool


class LockingBackend(Backend, Protocol):
    """A place that can keep objects from being deleted. tests/store/backends/locking_contract.py is this as
    tests.

    Where others can write to the place by themselves, a name may have several versions, and marks of
    deletion that hide them: what was there first stays readable by its version's id.
    """

    @property
    def can_lock(self) -> bool:
        """Is it so here? If not, the methods below raise StoreUnavailable."""

    @property
    def keeps_versions(self) -> bool:
        """May a name have several versions here, and marks of deletion?"""

    def put_locked(
        self, name: str, parts: Sequence[bytes | bytearray | memoryview], retention: Retention
    ) -> None:
        """As `put`, and from its first moment the object is kept."""

    def retention(self, version: Version) -> Retention | None:
        """What keeps it now; may be over already. Raises ObjectMissing."""

    def retain(self, version: Version, retention: Retention) -> None:
        """It is kept at least so firmly and so long; what keeps it better stays. Raises ObjectMissing."""

    def hold(self, version: Version, *, is_held: bool) -> None:
        """Legal hold: while it is on, the object cannot be deleted, whatever its retention."""

    def is_held(self, version: Version) -> bool:
        """Is a legal hold on it?"""

    def versions(self, prefix: str) -> Iterator[Version]:
        """Everything under that folder, markers too: in name order, of one name the oldest first."""

    def versions_of(self, name: str) -> Sequence[Version]:
        """What is kept under that one name, the oldest first; empty for a name that is not there."""

    def get_version(self, version: Version, *, offset: int = 0, length: int | None = None) -> bytes:
        """As `get`, of that version. Raises ObjectMissing for one that is gone, or is a marker."""

    def delete_version(self, version: Version) -> None:
        """It is gone; no error when it was not there. Raises ObjectLocked."""


def locking(backend: Backend) -> LockingBackend | None:
    """The backend as one that locks, if it can."""
    return backend if getattr(backend, "can_lock", False) else None  # type: ignore[return-value]


class RenamingBackend(Backend, Protocol):
    """A place where an object changes its name without being copied: then there is a real trash."""

    @property
    def can_rename(self) -> bool:
        """Is it so here? If not, `rename` raises StoreUnavailable."""

    def rename(self, name: str, new_name: str) -> None:
        """The object has that name; nothing is ever replaced, and after a crash it has either name or both.

        Raises ObjectMissing, ObjectExists (then it keeps its name), ObjectLocked.
        """


def renaming(backend: Backend, name: str = "") -> RenamingBackend | None:
    """The backend as one that renames, if it can, and can do so with objects of that name."""
    if not getattr(backend, "can_rename", False):
        return None
    renames = getattr(backend, "renames", None)  # where some objects lie elsewhere than others
    return backend if renames is None or renames(name) else None  # type: ignore[return-value]


class Reading(StrEnum):
    """What it takes to read an object that is there."""

    FREE = "free"
    PAID = "paid"  # it is read as others are, and each byte of it is charged
    ASKED = "asked"  # it must be asked for first, and comes hours later


class Availability(StrEnum):
    READABLE = "readable"
    ARCHIVED = "archived"  # nobody has asked for it
    COMING = "coming"


class ArchivingBackend(Backend, Protocol):
    """A place whose objects may have to be asked for before they are read. `get` of one that was not raises
    NotRetrieved; listings, sizes, locks and deletion are as everywhere.
    """

    @property
    def reading(self) -> Reading:
        """What its objects are like, as far as is known without asking."""

    def availability(self, name: str) -> Availability:
        """Raises ObjectMissing."""

    def retrieve(self, name: str) -> None:
        """A copy that can be read is on its way, and stays for some days. Again is no error."""

    def digest(self, name: str) -> bytes | None:
        """SHA-256 of the object as the place itself tells it; None where it tells none. Raises
        ObjectMissing."""


def archiving(backend: Backend) -> ArchivingBackend | None:
    """The backend as one with an archive, if that is what it is."""
    is_one = getattr(backend, "reading", Reading.FREE) is not Reading.FREE
    return backend if is_one else None  # type: ignore[return-value]
