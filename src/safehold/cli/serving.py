"""What `serve` starts: the API here, the scheduler in a thread, workers as children."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from safehold.api import server
from safehold.api.assembly import api_app
from safehold.cli.children import kept_alive
from safehold.cli.installation import Installation, opened
from safehold.cli.lifetime import start_child
from safehold.cli.options import show_ready
from safehold.core import log
from safehold.core.config import DataFolder
from safehold.core.filesystems import owner_only
from safehold.domain.event_delivery import targets_of
from safehold.events.loop import Delivering
from safehold.scheduler import loop


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: as `safehold.toml` says."""

    host: str
    port: int | None
    api_only: bool
    workers: int | None
    as_json: bool


def serve(data: Path, wanted: Wanted) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigError: locked, missing, a taken port."""
    log.configure()
    folder = DataFolder(data)
    folder.settings()  # says that nothing is there before anything is made
    with ExitStack() as stack:
        stack.enter_context(owner_only())
        if not wanted.api_only:  # any number of those may share an installation
            stack.enter_context(folder.locked())
        installation = stack.enter_context(opened(data))
        app = api_app(
            installation.catalog,
            installation.root_key,
            aws_limits=installation.settings.aws_limits,
            quotas=installation.quotas,
        )
        if not wanted.api_only:
            stack.enter_context(_scheduler(installation))
            stack.enter_context(delivering_events(installation))
            stack.enter_context(_workers(installation, data, wanted))
            stack.callback(folder.endpoint_file.unlink, missing_ok=True)
        port = installation.settings.port if wanted.port is None else wanted.port
        server.serve(app, host=wanted.host, port=port, on_ready=_teller(folder, wanted))


def _teller(folder: DataFolder, wanted: Wanted) -> Callable[[int], None]:
    def tell(port: int) -> None:
        endpoint = server.endpoint(wanted.host, port)
        if not wanted.api_only:  # the file is of the one that holds the lock
            folder.endpoint_file.write_text(endpoint + "\n", encoding="utf-8")
        show_ready(wanted.as_json, endpoint=endpoint)

    return tell


@contextmanager
def _running(name: str, work: Callable[[threading.Event], None]) -> Iterator[None]:
    """A thread that works while the block lasts; it is told by the event to end."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,), name=name)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _scheduler(installation: Installation) -> AbstractContextManager[None]:
    return _running("scheduler", partial(loop.run, installation.catalog, installation.clock))


@contextmanager
def delivering_events(installation: Installation) -> Iterator[None]:
    """Events go where `safehold.toml` says while the block lasts. Raises ConfigError for what is no URL."""
    settings = installation.settings
    targets = targets_of(settings.event_webhooks, settings.event_queues)
    delivering = Delivering(installation.catalog, installation.clock, targets)
    with _running("events", partial(delivering.run, installation.root_key)):
        yield


@contextmanager
def _workers(installation: Installation, data: Path, wanted: Wanted) -> Iterator[None]:
    count = installation.settings.workers if wanted.workers is None else wanted.workers
    arguments = ["work", "--data", str(data), "--child"]
    with kept_alive(lambda: start_child(arguments), count=count, clock=installation.clock):
        yield
