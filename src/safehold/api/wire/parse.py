"""A REST-JSON request as the values its operation's input shape names.

Unknown members are ignored and nulls are absent, as AWS has it; a value of another type than the model's is a
SerializationException. What a database could not hold (NUL, half a surrogate pair, a time outside the
calendar) stops here too, so that no handler has to think of it.
Source: Smithy, "AWS restJson1 protocol".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from safehold.api.model.shapes import Kind, Location, Member, Operation, Shape
from safehold.api.wire.http import HttpRequest
from safehold.core.errors import InvalidParameterValue, WireError

_BITS = {Kind.INTEGER: 31, Kind.LONG: 63}
# Whoever adds a retention of a hundred years to a time must not leave the calendar, on either side.
_FIRST_YEAR, _LAST_YEAR = 1000, 9000
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)


def parse(operation: Operation, labels: Mapping[str, str], request: HttpRequest) -> dict[str, Any]:
    """The operation's input, member by member. Raises WireError, InvalidParameterValue."""
    if operation.input is None:
        return {}
    members = operation.input.members.values()
    query = _first_of_each(request)
    has_body = any(member.location is Location.BODY for member in members)
    sources: Mapping[Location, Mapping[str, Any]] = {
        Location.URI: labels,
        Location.QUERY: query,
        Location.BODY: json_object(request.body) if has_body else {},
    }
    found = ((member, sources[member.location].get(member.wire_name)) for member in members)
    given = {member.name: _member(member, raw) for member, raw in found if raw is not None}
    return given | _lists_of_query(members, request)


def json_object(body: bytes) -> dict[str, Any]:
    """A JSON object; an empty body is an empty one. Raises WireError for anything else."""
    if not body:
        return {}
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise WireError("SerializationException", "the body is not JSON") from error
    if not isinstance(value, dict):
        raise WireError("SerializationException", "the body is not a JSON object")
    return value


def text(raw: str, where: str) -> str:
    """`raw`, which can be stored and printed. Raises WireError, InvalidParameterValue."""
    if "\x00" in raw:
        raise InvalidParameterValue(f"Value at '{where}' holds a NUL character")
    try:
        raw.isascii() or raw.encode()
    except UnicodeEncodeError as error:
        raise _wrong(where, "valid Unicode") from error
    return raw


def from_text(shape: Shape, raw: str, where: str) -> Any:
    """A scalar as the URI, the query string or a form writes it."""
    match shape.kind:
        case Kind.STRING:
            return text(raw, where)
        case Kind.BOOLEAN if raw.lower() in ("true", "false"):
            return raw.lower() == "true"
        case Kind.INTEGER | Kind.LONG if _WHOLE_NUMBER.fullmatch(raw):
            return _integer(shape, int(raw), where)
        case Kind.TIMESTAMP:
            return _time_of(float(raw) if _WHOLE_NUMBER.fullmatch(raw) else raw, where)
    raise _wrong(where, f"a {shape.kind}")


def _first_of_each(request: HttpRequest) -> Mapping[str, str]:
    # An empty parameter says nothing: `?nextToken=` begins at the beginning.
    return {name: value for name, value in reversed(request.query) if value != ""}


def _lists_of_query(members: Iterable[Member], request: HttpRequest) -> dict[str, Any]:
    """Lists that the query string holds, one parameter an entry."""
    found: dict[str, Any] = {}
    for member in members:
        if member.location is Location.QUERY and member.shape.kind is Kind.LIST:
            texts = [text(value, member.name) for name, value in request.query if name == member.wire_name]
            found |= {member.name: texts} if texts else {}
    return found


def _member(member: Member, raw: Any) -> Any:
    if member.location is Location.BODY:
        return _value(member.shape, raw, member.name)
    if member.shape.kind is Kind.LIST:
        return [text(raw, member.name)]
    return from_text(member.shape, raw, member.name)


def _value(shape: Shape, raw: Any, where: str) -> Any:
    match shape.kind, raw:
        case Kind.STRUCTURE, dict():
            return structure(shape, raw, where)
        case Kind.MAP, dict():
            assert shape.item is not None
            item = shape.item
            return {text(key, where): _value(item, value, f"{where}.value") for key, value in raw.items()}
        case Kind.LIST, list():
            assert shape.item is not None
            return [_value(shape.item, value, f"{where}.member") for value in raw]
        case Kind.STRING, str():
            return text(raw, where)
        case Kind.BOOLEAN, bool():
            return raw
        case Kind.INTEGER | Kind.LONG, int() | float() if not isinstance(raw, bool):
            return _integer(shape, raw, where)
        case Kind.TIMESTAMP, int() | float() | str() if not isinstance(raw, bool):
            return _time_of(raw, where)
    raise _wrong(where, f"a {shape.kind}")


def structure(shape: Shape, raw: dict[str, Any], where: str) -> dict[str, Any]:
    """The members that a structure has in `raw`. Raises WireError, InvalidParameterValue."""
    found = ((member, raw.get(member.wire_name)) for member in shape.members.values())
    return {
        member.name: _value(member.shape, value, f"{where}.{member.name}" if where else member.name)
        for member, value in found
        if value is not None
    }


def _integer(shape: Shape, raw: float, where: str) -> int:
    limit = 1 << _BITS[shape.kind]
    if not -limit <= raw < limit or raw != int(raw):
        raise _wrong(where, f"a {shape.kind}")
    return int(raw)


def _time_of(raw: float | str, where: str) -> datetime:
    """Seconds since 1970, or ISO 8601; without an offset it is UTC."""
    try:
        time = datetime.fromisoformat(raw) if isinstance(raw, str) else datetime.fromtimestamp(raw, UTC)
        if _FIRST_YEAR <= time.year <= _LAST_YEAR:
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _wrong(where, "a timestamp") from error
    raise _wrong(where, "a timestamp")


def _wrong(where: str, wanted: str) -> WireError:
    return WireError("SerializationException", f"Value at '{where}' is not {wanted}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
