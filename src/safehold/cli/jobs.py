"""`safehold jobs`: what was done, is being done and will be."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option, json_option, show_json, show_rows


@click.command("jobs")
@data_option
@click.option("--kind", type=click.Choice(["backup", "restore"]), help="Only jobs of this kind.")
@click.option("--state", help="Only jobs in this state, as in RUNNING.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
def command(data: Path, kind: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """Show backup and restore jobs, newest first."""
    from safehold.cli.installation import opened
    from safehold.cli.listing import job_rows

    with opened(data) as installation:
        rows = job_rows(installation.client, kind=kind, state=state, limit=limit)
    if as_json:
        show_json({"jobs": rows})
    else:
        show_rows(rows, COLUMNS, empty="There are no jobs.")


COLUMNS = {
    "created_at": "CREATED",
    "kind": "KIND",
    "state": "STATE",
    "percent": "%",
    "size": "SIZE",
    "resource": "RESOURCE",
    "vault": "VAULT",
    "job_id": "JOB",
    "message": "MESSAGE",
}
