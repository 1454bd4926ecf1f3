"""The protocols in which a header or the path names the operation: AWS JSON 1.1, and Smithy's RPC in CBOR.

Both carry the same members; newer SDKs speak CBOR to services that offer it, older ones JSON.
Source: Smithy, "AWS JSON 1.1 protocol", "RPC v2 CBOR protocol".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from safehold.api.model.load import FILES, service
from safehold.api.model.shapes import Operation
from safehold.api.wire import cbor
from safehold.api.wire.codes import code_of
from safehold.api.wire.http import HttpAnswer, HttpRequest
from safehold.api.wire.parse import json_object, structure
from safehold.api.wire.serialize import value
from safehold.core.errors import RequestError, WireError

JSON = "application/x-amz-json-1.1"
CBOR = "application/cbor"
_CBOR_HEADERS = {"Content-Type": CBOR, "smithy-protocol": "rpc-v2-cbor"}


def is_json(request: HttpRequest) -> bool:
    return "x-amz-target" in request.headers


def is_cbor(request: HttpRequest) -> bool:
    return request.headers.get("smithy-protocol") == "rpc-v2-cbor"


def find_operation(request: HttpRequest) -> Operation:
    """The operation that the request names. Raises WireError."""
    prefix, name = _target(request)
    operation = None
    if request.method == "POST" and prefix in _services():
        operation = service(_services()[prefix]).operations.get(name)
    if operation is None:
        raise WireError("UnknownOperationException", f"no operation {name[:64]!r} is answered here")
    return operation


def parse(operation: Operation, request: HttpRequest) -> dict[str, Any]:
    """The operation's input. Raises WireError, InvalidParameterValue."""
    raw = _cbor_map(request.body) if is_cbor(request) else json_object(request.body)
    return {} if operation.input is None else structure(operation.input, raw, "")


def answer(
    operation: Operation, result: Mapping[str, Any] | None, request: HttpRequest, request_id: str
) -> HttpAnswer:
    """The operation's answer. Raises ValueError (a bug) when the model does not know it."""
    if operation.output is None:
        return _answer(200, {}, request, request_id)
    return _answer(200, value(operation.output, result or {}, operation.name), request, request_id)


def error_answer(error: RequestError, request: HttpRequest, request_id: str) -> HttpAnswer:
    code = code_of(error, _services().get(_target(request)[0], ""))
    body = {"__type": code, "message": str(error), "Message": str(error)}
    answered = _answer(error.http_status, body, request, request_id)
    return HttpAnswer(answered.status, {**answered.headers, "x-amzn-ErrorType": code}, answered.body)


def _answer(status: int, body: dict[str, Any], request: HttpRequest, request_id: str) -> HttpAnswer:
    headers = _CBOR_HEADERS if is_cbor(request) else {"Content-Type": JSON}
    raw = cbor.dumps(body) if is_cbor(request) else json.dumps(body, separators=(",", ":")).encode()
    return HttpAnswer(status, {**headers, "x-amzn-RequestId": request_id}, raw)


def _target(request: HttpRequest) -> tuple[str, str]:
    """What the request calls its service, and its operation."""
    if is_cbor(request):
        parts = request.raw_path.strip("/").split("/")
        is_of_form = len(parts) == 4 and parts[::2] == ["service", "operation"]
        return (parts[1], parts[3]) if is_of_form else ("", request.raw_path)
    prefix, _, name = request.headers["x-amz-target"].rpartition(".")
    return prefix, name


def _cbor_map(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        found = cbor.loads(body)
    except ValueError as error:
        raise WireError("SerializationException", "the body is not CBOR") from error
    if not isinstance(found, dict):
        raise WireError("SerializationException", "the body is not a map")
    return found


@cache
def _services() -> Mapping[str, str]:
    """Services by what requests call them."""
    prefixes = ((service(name).target_prefix, name) for name in FILES)
    return {prefix: name for prefix, name in prefixes if prefix is not None}
