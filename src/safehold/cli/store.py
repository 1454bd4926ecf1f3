"""`safehold store`: vaults' stores kept sound: read back, healed, their index made again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from safehold.cli.options import data_option, json_option, show_json, size_text
from safehold.cli.store_collect import collect, journal, undelete
from safehold.cli.store_cool import cool


@click.group("store")
def command() -> None:
    """Keep vaults' stores sound: read back, heal, free what nothing needs, make the index again."""


class SizeType(click.ParamType[int]):
    """Bytes, or a number with KiB, MiB, GiB or TiB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+)\s*([KMGT]i?B?)?", str(value), re.IGNORECASE)
        if found is None:
            self.fail(f"{value!r} is no size; write 10GiB", param, ctx)
        return int(found[1]) << 10 * " KMGT".index((found[2] or " ")[0].upper())


@command.command("scrub")
@click.argument("vault", required=False)
@data_option
@click.option("--budget", type=SizeType(), metavar="SIZE", help="Read at most so much of each vault: 10GiB.")
@click.option("--all", "is_all", is_flag=True, help="Read everything, however long it takes.")
@json_option
def scrub(vault: str | None, data: Path, budget: int | None, is_all: bool, as_json: bool) -> None:
    """Read VAULT, or every vault, back: what was not for the longest time first.

    Without a budget as much as a day's, see `scrub_bytes_per_day`; with 0 it only tells how the vaults stand.
    What is damaged is condemned: the next backup stores it again. Exits with 1 if anything is damaged or
    overdue.
    """
    from safehold.cli.installation import opened
    from safehold.cli.storing import scrub_vaults

    with opened(data) as installation:
        allowed = installation.settings.scrub_bytes_per_day if budget is None else budget
        reports = scrub_vaults(installation, vault, budget_bytes=1 << 62 if is_all else allowed)
    if as_json:
        show_json({"vaults": reports})
    else:
        for report in reports:
            _tell_scrub(report)
    if not all(report["is_well"] for report in reports):
        raise click.exceptions.Exit(1)


def _tell_scrub(report: dict[str, Any]) -> None:
    read = f"{report['objects']} objects, {size_text(report['bytes_read'])} read back"
    oldest = report["oldest_days"]
    age = "nothing to read" if oldest is None else f"longest unread: {oldest} days"
    click.echo(f"{report['vault']}: {read}; {age}; {report['condemned']} damaged, now condemned")
    for finding in report["findings"]:
        click.echo(f"  {finding['name']}: {finding['verdict']}: {finding['what']}")
    for alarm in report["alarms"]:
        click.echo(f"  attention: {alarm}")


@command.command("heal")
@click.argument("vault")
@data_option
@click.option(
    "--from", "other", metavar="VAULT", required=True, help="A vault that holds the same resources."
)
@click.option("--dry-run", is_flag=True, help="Read and compare everything, store nothing.")
@json_option
def heal(vault: str, data: Path, other: str, dry_run: bool, as_json: bool) -> None:
    """Store again what VAULT lacks and another vault holds, to the last bit; scrub it first.

    What the source still holds is stored again by its next backup, without this command. Exits with 1 if
    something could not be healed.
    """
    from safehold.cli.installation import opened
    from safehold.cli.storing import heal_vault

    with opened(data) as installation:
        report = heal_vault(installation, vault, other, dry_run=dry_run)
    if as_json:
        show_json(report)
    else:
        verb = "could be healed" if dry_run else "healed"
        size = size_text(report["bytes"])
        click.echo(f"{report['healed']} of {report['lacking']} damaged items {verb}, {size} in new objects")
        for each in report["unhealed"]:
            click.echo(f"  {each['point_id']}: {each['path'] or '(all of it)'}: {each['why']}")
    if report["unhealed"]:
        raise click.exceptions.Exit(1)


@command.command("rebuild")
@click.argument("vault", required=False)
@data_option
@click.option("--dry-run", is_flag=True, help="Tell what differs, write nothing.")
@click.option("--confirm", is_flag=True, help="Those who announced that they write are dead for certain.")
@json_option
def rebuild(vault: str | None, data: Path, dry_run: bool, confirm: bool, as_json: bool) -> None:
    """Make the index of VAULT, or of every vault, and the catalog's recovery points again from the objects.

    Refused while jobs run, or a writer is announced in the vault. Nothing is edited: a new index takes the
    place of the old one, which stays.
    """
    from safehold.cli.installation import opened
    from safehold.cli.storing import rebuild_vaults

    with opened(data) as installation:
        reports = rebuild_vaults(installation, vault, dry_run=dry_run, is_confirmed=confirm)
    if as_json:
        show_json({"vaults": reports})
    else:
        for report in reports:
            _tell_rebuild(report)
    if any(report["unread_count"] or report["points_unread"] for report in reports):
        raise click.exceptions.Exit(1)


def _tell_rebuild(report: dict[str, Any]) -> None:
    index = f"{report['entries']} entries from {report['objects']} objects"
    differs = f"{report['missing']} were missing, {report['surplus']} too many"
    click.echo(
        f"{report['vault']}: {index}; {differs}; {report['points_added']} recovery points were unknown"
    )
    for name, why in {**report["unread"], **report["points_unread"]}.items():
        click.echo(f"  {name}: {why}")


@command.command("repair-versions")
@click.argument("vault", required=False)
@data_option
@click.option("--dry-run", is_flag=True, help="Tell what others put there, remove nothing.")
@json_option
def repair_versions(vault: str | None, data: Path, dry_run: bool, as_json: bool) -> None:
    """Remove what others put over the objects of VAULT, or of every vault, in a bucket with object lock.

    Backups restore all the same: what was written first is what is read. Removes versions and marks of
    deletion that are not ours, nothing else. Exits with 1 if the store does not let some of them go yet.
    """
    from safehold.cli.installation import opened
    from safehold.cli.versions import repair_vaults

    with opened(data) as installation:
        reports = repair_vaults(installation, vault, dry_run=dry_run)
    if as_json:
        show_json({"vaults": reports})
    else:
        verb = "would be removed" if dry_run else "removed"
        for report in reports:
            kept = f", {report['kept']} not let go by the store" if report["kept"] else ""
            click.echo(f"{report['vault']}: {report['removed']} versions and marks by others {verb}{kept}")
            for each in report["intruders"]:
                click.echo(f"  {each['name']}: {each['what']}")
    if any(report["kept"] for report in reports):
        raise click.exceptions.Exit(1)


for each in (collect, undelete, journal, cool):
    command.add_command(each)
