"""`safehold source`: the places that resources are found in."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option, json_option, pairs, show_json, show_rows


@click.group("source")
def command() -> None:
    """Add, list, remove and ask sources: folders, and whatever else there is a connector for."""


@command.command("add")
@click.argument("kind", metavar="KIND")
@data_option
@click.option("--name", required=True, help="A name of its own in this installation.")
@click.option(
    "--path", type=click.Path(path_type=Path), required=True, help="The folder that is to be backed up."
)
@click.option("--type", "resource_type", default="EFS", show_default=True, help="EFS or FSx.")
@click.option(
    "--tag", "tags", multiple=True, metavar="KEY=VALUE", help="For every resource found; repeatable."
)
@click.option("--include", multiple=True, metavar="PATTERN", help="Keep only what matches; repeatable.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out what matches; repeatable.")
@click.option(
    "--writable-root",
    "writable_roots",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A folder that restores may write to; repeatable.",
)
@click.option("--cross-mounts", is_flag=True, help="Enter file systems that are mounted below the folder.")
@json_option
def add(
    kind: str,
    data: Path,
    name: str,
    path: Path,
    resource_type: str,
    tags: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    writable_roots: tuple[Path, ...],
    cross_mounts: bool,
    as_json: bool,
) -> None:
    """Add a source, ask it at once what it holds, and print the resources found. KIND is `files`."""
    from safehold.cli.declaring import add_source, shown
    from safehold.cli.installation import opened

    settings: dict[str, object] = {"path": str(path.absolute())}
    for setting, values in (("include", include), ("exclude", exclude)):
        if values:
            settings[setting] = list(values)
    if writable_roots:
        settings["writable_roots"] = [str(root.absolute()) for root in writable_roots]
    if cross_mounts:
        settings["one_file_system"] = False
    with opened(data) as installation:
        source, discovery = add_source(
            installation,
            kind=kind,
            name=name,
            resource_type=resource_type,
            settings=settings,
            tags=pairs(tags),
        )
        answer = shown(installation, source, discovery)
    if as_json:
        show_json(answer)
    else:
        show_rows(answer["resources"], RESOURCE_COLUMNS, empty="It holds nothing.")


@command.command("list")
@data_option
@json_option
def list_(data: Path, as_json: bool) -> None:
    """Show every source, what it holds, and what went wrong when it was last asked."""
    from safehold.cli.declaring import all_sources
    from safehold.cli.installation import opened

    with opened(data) as installation:
        rows = all_sources(installation)
    if as_json:
        show_json({"sources": rows})
    else:
        show_rows(rows, SOURCE_COLUMNS, empty="There is no source. Add one: safehold source add files --help")


@command.command("discover")
@click.argument("name", required=False)
@data_option
@json_option
def discover(name: str | None, data: Path, as_json: bool) -> None:
    """Ask the source NAME, or every source, what it holds now."""
    from safehold.cli.declaring import discover_sources
    from safehold.cli.installation import opened

    with opened(data) as installation:
        answers = discover_sources(installation, name)
    if as_json:
        show_json({"sources": answers})
        return
    for answer in answers:
        click.echo(f"{answer['name']}:")
        show_rows(answer["resources"], RESOURCE_COLUMNS, empty="It holds nothing.")


@command.command("remove")
@click.argument("name")
@data_option
@json_option
def remove(name: str, data: Path, as_json: bool) -> None:
    """Forget the source NAME. Backups of what it held stay; new ones are not made."""
    from safehold.cli.declaring import remove_source
    from safehold.cli.installation import opened

    with opened(data) as installation:
        arns = remove_source(installation, name)
    if as_json:
        show_json({"name": name, "arns": arns})
    else:
        click.echo(f"removed {name}; it held {len(arns)} resources, whose backups stay")


RESOURCE_COLUMNS = {"arn": "RESOURCE", "type": "TYPE", "name": "NAME", "tags_text": "TAGS"}
SOURCE_COLUMNS = {
    "name": "NAME",
    "kind": "KIND",
    "type": "TYPE",
    "path": "PATH",
    "resource_count": "RESOURCES",
    "discovered_at": "ASKED",
    "error": "ERROR",
}
