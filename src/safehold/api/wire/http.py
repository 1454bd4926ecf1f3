"""A request as it came in, and an answer as it goes out. Nothing is decoded that a signature covers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from safehold.core.errors import WireError


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request.

    raw_path  the path of the request target, still percent-encoded
    query     decoded pairs in the order they came in
    headers   by lower-case name; several of one name are joined by commas, as a signature wants them
    """

    method: str
    raw_path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def read_request(
    method: str, raw_path: bytes, raw_query: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes
) -> HttpRequest:
    """The request. Raises WireError when its target is not plain ASCII or its query is not UTF-8."""
    try:
        path = raw_path.decode("ascii")
        query = parse_qsl(raw_query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise WireError("SerializationException", "the request target is not well-formed") from error
    return HttpRequest(method, path, query, _joined(headers), body)


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), " ".join(raw_value.decode("latin-1").split())
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined
