"""Whatever is sent, the answer is a clear refusal: never a 500, never a stored half."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from safehold.api.model.load import service
from safehold.api.model.shapes import Kind, Shape
from safehold.api.wire.gateway import Gateway, route
from safehold.api.wire.http import HttpAnswer, HttpRequest, read_request
from safehold.api.wire.parse import parse
from safehold.api.wire.validate import validate
from safehold.core.errors import RequestError, WireError
from tests.api.conftest import KEYS

OPERATIONS = service("backup").operations
Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def signed(
    method: str, target: str, body: bytes, *, service: str = "backup", site: str = "us-east-1"
) -> HttpRequest:
    url = f"http://h{target}"
    request = AWSRequest(method, url, data=body, headers={"Host": "h"})
    SigV4Auth(Credentials("AKIAROOT", KEYS["AKIAROOT"].secret), service, site).add_auth(request)
    path, _, query = target.partition("?")
    headers = [(name.encode(), str(value).encode()) for name, value in request.headers.items()]
    return read_request(method, path.encode(), query.encode(), headers, body)


@pytest.fixture
def ask(gateway: Gateway, stand_in: dict) -> Callable[..., HttpAnswer]:
    """Sends signed requests to handlers that answer nothing."""
    for name in OPERATIONS:
        stand_in["backup", name] = lambda call, req: None
    return lambda method, target, body=b"": gateway.answer(signed(method, target, body))


def code(answer: HttpAnswer) -> tuple[int, str]:
    return answer.status, answer.headers.get("X-Amzn-Errortype", "")


DEEP = b'{"BackupPlan":' + b"[" * 200_000 + b"]" * 200_000 + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nul",
        b"[]",
        b'"a"',
        b"5",
        b"null",
        b"\xff\xfe{\x00",
        b"\x00",
        b'{"a":NaN}',
        b'{"a":1e999',
        DEEP,
        b"1" * 5000,
    ],
    ids=lambda body: body[:12].decode("latin-1"),
)
def test_a_body_that_is_no_json_object_is_refused(ask: Callable[..., HttpAnswer], body: bytes) -> None:
    assert code(ask("PUT", "/backup/plans/", body)) == (400, "SerializationException")


JOB = {"BackupVaultName": "ab", "ResourceArn": "arn:x", "IamRoleArn": "arn:y"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"BackupVaultName": 5},
        {"BackupVaultName": True},
        {"BackupVaultName": ["ab"]},
        {"BackupVaultName": {"a": 1}},
        {"ResourceArn": "\ud800"},
        {"StartWindowMinutes": "60"},
        {"StartWindowMinutes": True},
        {"StartWindowMinutes": 1.5},
        {"StartWindowMinutes": 2**63},
        {"StartWindowMinutes": 10**400},
        {"Lifecycle": []},
        {"Lifecycle": "x"},
        {"Lifecycle": {"OptInToArchiveForSupportedResources": "true"}},
        {"RecoveryPointTags": []},
        {"RecoveryPointTags": {"a": None}},
        {"RecoveryPointTags": {"a": 1}},
        {"RecoveryPointTags": {"\ud800": "a"}},
    ],
    ids=ascii,
)
def test_a_value_of_another_type_is_refused(ask: Callable[..., HttpAnswer], wrong: dict[str, Any]) -> None:
    body = json.dumps(JOB | wrong).encode()
    assert code(ask("PUT", "/backup-jobs", body)) == (400, "SerializationException")


@pytest.mark.parametrize(
    "fine",
    [
        {"NoSuchMember": {"a": [1]}},
        {"Lifecycle": None},
        {"Lifecycle": {"New": 1}},
        {"StartWindowMinutes": 60.0},
    ],
    ids=str,
)
def test_unknown_members_and_nulls_are_ignored(ask: Callable[..., HttpAnswer], fine: dict[str, Any]) -> None:
    assert ask("PUT", "/backup-jobs", json.dumps(JOB | fine).encode()).status == 200


@pytest.mark.parametrize("missing", list(JOB))
@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_required_must_be_there(
    ask: Callable[..., HttpAnswer], missing: str, nothing: str | None
) -> None:
    answer = ask("PUT", "/backup-jobs", json.dumps(JOB | {missing: nothing}).encode())
    assert code(answer) == (400, "MissingParameterValueException")
    assert missing in json.loads(answer.body)["Message"]


@pytest.mark.parametrize(
    "target",
    [
        "/backup-jobs/?maxResults=0",
        "/backup-jobs/?maxResults=1001",
        "/backup-jobs/?state=DONE",
        "/backup-jobs/?accountId=12",
        "/backup-jobs/?resourceArn=%00",
        "/backup-vaults/%00%00",
        "/backup/plans/a/?MaxScheduledRunsPreview=11",
    ],
)
def test_what_the_model_forbids_is_refused(ask: Callable[..., HttpAnswer], target: str) -> None:
    assert code(ask("GET", target)) == (400, "InvalidParameterValueException")


@pytest.mark.parametrize(
    "target",
    [
        "/backup-jobs/?maxResults=ten",
        "/backup-jobs/?maxResults=1_0",
        "/backup-jobs/?maxResults=99999999999999999999",
        "/backup-jobs/?createdAfter=yesterday",
        "/backup-jobs/?createdAfter=0001-01-01",
        "/backup-jobs/?createdAfter=9999-12-31T23%3A59%3A59-12%3A00",
        "/backup-jobs/?createdAfter=9999999999999999999",
        "/backup/plans/?includeDeleted=yes",
        "/backup-vaults/%FF%FE",
    ],
)
def test_a_parameter_of_another_type_is_refused(ask: Callable[..., HttpAnswer], target: str) -> None:
    assert code(ask("GET", target)) == (400, "SerializationException")


@pytest.mark.parametrize(
    "target",
    [
        "/backup-vaults/aws%2Fefs%2Fautomatic-backup-vault",
        "/backup-jobs/?resourceType=SAP%20HANA%20on%20Amazon%20EC2",
        "/backup-jobs/?accountId=%2A",
        "/backup-jobs/?nextToken=&maxResults=",
        "/backup-jobs/?maxResults=5&maxResults=x",
        "/backup-jobs/?createdAfter=2026-01-02T03%3A04%3A05.678000Z&createdBefore=1767322996",
        "/backup/plans/?includeDeleted=True",
    ],
)
def test_what_aws_lets_through_is_let_through(ask: Callable[..., HttpAnswer], target: str) -> None:
    assert ask("GET", target).status == 200


@pytest.mark.parametrize(
    "name", ["a", "a" * 51, "with%20blank", "aws%2Fefs%2Fautomatic-backup-vault", "ab%0A"]
)
def test_a_new_vault_is_named_as_the_model_says(ask: Callable[..., HttpAnswer], name: str) -> None:
    assert code(ask("PUT", f"/backup-vaults/{name}")) == (400, "InvalidParameterValueException")


FRAMEWORK = {"FrameworkName": "f", "FrameworkControls": []}


@pytest.mark.parametrize(
    "wrong",
    [
        {"FrameworkName": "f" * 257},
        {"FrameworkName": "1f"},
        {"FrameworkDescription": " \n "},
        {"FrameworkDescription": "d" * 1025},
        {"FrameworkControls": [{"ControlName": "c", "ControlScope": {"ComplianceResourceIds": []}}]},
        {"FrameworkControls": [{"ControlName": "c", "ControlScope": {"ComplianceResourceIds": ["r"] * 101}}]},
    ],
    ids=lambda wrong: str(wrong)[:70],
)
def test_lengths_and_patterns_are_the_models(ask: Callable[..., HttpAnswer], wrong: dict[str, Any]) -> None:
    fine = {"FrameworkDescription": "two\nlines", **FRAMEWORK}
    assert ask("POST", "/audit/frameworks", json.dumps(fine).encode()).status == 200
    answer = ask("POST", "/audit/frameworks", json.dumps(fine | wrong).encode())
    assert code(answer) == (400, "InvalidParameterValueException")


def test_a_condition_type_is_spelled_as_one_likes(ask: Callable[..., HttpAnswer]) -> None:
    condition = {"ConditionType": "StringEquals", "ConditionKey": "a", "ConditionValue": "b"}
    selection = {"SelectionName": "s", "IamRoleArn": "arn:y", "ListOfTags": [condition]}
    body = json.dumps({"BackupSelection": selection}).encode()
    assert ask("PUT", "/backup/plans/p/selections/", body).status == 200


def test_a_refusal_never_repeats_the_value(ask: Callable[..., HttpAnswer]) -> None:
    answer = ask("GET", "/backup-jobs/?accountId=hunter2")
    assert b"hunter2" not in answer.body


def json_for(shape: Shape) -> st.SearchStrategy[Any]:
    """JSON that fits the shape, mostly; what does not fit gets further than noise does."""
    return st.one_of(_fitting(shape), _fitting(shape), _fitting(shape), Json)


def _fitting(shape: Shape) -> st.SearchStrategy[Any]:
    match shape.kind:
        case Kind.STRUCTURE:
            members = {
                member.wire_name: st.deferred(lambda m=member: json_for(m.shape))
                for member in shape.members.values()
            }
            return st.fixed_dictionaries({}, optional=members)
        case Kind.LIST:
            return st.lists(json_for(shape.item), max_size=2)
        case Kind.MAP:
            return st.dictionaries(st.text(max_size=5), json_for(shape.item), max_size=2)
        case Kind.STRING:
            return st.sampled_from(sorted(shape.enum)) if shape.enum else st.text(max_size=8)
        case Kind.BOOLEAN:
            return st.booleans()
        case Kind.TIMESTAMP:
            return st.floats() | st.integers() | st.datetimes().map(str)
    return st.integers()


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_any_json_is_read_or_refused(data: st.DataObject) -> None:
    operation = OPERATIONS[data.draw(st.sampled_from(sorted(OPERATIONS)))]
    body = data.draw(json_for(operation.input) if operation.input else Json)
    raw = json.dumps(body).encode()
    labels = {segment[1:-1]: data.draw(st.text()) for segment in operation.path if segment.startswith("{")}
    request = HttpRequest(
        operation.method, "/", data.draw(st.lists(st.tuples(st.text(), st.text()))), {}, raw
    )
    try:
        read = parse(operation, labels, request)
        validate(operation, read)
    except RequestError as refused:
        event(refused.wire_code)
    else:
        event("read")
        assert "\\u0000" not in json.dumps(read, default=str)


@settings(max_examples=200)
@given(st.binary(), st.binary(), st.binary())
@example(b"/backup-vaults/%", b"%", b"")
@example(b"/%2e%2e/%2F", b"&&=&=", b"")
def test_any_bytes_are_routed_or_refused(path: bytes, query: bytes, body: bytes) -> None:
    for method in ("GET", "PUT", "POST", "DELETE"):
        with contextlib.suppress(WireError):
            route(read_request(method, b"/" + path, query, [(b"Host", body)], body))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    headers=st.dictionaries(st.sampled_from([b"authorization", b"x-amz-date", b"host"]), st.binary()),
    query=st.binary(),
)
def test_any_headers_are_refused_and_nothing_worse(
    gateway: Gateway, headers: dict[bytes, bytes], query: bytes
) -> None:
    try:
        request = read_request("GET", b"/backup-vaults/", b"X-Amz-Signature&" + query, headers.items(), b"")
    except WireError:
        return
    assert gateway.answer(request).status in (400, 403)


def test_times_are_read_as_utc() -> None:
    request = HttpRequest("GET", "/", [("createdAfter", "2026-01-02T05:04:05.5+02:00")], {}, b"")
    read = parse(OPERATIONS["ListBackupJobs"], {}, request)
    assert read == {"ByCreatedAfter": datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)}
