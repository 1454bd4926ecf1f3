"""The server on its socket: what HTTP brings that no client library would send."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import BaseClient
from botocore.credentials import Credentials

from safehold.api.server import listening, running, serve
from safehold.api.wire.app import MAX_BODY_BYTES, App
from safehold.api.wire.gateway import Gateway
from safehold.core.errors import ConfigError
from tests.api.conftest import KEYS

Make = Callable[..., BaseClient]


def exchange(endpoint: str, raw: bytes) -> bytes:
    """What comes back for these bytes, until the server closes or falls silent."""
    url = urlsplit(endpoint)
    with socket.create_connection((url.hostname, url.port), timeout=5) as sock:
        sock.sendall(raw)
        sock.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while part := sock.recv(65536):
                received += part
    return received


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n",
        b"PUT /backup-jobs HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n",
        b"PUT /backup-jobs HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nshort",
        b"PUT /backup-jobs HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PUT /backup-jobs HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0"
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /_safehold/health HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
    ids=lambda raw: ascii(raw[:40]),
)
def test_malformed_http_is_refused_and_the_server_goes_on(endpoint: str, raw: bytes) -> None:
    received = exchange(endpoint, raw)
    assert b" 500 " not in received.split(b"\r\n", 1)[0]
    with urlopen(endpoint + "/_safehold/health") as health:
        assert health.status == 200


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with its length", "in chunks"])
def test_ten_megabytes_are_refused_with_a_clear_error(endpoint: str, is_chunked: bool) -> None:
    url = urlsplit(endpoint)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
    body = iter([b"x" * 1_000_000] * 10) if is_chunked else b"x" * 10_000_000
    connection.request("PUT", "/backup-jobs", body, encode_chunked=is_chunked)
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.headers["X-Amzn-Errortype"] == "RequestEntityTooLargeException"
    assert answer.headers["x-amzn-RequestId"]
    assert b"larger than 1048576 bytes" in answer.read()
    connection.close()


def test_the_largest_body_is_taken(client: Make, stand_in: dict) -> None:
    stand_in["backup", "PutBackupVaultAccessPolicy"] = lambda call, req: None
    client().put_backup_vault_access_policy(
        BackupVaultName="ab", Policy="x" * (MAX_BODY_BYTES - len('{"Policy": ""}'))
    )


def test_answers_without_content_are_whole(client: Make, stand_in: dict) -> None:
    stand_in["backup", "DisassociateRecoveryPointFromParent"] = lambda call, req: None
    made = client()
    for _ in range(2):  # the second call goes over the same connection
        answer = made.disassociate_recovery_point_from_parent(
            BackupVaultName="ab", RecoveryPointArn="arn:aws:s3:::a"
        )["ResponseMetadata"]
        assert answer["HTTPStatusCode"] == 204
        assert "content-length" not in answer["HTTPHeaders"]


def test_requests_run_side_by_side(client: Make, stand_in: dict) -> None:
    meeting = threading.Barrier(4, timeout=10)
    stand_in["backup", "ListBackupVaults"] = lambda call, req: meeting.wait() < 0 or {}
    made = client()
    with ThreadPoolExecutor(4) as threads:
        assert len(list(threads.map(lambda _: made.list_backup_vaults(), range(4)))) == 4


def test_a_stopped_server_first_answers_what_it_has_begun(gateway: Gateway, stand_in: dict) -> None:
    begun = threading.Event()
    answers: list[int] = []

    def ask(url: str) -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        connection.request("PUT", "/backup-jobs", slowly(begun), encode_chunked=True)
        answers.append(connection.getresponse().status)
        connection.close()

    with running(App(gateway)) as url:
        asking = threading.Thread(target=ask, args=[url])
        asking.start()
        assert begun.wait(5)
    asking.join()
    assert answers == [403]


def slowly(begun: threading.Event) -> Iterator[bytes]:
    yield b"{"
    begun.set()
    time.sleep(0.3)
    yield b"}"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_an_address_that_others_can_reach_is_refused(host: str) -> None:
    with pytest.raises(ConfigError), listening(host, 0):
        pytest.fail(f"listens on {host}")


def test_a_port_that_is_taken_is_told(gateway: Gateway) -> None:
    with listening("127.0.0.1", 0) as taken:
        taken.listen()
        with pytest.raises(ConfigError, match="cannot listen on"):
            serve(App(gateway), port=taken.getsockname()[1])


SERVE = """
import sys
from safehold.api.server import serve
from safehold.api.call import ApiConfig
from safehold.api.wire.app import App
from safehold.api.wire.gateway import Gateway
from safehold.core.clock import SystemClock
from safehold.records.engine import Catalog
catalog = Catalog("sqlite://")
config = ApiConfig(page_key=b"k" * 32)
app = App(Gateway(catalog, config, find_key=lambda key, now: None, clock=SystemClock()))
serve(app, on_ready=lambda port: print(port, flush=True))
print("after", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_the_server_and_not_what_comes_after_it(number: signal.Signals) -> None:
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        port = int(process.stdout.readline())
        with urlopen(f"http://127.0.0.1:{port}/_safehold/health") as health:
            assert health.status == 200
        process.send_signal(number)
        assert process.communicate(timeout=10)[0] == "after\n"
        assert process.returncode == 0


def test_status_is_answered_to_who_signs(endpoint: str) -> None:
    request = AWSRequest(
        "GET", f"{endpoint}/_safehold/v1/status", headers={"Host": urlsplit(endpoint).netloc}
    )
    SigV4Auth(Credentials("AKIAROOT", KEYS["AKIAROOT"].secret), "backup", "here").add_auth(request)
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=5)
    connection.request("GET", "/_safehold/v1/status", headers=dict(request.headers))
    answer = connection.getresponse()
    status = json.loads(answer.read())
    connection.close()
    assert (answer.status, status["site"], status["account_id"]) == (200, "here", "123456789012")
