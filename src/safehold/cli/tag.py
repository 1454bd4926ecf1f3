"""`safehold tag`: tags of resources, and the rules that tag what is found."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option, json_option, pairs, show_json, show_rows


@click.command("tag")
@click.argument("words", nargs=-1, metavar="[ARN] [KEY=VALUE]...")
@data_option
@click.option("--rule", metavar="PATTERN", help="Tag what matches, now and whenever it is found.")
@click.option("--on", type=click.Choice(["name", "path"]), help="What PATTERN is compared with.")
@click.option("--rules", is_flag=True, help="List the rules.")
@click.option("--remove-rule", metavar="ID", help="Forget a rule; tags that it gave stay.")
@json_option
def command(
    words: tuple[str, ...],
    data: Path,
    rule: str | None,
    on: str | None,
    rules: bool,
    remove_rule: str | None,
    as_json: bool,
) -> None:
    """Tag the resource, vault, plan or recovery point ARN; without tags, show those that it has.

    With --rule PATTERN every resource whose name matches gets the tags, or whose path matches if the
    pattern has a slash in it.
    """
    if rules:
        _list(data, as_json)
    elif remove_rule is not None:
        _remove(data, remove_rule, as_json)
    elif rule is not None:
        _rule(data, rule, on, pairs(words), as_json)
    elif words:
        _one(data, words[0], pairs(words[1:]), as_json)
    else:
        raise click.UsageError("Give an ARN and KEY=VALUE, or --rule PATTERN and KEY=VALUE.")


def _one(data: Path, arn: str, tags: dict[str, str], as_json: bool) -> None:
    from safehold.cli.declaring import tag_one
    from safehold.cli.installation import opened

    with opened(data) as installation:
        merged = tag_one(installation, arn, tags)
    if as_json:
        show_json({"arn": arn, "tags": merged})
    else:
        click.echo("\n".join(f"{key}={value}" for key, value in merged.items()) or "It has no tags.")


def _rule(data: Path, pattern: str, on: str | None, tags: dict[str, str], as_json: bool) -> None:
    from safehold.cli.declaring import add_rule
    from safehold.cli.installation import opened
    from safehold.domain.resources import Matches

    if not tags:
        raise click.UsageError("A rule needs the tags that it gives: KEY=VALUE.")
    matches = Matches(on or ("path" if "/" in pattern else "name"))
    with opened(data) as installation:
        arns = add_rule(installation, pattern, matches, tags)
    if as_json:
        show_json({"pattern": pattern, "on": str(matches), "tags": tags, "arns": arns})
    else:
        click.echo(f"{len(arns)} resources match now; others are tagged when they are found.")


def _list(data: Path, as_json: bool) -> None:
    from safehold.cli.declaring import all_rules
    from safehold.cli.installation import opened

    with opened(data) as installation:
        found = all_rules(installation)
    if as_json:
        show_json({"rules": found})
    else:
        columns = {"id": "ID", "on": "ON", "pattern": "PATTERN", "tag": "TAG"}
        show_rows(found, columns, empty="There is no rule.")


def _remove(data: Path, rule_id: str, as_json: bool) -> None:
    from safehold.cli.declaring import remove_rule
    from safehold.cli.installation import opened

    with opened(data) as installation:
        if not remove_rule(installation, rule_id):
            raise click.ClickException(f"there is no rule {rule_id}")
    if as_json:
        show_json({"removed_rule": rule_id})
