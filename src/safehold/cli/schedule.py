"""`safehold schedule`: the scheduler, as a process of its own."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option


@click.command("schedule")
@data_option
def command(data: Path) -> None:
    """Start what is due, in the foreground, until told to stop. `serve` does it too.

    Any number of schedulers may run: a plan fires once per due time.
    """
    import signal
    import threading

    from safehold.cli.installation import opened
    from safehold.core import log
    from safehold.scheduler import loop

    log.configure()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with opened(data) as installation:
        loop.run(installation.catalog, installation.clock, stop)
