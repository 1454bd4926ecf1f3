"""Whatever the model's shapes can hold, and whatever bytes arrive: an answer, and nothing worse."""

from __future__ import annotations

import contextlib
import gc
import json
import socket
import tracemalloc
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from botocore.model import OperationModel, Shape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safehold.api.wire.gateway import Gateway
from tests.api.contract.judge import Answered, faults
from tests.api.contract.test_contract import SERVICES, Bench, bench  # noqa: F401  a fixture
from tests.api.job_world import SITE
from tests.api.wire.test_bad_input import signed

SLOW = settings(
    deadline=None,
    derandomize=True,  # the same inputs in each run: what is found is found again
    suppress_health_check=list(HealthCheck),
    max_examples=400,
)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "*", "-1", "arn:", "arn:aws:backup:::", "../..", "a" * 300, "cron(0 5 ? * * *)"]
    ),
    st.sampled_from(["NaN", "null", "1e999", "\ud800", "\x00", "%00", "%2F", "2030-01-02T03:04:05Z"]),
)
NUMBERS = st.one_of(st.integers(-2, 40), st.integers(), st.floats(), st.booleans())
JUNK = st.one_of(
    st.none(), NUMBERS, TEXTS, st.lists(TEXTS, max_size=2), st.dictionaries(TEXTS, TEXTS, max_size=2)
)


def value_for(shape: Shape, name: str, known: dict[str, Any], *, is_rough: bool) -> st.SearchStrategy[Any]:
    """What fits, often what is there, and if it may be rough now and then anything at all."""
    there = [st.just(known[key]) for key in (name, shape.name) if key in known]
    fitting = _fitting(shape, known, is_rough=is_rough)
    return st.one_of(fitting, fitting, *there, *there, *([JUNK] if is_rough else []))


def _fitting(shape: Shape, known: dict[str, Any], *, is_rough: bool) -> st.SearchStrategy[Any]:
    def inner(shape: Shape, name: str = "") -> st.SearchStrategy[Any]:
        return st.deferred(lambda: value_for(shape, name, known, is_rough=is_rough))

    match shape.type_name:
        case "structure":
            members = {
                member.serialization.get("name", name): (name, inner(member, name))
                for name, member in shape.members.items()
            }
            needed = set() if is_rough else set(shape.required_members)
            return st.fixed_dictionaries(
                {key: value for key, (name, value) in members.items() if name in needed},
                optional={key: value for key, (name, value) in members.items() if name not in needed},
            )
        case "list":
            return st.lists(inner(shape.member), max_size=2)
        case "map":
            return st.dictionaries(TEXTS, inner(shape.value), max_size=2)
        case "integer" | "long":
            return NUMBERS if is_rough else st.integers(-2, 40) | st.integers(-(2**31), 2**31 - 1)
        case "timestamp":
            return NUMBERS if is_rough else st.integers(-(10**9), 2 * 10**11)
        case "boolean":
            return st.booleans()
    return st.sampled_from(sorted(shape.enum)) if shape.enum else TEXTS


def wire(data: st.DataObject, operation: OperationModel, known: dict[str, Any]) -> tuple[str, str, bytes]:
    """A request of that operation: method, target, body; what is in a URI is text, whatever was drawn."""
    path, query, body = operation.http["requestUri"], {}, {}
    shape, is_rough = operation.input_shape, data.draw(st.booleans())
    for name, member in shape.members.items() if shape else ():
        location = member.serialization.get("location")
        wire_name = member.serialization.get("name", name)
        is_there = name in shape.required_members and not is_rough
        if location == "uri":
            drawn = data.draw(st.one_of(TEXTS, *([st.just(known[name])] * 4 if name in known else [])))
            path = path.replace(f"{{{wire_name}}}", _quoted(drawn))
        elif is_there or data.draw(st.integers(0, 2)) == 0:
            drawn = data.draw(value_for(member, name, known, is_rough=is_rough))
            (query if location == "querystring" else body)[wire_name] = drawn
    encoded = urlencode({key: str(value) for key, value in query.items()}, errors="replace")
    joiner = "&" if "?" in path else "?"
    raw = json.dumps(body, default=str).encode() if body else b""
    return operation.http["method"], path + (joiner + encoded if encoded else ""), raw


def _quoted(text: object) -> str:
    return quote(str(text), safe="", errors="replace")


