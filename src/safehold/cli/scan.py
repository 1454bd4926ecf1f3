"""`safehold scan`: hold what is in a recovery point against the rules."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option, json_option, show_json


@click.command("scan")
@click.argument("point", metavar="[POINT]", required=False)
@click.option("--incremental", is_flag=True, help="Only what changed since the last point that was scanned.")
@click.option("--check-rules", is_flag=True, help="Only compile the rules.")
@data_option
@json_option
def command(point: str | None, incremental: bool, check_rules: bool, data: Path, as_json: bool) -> None:
    """Scan POINT (an ARN, or the id at its end) for what YARA rules describe.

    Ends with 0 when nothing was found, 3 when something was, 1 when not all could be scanned.
    """
    from safehold.cli.installation import opened
    from safehold.cli.scanning import THREATS, rules, scan

    if (point is None) != check_rules:
        raise click.UsageError("Name a recovery point, or give --check-rules.")
    with opened(data) as installation:
        if point is None:
            answer = rules(installation)
            show_json(answer) if as_json else click.echo(f"{answer['rules']} rules compile.")
            return
        answer = scan(installation, point, incremental=incremental)
    if as_json:
        show_json(answer)
    else:
        click.echo(f"{answer['state']}: {answer['result']}")
        if answer["message"]:
            click.echo(answer["message"])
    if answer["result"] == THREATS:
        raise click.exceptions.Exit(3)
    if answer["state"] != "COMPLETED":
        raise click.exceptions.Exit(1)
