"""Answers and errors in REST-JSON, as AWS writes them.

Times are epoch seconds with a millisecond fraction; what is None is left out. An answer that the model does
not describe is a bug of its handler and is never sent.
Source: Smithy, "AWS restJson1 protocol"; docs/parity/wire.md for the form of errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from safehold.api.model.shapes import Kind, Operation, Shape
from safehold.api.wire.http import HttpAnswer
from safehold.core.errors import AlreadyExists, RequestError

JSON = "application/json"
QUOTA = "ServiceQuotaExceededException"
# Our errors' names at backupsearch, and their statuses. Source: model backupsearch 2018-05-10.
SEARCH_ERRORS: Mapping[str, tuple[str, int]] = {
    "InvalidParameterValueException": ("ValidationException", 400),
    "MissingParameterValueException": ("ValidationException", 400),
    "InvalidRequestException": ("ValidationException", 400),
    "SerializationException": ("ValidationException", 400),
    "ResourceNotFoundException": ("ResourceNotFoundException", 404),
    "ConflictException": ("ConflictException", 409),
    "LimitExceededException": (QUOTA, 402),
    "InternalFailure": ("InternalServerException", 500),
    "ServiceUnavailableException": ("InternalServerException", 500),
}
NAMING_A_RESOURCE = frozenset({"ResourceNotFoundException", "ConflictException", QUOTA})
_TYPES: Mapping[Kind, type] = {Kind.STRING: str, Kind.INTEGER: int, Kind.LONG: int, Kind.BOOLEAN: bool}


def answer(operation: Operation, result: Mapping[str, Any] | None, request_id: str) -> HttpAnswer:
    """The operation's answer; without an output shape its body is empty. Raises ValueError (a bug)."""
    if operation.output is None:
        return HttpAnswer(operation.status, {"x-amzn-RequestId": request_id}, b"")
    body = value(operation.output, result or {}, operation.name)
    return json_answer(operation.status, body, request_id)


def json_answer(status: int, body: object, request_id: str, **headers: str) -> HttpAnswer:
    raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False, default=_iso).encode()
    return HttpAnswer(status, {"Content-Type": JSON, "x-amzn-RequestId": request_id} | headers, raw)


def error_answer(error: RequestError, request_id: str) -> HttpAnswer:
    """An error in AWS's form. `X-Amzn-Errortype` decides; `Code` says the same should a proxy drop it."""
    body = {
        "Code": error.code or error.wire_code,
        "Context": error.context,
        "Message": str(error),
        "Type": None,
    }
    if isinstance(error, AlreadyExists):
        more = {"CreatorRequestId": error.creator_request_id, "Arn": error.arn}
        body |= {name: text for name, text in more.items() if text is not None}
    return json_answer(error.http_status, body, request_id, **{"X-Amzn-Errortype": error.wire_code})


def search_error_answer(error: RequestError, request_id: str) -> HttpAnswer:
    """The same in the form that backupsearch's model gives its errors, under its names."""
    name, status = SEARCH_ERRORS.get(error.wire_code, (error.wire_code, error.http_status))
    body = {"message": str(error)}
    if name in NAMING_A_RESOURCE:
        body |= {"resourceId": error.context or "", "resourceType": "search"}
    if name == QUOTA:
        body |= {"serviceCode": "backup-search", "quotaCode": ""}
    return json_answer(status, body, request_id, **{"X-Amzn-Errortype": name})


def value(shape: Shape, raw: Any, where: str) -> Any:
    """`raw` as JSON knows it, checked against its shape. Raises ValueError."""
    match shape.kind, raw:
        case Kind.STRUCTURE, Mapping():
            return _structure(shape, raw, where)
        case Kind.MAP, Mapping():
            assert shape.item is not None
            return {str(key): value(shape.item, item, f"{where}.{key}") for key, item in raw.items()}
        case Kind.LIST, list() | tuple():
            assert shape.item is not None
            return [value(shape.item, item, f"{where}[]") for item in raw]
        case Kind.TIMESTAMP, datetime() if raw.tzinfo is not None:
            return round(raw.timestamp(), 3)
    wanted = _TYPES.get(shape.kind)
    if wanted is None or not isinstance(raw, wanted) or (wanted is int and isinstance(raw, bool)):
        raise ValueError(f"{where} is a {type(raw).__name__}, the model wants a {shape.kind}")
    return raw


def _structure(shape: Shape, raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    if unknown := raw.keys() - shape.members.keys():
        raise ValueError(f"{where} has no members {sorted(unknown)}")
    return {
        shape.members[name].wire_name: value(shape.members[name].shape, item, f"{where}.{name}")
        for name, item in raw.items()
        if item is not None
    }


def _iso(raw: object) -> str:
    if isinstance(raw, datetime) and raw.tzinfo is not None:
        return raw.isoformat()
    raise TypeError(f"cannot write a {type(raw).__name__} as JSON")
