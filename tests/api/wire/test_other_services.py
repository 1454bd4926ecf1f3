"""The services beside AWS Backup: each request of the stock client is read, each answer is read by it."""

import contextlib
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.compat import HTTPHeaders
from botocore.model import OperationModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from safehold.api.model.load import FILES, service
from safehold.api.wire import cbor, query, rpc
from safehold.api.wire.gateway import ToOperation, refusal, route
from safehold.api.wire.http import HttpAnswer, HttpRequest, read_request
from safehold.core.errors import AccessDenied, InvalidParameterValue, RequestError, WireError
from tests.api.wire.test_round_trip import value_of

SESSION = botocore.session.Session()
CASES = [
    pytest.param(SESSION.get_service_model(name), protocol, operation, id=f"{name} {operation} in {protocol}")
    for name in sorted(set(FILES) - {"backup", "backupsearch"})  # these two are in test_round_trip.py
    for protocol in SESSION.get_service_model(name).metadata["protocols"]
    for operation in service(name).operations
]


def sent(protocol: str, operation: OperationModel, params: dict[str, Any]) -> HttpRequest:
    made = create_serializer(protocol).serialize_to_request(params, operation)
    prepare_request_dict(made, "http://127.0.0.1:1")
    prepared = create_request_object(made).prepare()
    headers = [(name.encode(), str(value).encode()) for name, value in made["headers"].items()]
    path = urlsplit(prepared.url).path
    return read_request(prepared.method, path.encode(), b"", headers, _bytes(prepared.body))


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else body or b""


def read(protocol: str, made: HttpAnswer, shape: Any) -> dict[str, Any]:
    headers = HTTPHeaders.from_dict(dict(made.headers))
    response = {"status_code": made.status, "headers": headers, "body": made.body}
    found: dict[str, Any] = create_parser(protocol).parse(response, shape)
    assert found.pop("ResponseMetadata")["RequestId"] == "id"
    return found


def answered(protocol: str, name: str, operation: str, wanted: Any, request: HttpRequest) -> HttpAnswer:
    found = service(name).operations[operation]
    if protocol == "query":
        return query.answer(found, wanted, "id")
    return rpc.answer(found, wanted, request, "id")


@pytest.mark.parametrize(("model", "protocol", "name"), CASES)
def test_a_request_is_read_as_it_was_meant_and_its_answer_too(model: Any, protocol: str, name: str) -> None:
    operation = model.operation_model(name)
    params = value_of(operation.input_shape) if operation.input_shape else {}
    request = sent(protocol, operation, params)
    target = route(request)
    assert isinstance(target, ToOperation)
    assert (target.operation.service, target.name) == (model.service_name, name)
    parse = query.parse if protocol == "query" else rpc.parse
    assert parse(target.operation, request) == params

    wanted = value_of(operation.output_shape) if operation.output_shape else {}
    made = answered(protocol, model.service_name, name, wanted, request)
    assert read(protocol, made, operation.output_shape) == _whole_seconds(wanted, protocol)


def _whole_seconds(value: Any, protocol: str) -> Any:
    """Times in XML have no fraction."""
    if protocol != "query":
        return value
    if isinstance(value, dict):
        return {key: _whole_seconds(item, protocol) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_seconds(item, protocol) for item in value]
    return value.replace(microsecond=0) if hasattr(value, "microsecond") else value


@pytest.mark.parametrize(
    ("name", "protocol", "error", "code"),
    [
        ("iam", "query", InvalidParameterValue("no"), "ValidationError"),
        ("sts", "query", AccessDenied(), "AccessDenied"),
        ("kms", "json", InvalidParameterValue("no"), "ValidationException"),
        ("organizations", "json", InvalidParameterValue("no"), "InvalidInputException"),
        ("organizations", "json", AccessDenied(), "AccessDeniedException"),
        ("resourcegroupstaggingapi", "json", InvalidParameterValue("no"), "InvalidParameterException"),
        ("resourcegroupstaggingapi", "smithy-rpc-v2-cbor", WireError("X", "no"), "X"),
    ],
)
def test_a_refusal_has_the_form_and_the_name_that_its_service_has(
    name: str, protocol: str, error: RequestError, code: str
) -> None:
    model = SESSION.get_service_model(name)
    operation = model.operation_model(next(iter(service(name).operations)))
    params = value_of(operation.input_shape) if operation.input_shape else {}
    made = refusal(sent(protocol, operation, params), error, "id")
    assert made.status == error.http_status
    told = read(protocol, made, operation.output_shape)["Error"]
    assert (told["Code"], told["Message"]) == (code, str(error))


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ([("X-Amz-Target", "TrentService.Encrypt")], b"/"),
        ([("X-Amz-Target", "NoSuch.ListKeys")], b"/"),
        ([("X-Amz-Target", "")], b"/"),
        ([("smithy-protocol", "rpc-v2-cbor")], b"/service/TrentService"),
        ([("smithy-protocol", "rpc-v2-cbor")], b"/x/TrentService/operation/ListKeys"),
    ],
    ids=str,
)
def test_what_names_no_operation_is_refused(headers: list[tuple[str, str]], path: bytes) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    request = read_request("POST", path, b"", raw, b"")
    with pytest.raises(WireError) as refused:
        route(request)
    assert refused.value.wire_code == "UnknownOperationException"
    assert b"UnknownOperationException" in refusal(request, refused.value, "id").body


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_cbor_gives_back_what_it_was_given(value: object) -> None:
    assert cbor.loads(cbor.dumps(value)) == value


@given(st.binary(max_size=40))
def test_any_bytes_are_cbor_or_are_not(data: bytes) -> None:
    request = HttpRequest("POST", "/service/x/operation/y", (), {"smithy-protocol": "rpc-v2-cbor"}, data)
    operation = service("resourcegroupstaggingapi").operations["GetResources"]
    with contextlib.suppress(WireError, InvalidParameterValue):
        rpc.parse(operation, request)


def test_cbor_of_unknown_length_is_read() -> None:
    assert cbor.loads(b"\xbf\x61a\x9f\x01\x7f\x61b\x61c\xff\xff\xff") == {"a": [1, "bc"]}
    assert cbor.loads(b"\x5f\x41a\x41b\xff") == b"ab"
    assert cbor.loads(b"\xc1\x1a\x00\x00\x00\x05") == 5
