"""What a place that keeps a store's objects promises.

Objects are written once and never changed. tests/store/backends/contract.py is this promise as tests;
every backend passes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
        """The object is gone; no error when it was not there."""
