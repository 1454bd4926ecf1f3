"""Runs the API on a loopback address with uvicorn."""

from __future__ import annotations

import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from safehold.api.wire.app import App
from safehold.core.errors import ConfigError

GRACE_SECONDS = 10  # running requests have so long to end once the server is told to stop


def serve(
    app: App, *, host: str = "127.0.0.1", port: int = 0, on_ready: Callable[[int], None] = lambda port: None
) -> None:
    """Serve until SIGTERM or SIGINT; returns when the last request was answered.

    `on_ready` is told the port (0 takes a free one) once requests are answered; it runs in the event loop and
    must be short. Raises ConfigError for an address that is not of this machine alone, or that is taken.
    """
    with listening(host, port) as sock:
        _Server(_config(app), on_ready=lambda: on_ready(sock.getsockname()[1])).run(sockets=[sock])


@contextmanager
def running(app: App, *, host: str = "127.0.0.1") -> Iterator[str]:
    """The endpoint (`http://127.0.0.1:PORT`) of a server in a thread, stopped when the block ends."""
    ready = threading.Event()
    with listening(host, 0) as sock:
        server = _Server(_config(app), on_ready=ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="api-server")
        thread.start()
        try:
            if not ready.wait(timeout=30):
                raise ConfigError("the API did not start within 30 seconds")
            yield endpoint(host, sock.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def endpoint(host: str, port: int) -> str:
    """The URL that clients use."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to a loopback address. Raises ConfigError."""
    family = socket.AF_INET6 if _loopback(host).version == 6 else socket.AF_INET
    with socket.socket(family) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((str(_loopback(host)), port))
        except OSError as error:
            raise ConfigError(f"cannot listen on {host} port {port}: {error.strerror}") from error
        yield sock


def _loopback(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    # Plain HTTP and a root account's key: what this process answers must not be reachable from elsewhere.
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise ConfigError(f"{host!r} is not an IP address") from error
    if not address.is_loopback:
        raise ConfigError(f"{host} is not a loopback address; the server binds to 127.0.0.1 or ::1 only")
    return address


def _config(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


class _Server(uvicorn.Server):
    """uvicorn's server, which tells when it is ready, and returns when a signal stopped it."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again after its shutdown, and end the process before ours.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)
