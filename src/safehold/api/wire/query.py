"""The older AWS query protocol, which `sts` and `iam` speak: a form in, XML out.

Source: Smithy, "AWS query protocol".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from safehold.api.model.load import service
from safehold.api.model.shapes import Kind, Operation, Shape
from safehold.api.wire.codes import code_of
from safehold.api.wire.http import HttpAnswer, HttpRequest
from safehold.api.wire.parse import from_text
from safehold.core.errors import RequestError, WireError

XML = "text/xml"
_SERVICES: Mapping[str, str] = {
    "2010-05-08": "iam",
    "2011-06-15": "sts",
}  # by the `Version` they are asked in


def is_query(request: HttpRequest) -> bool:
    """Is it for a service of this protocol? Those live at `/`."""
    return request.raw_path in ("", "/") and "x-amz-target" not in request.headers


def find_operation(request: HttpRequest) -> Operation:
    """The operation that `Action` names. Raises WireError."""
    form = _form(request)
    name = form.get("Action", "")
    operation = service(_SERVICES.get(form.get("Version", ""), "sts")).operations.get(name)
    if operation is None:
        raise WireError("InvalidAction", f"Could not find operation {name[:64]!r}")
    return operation


def parse(operation: Operation, request: HttpRequest) -> dict[str, Any]:
    """The operation's input. Raises WireError, InvalidParameterValue."""
    return {} if operation.input is None else _structure(operation.input, _form(request), "")


def answer(operation: Operation, result: Mapping[str, Any] | None, request_id: str) -> HttpAnswer:
    """The operation's answer in its two wrappers."""
    inner = "" if operation.output is None else _xml(operation.output, result or {})
    name, namespace = operation.name, service(operation.service).namespace
    text = (
        f'<{name}Response xmlns="{namespace}"><{name}Result>{inner}</{name}Result>'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>"
    )
    return _answer(200, text, request_id)


def error_answer(error: RequestError, request: HttpRequest, request_id: str) -> HttpAnswer:
    name = _service_of(request)
    code = code_of(error, name)
    fault = "Sender" if error.http_status < 500 else "Receiver"
    text = (
        f'<ErrorResponse xmlns="{service(name).namespace}"><Error><Type>{fault}</Type>'
        f"<Code>{escape(code)}</Code><Message>{escape(str(error))}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return _answer(error.http_status, text, request_id)


def _service_of(request: HttpRequest) -> str:
    try:
        return _SERVICES.get(_form(request).get("Version", ""), "sts")
    except WireError:
        return "sts"


def _answer(status: int, text: str, request_id: str) -> HttpAnswer:
    return HttpAnswer(status, {"Content-Type": XML, "x-amzn-RequestId": request_id}, text.encode())


def _form(request: HttpRequest) -> Mapping[str, str]:
    if request.method != "POST":
        return dict(request.query)
    try:
        pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise WireError("SerializationException", "the body is not a form") from error
    return dict(pairs)


def _structure(shape: Shape, form: Mapping[str, str], prefix: str) -> dict[str, Any]:
    found = {
        member.name: _value(member.shape, form, prefix + member.wire_name)
        for member in shape.members.values()
    }
    return {name: value for name, value in found.items() if value is not None}


def _value(shape: Shape, form: Mapping[str, str], name: str) -> Any:
    if shape.kind is Kind.STRUCTURE:
        return _structure(shape, form, f"{name}.") or None
    if shape.kind is Kind.LIST:
        assert shape.item is not None
        found: list[Any] = []
        while (item := _value(shape.item, form, f"{name}.member.{len(found) + 1}")) is not None:
            found.append(item)
        return found or None
    return from_text(shape, form[name], name) if name in form else None


def _xml(shape: Shape, value: Any) -> str:
    match shape.kind:
        case Kind.STRUCTURE:
            members = ((shape.members[name], item) for name, item in value.items() if item is not None)
            return "".join(f"<{m.wire_name}>{_xml(m.shape, item)}</{m.wire_name}>" for m, item in members)
        case Kind.LIST:
            assert shape.item is not None
            return "".join(f"<member>{_xml(shape.item, item)}</member>" for item in value)
        case Kind.TIMESTAMP:
            assert isinstance(value, datetime)
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case Kind.BOOLEAN:
            return "true" if value else "false"
        case Kind.MAP:
            raise ValueError(f"{shape.name}: maps have no place in an answer here")
    return escape(str(value))
