"""`safehold store cool`: recovery points go to cold storage now, whatever their lifecycles say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from safehold.cli.options import data_option, json_option, show_reports, size_text


@click.command("cool")
@click.argument("points", metavar="POINT...", nargs=-1, required=True)
@data_option
@json_option
def cool(points: tuple[str, ...], data: Path, as_json: bool) -> None:
    """Move each POINT (an ARN, or the id at its end) to cold storage: `cold_storage_url` in safehold.toml.

    It does not come back. What no other point needs goes from the warm place by the next collections. Again
    stores what cold storage has lost. Exits with 1 when one stays where it is.
    """
    from safehold.cli.cooling import cool_points
    from safehold.cli.installation import opened

    with opened(data) as installation:
        reports = cool_points(installation, points)
    show_reports("points", reports, _tell, as_json=as_json)


def _tell(report: dict[str, Any]) -> None:
    if report["refused"]:
        click.echo(f"{report['recovery_point_arn']} stays where it is: {report['refused']}")
        return
    new, whole = size_text(report["new_bytes"]), size_text(report["bytes"])
    click.echo(f"{report['recovery_point_arn']} is in cold storage: {whole} of data, {new} of it new there")
