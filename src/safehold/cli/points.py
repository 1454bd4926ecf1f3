"""`safehold points`: the recovery points that there are."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option, json_option, show_json, show_rows


@click.command("points")
@data_option
@click.option("--vault", metavar="NAME", help="Only points in this vault.")
@click.option("--resource", metavar="ARN", help="Only points of this resource.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
def command(data: Path, vault: str | None, resource: str | None, limit: int, as_json: bool) -> None:
    """Show recovery points, newest first."""
    from safehold.cli.installation import opened
    from safehold.cli.listing import point_rows

    with opened(data) as installation:
        rows = point_rows(installation.client, vault=vault, resource=resource, limit=limit)
    if as_json:
        show_json({"points": rows})
    else:
        show_rows(rows, COLUMNS, empty="There are no recovery points.")


COLUMNS = {
    "created_at": "CREATED",
    "status": "STATUS",
    "size": "SIZE",
    "resource": "RESOURCE",
    "vault": "VAULT",
    "delete_at": "KEPT UNTIL",
    "arn": "RECOVERY POINT",
}
