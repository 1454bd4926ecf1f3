"""`safehold store collect`, `undelete`, `journal`: what no point needs goes, and comes back for a while."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from safehold.cli.options import data_option, json_option, show_json, show_reports, show_rows, size_text


@click.command("collect")
@click.argument("vault", required=False)
@data_option
@click.option("--dry-run", is_flag=True, help="Say what would be announced; write nothing.")
@click.option("--confirm", is_flag=True, help="Go on although more would go than usual.")
@json_option
def collect(vault: str | None, data: Path, dry_run: bool, confirm: bool, as_json: bool) -> None:
    """Free VAULT, or every vault, of what no recovery point needs: take the next step for all of it.

    A worker does so once a day by itself (`collection_hours` in safehold.toml). What goes is announced first,
    goes to the trash a day later, and is purged a week after that. Exits with 1 when a vault refused.
    """
    from safehold.cli.collecting import collect_vaults
    from safehold.cli.installation import opened

    with opened(data) as installation:
        reports = collect_vaults(installation, vault, dry_run=dry_run, is_confirmed=confirm)
    show_reports("vaults", reports, _tell, as_json=as_json)


def _tell(report: dict[str, Any]) -> None:
    if report["refused"]:
        click.echo(f"{report['vault']}: nothing was done: {report['refused']}")
        return
    counts = ", ".join(
        f"{len(report[name])} {name}" for name in ("announced", "trashed", "purged", "kept", "repacked")
    )
    live, total = size_text(report["live_bytes"]), size_text(report["total_bytes"])
    size = size_text(report["announced_bytes"])
    click.echo(f"{report['vault']}: {counts}; {size} announced; {live} of {total} needed")
    if report["waiting_for"]:
        click.echo(f"  waiting for {len(report['waiting_for'])} writers that began earlier")
    for point in report["asked_back"]:
        click.echo(f"  point {point} was asked back, and that was cut off: undelete it again, or delete it")


@click.command("undelete")
@click.argument("vault")
@data_option
@click.option("--point", "points", metavar="ID", multiple=True, help="A deleted point to keep again.")
@json_option
def undelete(vault: str, data: Path, points: tuple[str, ...], as_json: bool) -> None:
    """Bring back everything that was announced or is in the trash, and with --point deleted points too.

    Without --point the next collections take it away again, as nothing needs it. A point of which the list of
    items is gone stays deleted. Exits with 1 when a point did not come back whole.
    """
    from safehold.cli.collecting import undelete_in
    from safehold.cli.installation import opened

    with opened(data) as installation:
        report = undelete_in(installation, vault, points)
    if as_json:
        show_json(report)
    else:
        click.echo(
            f"{len(report['brought_back'])} objects are back, {len(report['points'])} points are kept again"
        )
        for point, what in report["broken"].items():
            click.echo(f"  point {point} is not whole: {what}")
    if report["broken"]:
        raise click.exceptions.Exit(1)


@click.command("journal")
@click.argument("vault")
@data_option
@click.option("--runs", default=10, show_default=True, help="How many runs, the newest first.")
@click.option("--object", "name", metavar="TEXT", help="Only what concerns objects whose names hold this.")
@json_option
def journal(vault: str, data: Path, runs: int, name: str | None, as_json: bool) -> None:
    """Show what each run of collection saw and took, and why."""
    from safehold.cli.collecting import journal_of
    from safehold.cli.installation import opened

    with opened(data) as installation:
        entries = journal_of(installation, vault, runs=runs, part=name)
    if as_json:
        show_json({"runs": entries})
        return
    rows = [
        {"run": run["run"], "at": run["written_at"], **entry} for run in entries for entry in run["entries"]
    ]
    columns = {"run": "RUN", "at": "AT", "action": "WHAT", "name": "OBJECT", "why": "WHY"}
    show_rows(rows, columns, empty="nothing was ever taken")
