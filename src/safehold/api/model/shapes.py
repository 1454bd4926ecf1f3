"""What a service model says, as frozen values.

A `Service` has operations, an `Operation` has an input and an output shape, a `Shape` has constraints and, if
it is composed, further shapes. Everything that a request needs is worked out when the model is loaded.
Source: the Smithy-derived `service-2.json` form that AWS publishes with its SDKs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_WRITES = frozenset({"GetSessionToken"})  # operations that are named as if they only looked


class Kind(StrEnum):
    STRUCTURE = "structure"
    LIST = "list"
    MAP = "map"
    STRING = "string"
    INTEGER = "integer"
    LONG = "long"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"


class Location(StrEnum):
    """Where a member of an input travels."""

    BODY = "body"
    URI = "uri"
    QUERY = "querystring"


@dataclass(frozen=True, slots=True)
class Shape:
    """A type of the model.

    minimum, maximum  of the number itself, or of the length of a string, list or map
    item              what a list or a map holds; key: a map's keys
    is_sensitive      values of this shape never go into a log
    """

    name: str
    kind: Kind
    members: Mapping[str, Member] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    item: Shape | None = None
    key: Shape | None = None
    pattern: re.Pattern[str] | None = None
    enum: frozenset[str] = frozenset()
    minimum: int | None = None
    maximum: int | None = None
    is_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a structure; `wire_name` is its name in the URI, the query string or the body."""

    name: str
    wire_name: str
    shape: Shape
    location: Location
    is_idempotency_token: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a service.

    path    the URI's segments; a label is written `{name}`
    query   parameters that must be there, with the value they must have ("" is any)
    status  of the answer when all went well
    """

    service: str
    name: str
    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    status: int
    input: Shape | None
    output: Shape | None

    @property
    def is_read(self) -> bool:
        """Does it only look? GET says so, and the two lists that are POST."""
        is_named_so = self.name.startswith(("List", "Describe", "Get"))
        return self.method == "GET" or (is_named_so and self.name not in _WRITES)


@dataclass(frozen=True, slots=True)
class Service:
    """A published model: which operations there are, how they are spelled on the wire.

    signing_name   the service in the scope of its requests' signatures
    target_prefix  what JSON requests name before the operation; None for the other protocols
    """

    name: str
    version: str
    protocol: str
    signing_name: str
    target_prefix: str | None
    namespace: str | None
    operations: Mapping[str, Operation]
