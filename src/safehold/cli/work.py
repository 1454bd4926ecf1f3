"""`safehold work`: one worker, as a process of its own."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option


@click.command("work")
@data_option
@click.option("--child", is_flag=True, hidden=True, help="End when standard input ends.")
def command(data: Path, child: bool) -> None:
    """Run jobs in the foreground until told to stop. `serve` starts its own workers.

    Any number of workers on any machines may share one installation whose catalog and jobs are in PostgreSQL.
    """
    from safehold.cli.installation import opened
    from safehold.cli.working import work

    with opened(data) as installation:
        work(installation, is_child=child)