@pytest.mark.slow
@pytest.mark.parametrize("service", SERVICES)
def test_any_input_of_any_operation_is_answered_as_the_model_allows(
    bench: Bench,  # noqa: F811
    service: str,
) -> None:
    catalog = bench.on_a_copy(f"fuzz-{service}")
    client = bench.clients[service]
    operations, gateway, scope = client.operations(), client.gateway, client.model.signing_name
    assert gateway is not None

    @SLOW
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from(operations))
        method, target, body = wire(data, operation, bench.known)
        answer = gateway.answer(signed(method, target, body, service=scope, site=SITE))
        assert answer.status < 500 or answer.status == 501, (method, target, body, answer.body)
        code = answer.headers.get("X-Amzn-Errortype")
        answered = Answered(answer.status, dict(answer.headers), answer.body, code, {})
        if code is None and _is_still(operation, target):
            assert faults(operation, answered) == [], (method, target, body)

    ask()
    catalog.close()


def _is_still(operation: OperationModel, target: str) -> bool:
    """Does the target lead to this operation yet? An empty label leads elsewhere."""
    wanted = operation.http["requestUri"].partition("?")[0].strip("/").split("/")
    return len(target.partition("?")[0].strip("/").split("/")) == len(wanted)


VALID = (
    b"GET /backup-vaults/Main HTTP/1.1\r\nHost: h\r\nX-Amz-Date: 20300102T030405Z\r\nAuthorization: "
    b"AWS4-HMAC-SHA256 Credential=AKIAROOT/20300102/eu-north-1/backup/aws4_request, "
    b"SignedHeaders=host;x-amz-date, Signature=00\r\nContent-Length: 2\r\n\r\n{}"
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request with some of its bytes changed, cut out or put in twice; or bytes of no meaning at all."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=300))
    raw = bytearray(VALID)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(raw)))
        end = min(len(raw), at + draw(st.integers(0, 12)))
        piece = draw(
            st.sampled_from([b"", raw[at:end] * 2, b"\r\n", b"\x00", b"\xff" * 9, b": ", b"\r\n\r\n"])
        )
        raw[at:end] = piece
    return bytes(raw)


@pytest.mark.slow
def test_any_bytes_on_the_socket_are_answered_or_hung_up_on(endpoint: str) -> None:
    url = urlsplit(endpoint)

    @settings(SLOW, max_examples=400)
    @given(requests())
    def exchange(raw: bytes) -> None:
        # A server that neither answers nor hangs up runs into the timeout, and the test fails.
        with socket.create_connection((url.hostname, url.port), timeout=60) as sock:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                sock.sendall(raw)
                sock.shutdown(socket.SHUT_WR)
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while part := sock.recv(65536):
                    received += part
        lines = [line for line in received.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
        assert all(line[9:10] in b"24" for line in lines), (raw, lines)

    exchange()
    with socket.create_connection((url.hostname, url.port), timeout=60) as sock:
        sock.sendall(b"GET /_safehold/health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.slow
def test_requests_leave_no_memory_behind(bench: Bench) -> None:  # noqa: F811
    catalog = bench.on_a_copy("memory")
    gateway = bench.clients["backup"].gateway
    assert gateway is not None
    for _ in _many(gateway, range(100)):  # caches fill up
        pass
    gc.collect()
    tracemalloc.start()
    for _ in _many(gateway, range(100, 300)):
        pass
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    catalog.close()
    # A few caches of bounded size go on filling; half a kilobyte a request would be a leak.
    assert kept < 800 * 512, f"{kept} bytes are kept after 800 requests"


def _many(gateway: Gateway, numbers: range) -> Iterator[int]:
    """Requests that differ in every part: well-formed and not, found and not."""
    for number in numbers:
        arn = quote(f"arn:aws:backup:eu-north-1:123456789012:backup-vault:v{number}", safe="")
        body = json.dumps({"Tags": {f"k{number}": "v" * number}, f"x{number}": [number] * 99}).encode()
        for method, target, sent in (
            ("GET", f"/backup-vaults/v{number}", b""),
            ("GET", f"/backup-jobs/?maxResults={number}&nextToken=t{number}", b""),
            ("POST", f"/tags/{arn}", body),
            ("GET", f"/nowhere/{number}", b""),
        ):
            yield gateway.answer(signed(method, target, sent)).status
