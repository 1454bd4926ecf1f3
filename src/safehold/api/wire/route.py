"""Which operation a request is for: by method, raw path, and parameters that its URI carries literally.

Labels (ARNs, ids with slashes) arrive percent-encoded, so the path is split before it is decoded. A slash at
the end means nothing. Empty and dot segments match no route: the signature's canonical path drops them, and a
path that two parties read differently must lead nowhere.
Source: AWS SigV4, "Create a canonical request"; model 2018-11-15 for the URIs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar
from urllib.parse import unquote

from safehold.api.model.load import service
from safehold.api.model.shapes import Operation
from safehold.api.wire.http import HttpRequest
from safehold.api.wire.scope import service_of
from safehold.core.errors import WireError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """What a path leads to, and its labels, decoded."""

    target: T
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    segments: tuple[str, ...]
    query: Mapping[str, str]
    target: T

    def labels(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The labels if these (decoded) segments fit, else None."""
        found = {}
        for pattern, segment in zip(self.segments, segments, strict=True):
            if pattern.startswith("{"):
                found[pattern[1:-1]] = segment
            elif pattern != segment:
                return None
        return found

    def order(self) -> tuple[int, int]:
        """The most particular first: with literal parameters, then with fewest labels."""
        return (-len(self.query), sum(segment.startswith("{") for segment in self.segments))


class Table(Generic[T]):
    """Routes, by method and number of segments."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, int], list[_Entry[T]]] = {}

    def add(self, method: str, segments: tuple[str, ...], query: Mapping[str, str], target: T) -> None:
        entries = self._entries.setdefault((method, len(segments)), [])
        entries.append(_Entry(segments, query, target))
        entries.sort(key=_Entry.order)

    def find(self, request: HttpRequest, *, below: str = "/") -> Match[T] | None:
        """What the request's path, as seen from `below`, leads to. Raises WireError for bad encoding."""
        raw = request.raw_path.removeprefix(below).removeprefix("/").removesuffix("/").split("/")
        if any(segment in ("", ".", "..") for segment in raw):
            return None
        segments = [_decoded(segment) for segment in raw]
        given = dict(request.query)
        for entry in self._entries.get((request.method, len(segments)), ()):
            if not _has(given, entry.query):
                continue
            if (labels := entry.labels(segments)) is not None:
                return Match(entry.target, labels)
        return None


def find_operation(request: HttpRequest) -> Match[Operation]:
    """The operation of AWS Backup, or of its search. Raises WireError (404) when there is none."""
    if match := _table(service_of(request)).find(request):
        return match
    raise unknown()


def unknown() -> WireError:
    """What a path that leads nowhere is answered."""
    return WireError("UnknownOperationException", "no operation has this method and path", http_status=404)


@cache
def _table(service_name: str) -> Table[Operation]:
    table: Table[Operation] = Table()
    for operation in service(service_name).operations.values():
        table.add(operation.method, operation.path, operation.query, operation)
    return table


def _has(given: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(name in given and (not value or given[name] == value) for name, value in wanted.items())


def _decoded(segment: str) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError as error:
        raise WireError("SerializationException", "the path is not UTF-8") from error
