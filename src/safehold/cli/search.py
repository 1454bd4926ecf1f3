"""`safehold search`: which recovery points hold a file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from safehold.cli.options import data_option, json_option, show_json, show_rows, size_text

if TYPE_CHECKING:
    from safehold.cli.searching import Wanted

LOOKS = {
    "substring": "CONTAINS",
    "prefix": "BEGINS_WITH",
    "suffix": "ENDS_WITH",
    "whole": "EQUALS_TO",
}


@click.command("search")
@click.argument("patterns", metavar="[PATTERN]...", nargs=-1)
@click.option("--as", "looks", type=click.Choice(list(LOOKS)), default="substring", show_default=True)
@click.option("--type", "types", metavar="TYPE", multiple=True, help="Only points of this type.")
@click.option("--vault", metavar="NAME", help="Only points in this vault.")
@click.option("--resource", "resources", metavar="ARN", multiple=True, help="Only points of this resource.")
@click.option("--point", "points", metavar="ARN", multiple=True, help="Only this recovery point.")
@click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, help="Only points with this tag.")
@click.option("--min-size", type=click.IntRange(0), metavar="BYTES", help="Only items at least this large.")
@click.option(
    "--modified-since", type=click.DateTime(), metavar="DATE", help="Only items changed since then."
)
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1000, show_default=True)
@data_option
@json_option
def command(
    patterns: tuple[str, ...],
    looks: str,
    types: tuple[str, ...],
    vault: str | None,
    resources: tuple[str, ...],
    points: tuple[str, ...],
    tags: tuple[str, ...],
    min_size: int | None,
    modified_since: datetime | None,
    limit: int,
    data: Path,
    as_json: bool,
) -> None:
    """Find items by path in all recovery points that have an index; ends with 1 if there is none.

    One of several PATTERNs is enough; without one, every item is found. `points index POINT`, or `Index` of a
    plan's rule, has a point indexed. Dates are UTC.
    """
    from safehold.cli.installation import opened
    from safehold.cli.options import pairs
    from safehold.cli.searching import Wanted, search

    wanted = Wanted(
        patterns,
        LOOKS[looks],
        types,
        vault,
        resources,
        points,
        pairs(tags),
        min_size,
        None if modified_since is None else modified_since.replace(tzinfo=UTC),
        limit,
    )
    with opened(data) as installation:
        answer = search(installation, wanted)
    if as_json:
        show_json(answer)
    else:
        rows = [item | {"size": size_text(item["size_bytes"])} for item in answer["items"]]
        show_rows(rows, COLUMNS, empty="No indexed recovery point holds such an item.")
        _tell(answer, wanted)
    if not answer["items"] or answer["unsearched"]:
        raise click.exceptions.Exit(1)


def _tell(answer: dict[str, list[dict[str, str]]], wanted: Wanted) -> None:
    if answer["is_cut_off"]:
        click.echo(f"There is more than these {wanted.limit}: --limit", err=True)
    for point in answer["unsearched"]:
        click.echo(f"not searched: {point['recovery_point_arn']}: {point['message']}", err=True)


COLUMNS = {
    "backed_up_at": "BACKED UP",
    "size": "SIZE",
    "modified_at": "MODIFIED",
    "path": "PATH",
    "vault": "VAULT",
    "recovery_point_arn": "RECOVERY POINT",
}
