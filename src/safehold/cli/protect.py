"""`safehold protect PATH`: a folder backed up every day, in one go."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option, json_option, show_json


@click.command("protect")
@click.argument("path", type=click.Path(path_type=Path))
@data_option
@click.option("--name", help="Name of the source; else that of the folder.")
@click.option("--vault", default="Default", show_default=True, help="The vault; made if there is none.")
@click.option("--at", default="02:00", show_default=True, metavar="HH:MM", help="When, in local time.")
@click.option(
    "--keep-days", type=click.IntRange(1, 36500), default=35, show_default=True, help="How long backups stay."
)
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out what matches; repeatable.")
@click.option("--now", is_flag=True, help="Start a first backup at once.")
@json_option
def command(
    path: Path,
    data: Path,
    name: str | None,
    vault: str,
    at: str,
    keep_days: int,
    exclude: tuple[str, ...],
    now: bool,
    as_json: bool,
) -> None:
    """Back the folder PATH up every day: source, vault, plan and selection in one go.

    What is there already stays as it is: the same command again changes nothing.
    """
    from safehold.cli.installation import opened
    from safehold.cli.protecting import Protection, protect

    with opened(data) as installation:
        wanted = Protection(path.absolute(), name, vault, at, keep_days, exclude, starts_now=now)
        done = protect(installation, wanted)
    if as_json:
        show_json(done)
        return
    for step, what in done["steps"].items():
        click.echo(f"{step:10} {what}")
    if done["job_id"]:
        click.echo(f"{'job':10} {done['job_id']}")
