"""`safehold verify`: is every recovery point of a vault whole?"""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option, json_option, show_json, size_text


@click.command("verify")
@data_option
@click.option("--vault", metavar="NAME", help="Only this vault; else all of the installation.")
@click.option("--read-data", is_flag=True, help="Read back, open and compare every byte.")
@json_option
def command(data: Path, vault: str | None, read_data: bool, as_json: bool) -> None:
    """Check vaults; exits with 0 only if all is well, and names what is affected otherwise.

    Without --read-data it checks that everything that recovery points need is there. What is wrong is read
    again, twice: then it is `damaged`, or `unreadable` if the storage gave no answer.
    """
    from safehold.cli.installation import opened
    from safehold.cli.verifying import verify_vaults

    with opened(data) as installation:
        reports = verify_vaults(installation, vault, read_data=read_data)
    is_well = all(report["is_well"] for report in reports)
    if as_json:
        show_json({"is_well": is_well, "vaults": reports})
    else:
        for report in reports:
            _tell(report)
    if not is_well:
        raise click.exceptions.Exit(1)


def _tell(report: dict[str, object]) -> None:
    read = report["bytes_read"]
    assert isinstance(read, int)
    state = f"{report['problem_count']} problems, {report['verdict']}" if report["problem_count"] else "well"
    counts = f"{report['points']} points, {report['objects']} objects, {size_text(read)} read"
    click.echo(f"{report['vault']}: {state} ({counts})")
    problems = report["problems"]
    assert isinstance(problems, list)
    for problem in problems:
        doubt = "" if problem["verdict"] == "damaged" else f" ({problem['verdict']})"
        click.echo(f"  {problem['where']}: {problem['path'] or '(all of it)'}: {problem['what']}{doubt}")
    intruders = report["intruders"]
    assert isinstance(intruders, list)
    for intruder in intruders:
        click.echo(f"  {intruder['where']}: {intruder['what']}")
    if intruders:
        count = report["intruder_count"]
        click.echo(f"  {count} versions and marks by others; `safehold store repair-versions` removes them")
