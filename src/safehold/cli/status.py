"""`safehold status`: is it running, what is protected, what needs attention."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option, json_option, show_json


@click.command("status")
@data_option
@json_option
def command(data: Path, as_json: bool) -> None:
    """Show whether it runs, what it protects, and what went wrong lately."""
    from safehold.cli.installation import opened
    from safehold.cli.summary import summary

    with opened(data) as installation:
        found = summary(installation)
    if as_json:
        show_json(found)
        return
    running = f"running at {found['endpoint']}" if found["is_running"] else "not running: safehold serve"
    click.echo(f"server      {running}")
    click.echo(f"workers     {found['worker_count']}")
    click.echo(f"account     {found['account_id']}, site {found['region']}")
    click.echo(f"sources     {found['source_count']}, holding {found['resource_count']} resources")
    click.echo(f"protected   {found['protected_count']} resources by {found['point_count']} recovery points")
    counts = ", ".join(f"{count} {state}" for state, count in sorted(found["jobs"].items()))
    click.echo(f"jobs        {counts or 'none'} (30 days)")
    for each in found["scrubs"]:
        age = "never yet" if each["oldest_days"] is None else f"longest unread {each['oldest_days']} days"
        click.echo(f"read back   {each['vault']}: {age}")
    for each in found["locks"]:
        waiting = f", {each['points_to_lock']} points not yet" if each["points_to_lock"] else ""
        click.echo(f"locked      {each['vault']}: {each['state']}{waiting}")
    for trouble in found["troubles"]:
        click.echo(f"attention   {trouble}")
