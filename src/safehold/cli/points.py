"""`safehold points`: the recovery points that there are, and what is in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from safehold.cli.options import data_option, json_option, show_json, show_rows, size_text

F = TypeVar("F", bound=Callable[..., object])


@click.group("points", invoke_without_command=True)
@data_option
@click.option("--vault", metavar="NAME", help="Only points in this vault.")
@click.option("--resource", metavar="ARN", help="Only points of this resource.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@json_option
@click.pass_context
def command(
    context: click.Context, data: Path, vault: str | None, resource: str | None, limit: int, as_json: bool
) -> None:
    """Show recovery points, newest first; or, by a command, what is in them."""
    if context.invoked_subcommand is not None:
        return
    from safehold.cli.installation import opened
    from safehold.cli.listing import point_rows

    with opened(data) as installation:
        rows = point_rows(installation.client, vault=vault, resource=resource, limit=limit)
    if as_json:
        show_json({"points": rows})
    else:
        show_rows(rows, COLUMNS, empty="There are no recovery points.")


def _limit_option(default: int) -> Callable[[F], F]:
    return click.option(
        "--limit",
        type=click.IntRange(1, 1_000_000),
        default=default,
        show_default=True,
        help="At most so many.",
    )


@command.command("ls")
@click.argument("point", metavar="POINT")
@click.argument("path", required=False, default="")
@data_option
@click.option("--after", default="", metavar="NAME", help="Go on behind this name.")
@_limit_option(1000)
@json_option
def ls(point: str, path: str, data: Path, after: str, limit: int, as_json: bool) -> None:
    """List the folder PATH of POINT (an ARN, or the id at its end); its top without PATH."""
    from safehold.cli.installation import opened
    from safehold.cli.looking import folder_rows, open_point

    with opened(data) as installation:
        answer = folder_rows(open_point(installation, point), path, after=after, limit=limit)
    if as_json:
        show_json(answer)
        return
    _show_items(answer["items"], empty="The folder is empty.")
    if answer["next"] is not None:
        click.echo(f"There is more: --after {answer['next']!r}", err=True)


@command.command("find")
@click.argument("point", metavar="POINT")
@click.argument("pattern")
@data_option
@click.option("--in", "beneath", default="", metavar="PATH", help="Only in this folder and below.")
@click.option(
    "--as",
    "looks",
    type=click.Choice(["glob", "prefix", "substring"]),
    default="glob",
    show_default=True,
    help="What PATTERN is.",
)
@click.option("--ignore-case", is_flag=True, help="Of ASCII letters.")
@_limit_option(1000)
@json_option
def find(
    point: str,
    pattern: str,
    data: Path,
    beneath: str,
    looks: str,
    ignore_case: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Find items of POINT by name, or by path if PATTERN has a slash; exits with 1 if there is none."""
    from safehold.cli.installation import opened
    from safehold.cli.looking import find_rows, open_point
    from safehold.store.trees.search import Looks

    with opened(data) as installation:
        answer = find_rows(
            open_point(installation, point),
            pattern,
            looks=Looks(looks),
            beneath=beneath,
            ignores_case=ignore_case,
            limit=limit,
        )
    if as_json:
        show_json(answer)
    else:
        _show_items(answer["items"], empty="Nothing in this point is called that.")
        _tell_cut(answer, limit)
        for each in answer["unreadable"]:
            click.echo(f"could not be read: {each}", err=True)
    if not answer["items"] or answer["unreadable"]:
        raise click.exceptions.Exit(1)


@command.command("index")
@click.argument("point", metavar="POINT")
@click.option("--off", is_flag=True, help="Drop the index instead.")
@data_option
@json_option
def index(point: str, off: bool, data: Path, as_json: bool) -> None:
    """Have POINT indexed, so that `safehold search` finds what is in it; a worker does it."""
    from safehold.cli.installation import opened
    from safehold.cli.looking import set_index

    with opened(data) as installation:
        answer = set_index(installation, point, is_wanted=not off)
    if as_json:
        show_json(answer)
    else:
        click.echo(f"index: {answer['status'] or 'none'}")


@command.command("diff")
@click.argument("earlier", metavar="EARLIER")
@click.argument("later", metavar="LATER")
@click.argument("path", required=False, default="")
@data_option
@_limit_option(10_000)
@json_option
def diff(earlier: str, later: str, path: str, data: Path, limit: int, as_json: bool) -> None:
    """Tell what changed between two points of one vault, in all of it or below PATH."""
    from safehold.cli.installation import opened
    from safehold.cli.looking import diff_rows, open_point

    with opened(data) as installation:
        points = (open_point(installation, name) for name in (earlier, later))
        answer = diff_rows(*points, path=path, limit=limit)
    if as_json:
        show_json(answer)
        return
    for change in answer["changes"]:
        click.echo(f"{SIGNS[change['change']]} {_told(change)}")
    _tell_cut(answer, limit)


SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": ">"}


def _told(change: dict[str, Any]) -> str:
    slash = "/" if change["kind"] == "directory" else ""
    if "old_path" in change:
        return f"{change['old_path']}{slash} is now {change['path']}{slash}"
    note = "" if change.get("is_content_changed", True) else "  (metadata)"
    return f"{change['path']}{slash}{note}"


def _show_items(items: list[dict[str, Any]], *, empty: str) -> None:
    rows = [item | {"size": size_text(item["size_bytes"])} for item in items]
    show_rows(rows, ITEM_COLUMNS, empty=empty)


def _tell_cut(answer: dict[str, Any], limit: int) -> None:
    if answer["is_cut_off"]:
        click.echo(f"There is more than these {limit}: --limit", err=True)


COLUMNS = {
    "created_at": "CREATED",
    "status": "STATUS",
    "size": "SIZE",
    "resource": "RESOURCE",
    "vault": "VAULT",
    "delete_at": "KEPT UNTIL",
    "arn": "RECOVERY POINT",
}
ITEM_COLUMNS = {"kind": "KIND", "size": "SIZE", "modified_at": "MODIFIED", "path": "NAME"}
