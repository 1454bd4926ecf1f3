"""`safehold restore`: files out of a recovery point."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option, json_option, pairs, show_json


@click.command("restore")
@click.argument("point", metavar="RECOVERY_POINT_ARN")
@data_option
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="The folder to restore into.")
@click.option("--item", "items", multiple=True, metavar="PATH", help="Only this file or folder; repeatable.")
@click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="Restore metadata of AWS; repeatable.")
@click.option("--no-wait", is_flag=True, help="Start the job and return at once.")
@json_option
def command(
    point: str,
    data: Path,
    to: Path | None,
    items: tuple[str, ...],
    metadata: tuple[str, ...],
    no_wait: bool,
    as_json: bool,
) -> None:
    """Restore a recovery point, and wait until that is done.

    Into the folder --to, which this allows restores of that source to write to from now on; without it, into
    a new folder beneath the source's first writable root. Nothing that is there is overwritten unless it is
    named as the target.
    """
    from safehold.cli.installation import opened
    from safehold.cli.restoring import Wanted, restore

    wanted = Wanted(point, None if to is None else to.absolute(), items, pairs(metadata))
    with opened(data) as installation:
        done = restore(installation, wanted, waits=not no_wait, quiet=as_json)
    if as_json:
        show_json(done)
    else:
        click.echo(f"{done['state']} {done.get('created_resource_arn') or ''}".rstrip())
        if done.get("message"):
            click.echo(done["message"])
    if done["state"] in ("FAILED", "ABORTED"):
        raise click.exceptions.Exit(1)
