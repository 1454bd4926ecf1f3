"""A catalog with events in it, a clock, and a place on loopback that takes webhooks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from safehold.core.clock import FixedClock

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Sink:
    """Takes what is POSTed, and answers whatever `status` says."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        self.status = 200
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.has_some = threading.Event()


@pytest.fixture
def sink() -> Iterator[Sink]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(taken.status)
            if taken.status == 302:
                self.send_header("Location", taken.url)
            self.send_header("Content-Length", "0")
            self.end_headers()
            taken.has_some.set()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        taken = Sink(server)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield taken
        server.shutdown()
        thread.join()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)
