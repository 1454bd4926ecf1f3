"""`safehold work`: one worker, as a process of its own."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option, json_option, show_ready


@click.command("work")
@data_option
@click.option("--child", is_flag=True, hidden=True, help="End when standard input ends.")
@json_option
def command(data: Path, child: bool, as_json: bool) -> None:
    """Run jobs in the foreground until told to stop. `serve` starts its own workers.

    Prints one line that starts with `ready` and names the worker, once it takes jobs.
    Any number of workers on any machines may share one installation whose catalog and jobs are in PostgreSQL.
    """
    from safehold.cli.installation import opened
    from safehold.cli.working import work
    from safehold.core.filesystems import owner_only

    with owner_only(), opened(data) as installation:
        if child:  # what it says is its parent's to say
            work(installation, is_child=True)
        work(installation, ready=lambda worker: show_ready(as_json, worker=worker))
