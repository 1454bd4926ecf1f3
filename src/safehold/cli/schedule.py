"""`safehold schedule`: the scheduler, as a process of its own."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option, json_option, show_ready


@click.command("schedule")
@data_option
@json_option
def command(data: Path, as_json: bool) -> None:
    """Start what is due and deliver events, in the foreground, until told to stop. `serve` does it too.

    Prints one line that starts with `ready`, once it looks.
    Any number of schedulers may run: a plan fires once per due time.
    """
    import signal
    import threading

    from safehold.cli.installation import opened
    from safehold.cli.serving import delivering_events
    from safehold.core import log
    from safehold.core.filesystems import owner_only
    from safehold.scheduler import loop

    log.configure()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with owner_only(), opened(data) as installation, delivering_events(installation):
        show_ready(as_json)
        loop.run(installation.catalog, installation.clock, stop)
