"""What AWS has no call for: a small JSON API under `/_safehold/v1/`, signed as all else (service `backup`).

An endpoint is a function of the call and the native request, and answers what JSON can hold, and datetimes.
Its errors have AWS's form. GET endpoints run in a read-only transaction, all others in a writing one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from safehold.api.call import Call

PREFIX = "/_safehold/v1"
HEALTH = "/_safehold/health"  # unsigned; says only that the process answers


@dataclass(frozen=True, slots=True)
class NativeRequest:
    """labels: from the path template, decoded; query: the first of each name; body: the JSON object sent."""

    labels: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


EndpointHandler: TypeAlias = Callable[[Call, NativeRequest], Mapping[str, Any]]
E = TypeVar("E", bound=EndpointHandler)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`path` is a template below the prefix: `/sources/{name}`."""

    method: str
    path: str
    handler: EndpointHandler

    @property
    def name(self) -> str:
        return f"{self.method} {PREFIX}{self.path}"

    @property
    def is_read(self) -> bool:
        return self.method == "GET"


_endpoints: dict[tuple[str, str], Endpoint] = {}


def endpoint(method: str, path: str) -> Callable[[E], E]:
    """Make the function below answer this method and path. Raises ValueError when another does."""

    def register(handler: E) -> E:
        if (method, path) in _endpoints:
            raise ValueError(f"two handlers for {method} {path}")
        _endpoints[method, path] = Endpoint(method, path, handler)
        return handler

    return register


def endpoints() -> Mapping[tuple[str, str], Endpoint]:
    """All endpoints, of the modules that `api.endpoints` lists."""
    from safehold.api import endpoints

    endpoints.load()
    return _endpoints
