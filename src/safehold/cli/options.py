"""Options that every command has, and how a command answers: a person in lines, a program in JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])
Row = Mapping[str, object]


def default_data() -> str:
    return os.environ.get("SAFEHOLD_DATA") or str(Path.home() / ".local/share/safehold")


def data_option(command: F) -> F:
    """`--data DIR`: the command gets `data`, a Path."""
    return click.option(
        "--data",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
        default=default_data,
        help="Data folder; $SAFEHOLD_DATA or ~/.local/share/safehold if not given.",
    )(command)


def json_option(command: F) -> F:
    """`--json`: the command gets `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")(command)


def pairs(values: Iterable[str]) -> dict[str, str]:
    """KEY=VALUE arguments as a mapping. Raises click.BadParameter."""
    found = {}
    for value in values:
        key, separator, rest = value.partition("=")
        if not separator or not key:
            raise click.BadParameter(f"{value!r} is not KEY=VALUE")
        found[key] = rest
    return found


def show_ready(as_json: bool, **facts: object) -> None:
    """One line that says that a process of its own works from now on."""
    if as_json:
        click.echo(json.dumps({"ready": True, **facts, "pid": os.getpid()}))
    else:
        click.echo(" ".join(["ready", *map(str, facts.values())]))


def show_json(value: object) -> None:
    """One JSON document on standard output; times are ISO 8601."""
    click.echo(json.dumps(value, default=_plain, indent=2))


def show_reports(
    name: str, reports: Sequence[dict[str, Any]], tell: Callable[[dict[str, Any]], None], *, as_json: bool
) -> None:
    """What was done to each of several: `tell` says it to a person. Exits with 1 when one was refused."""
    if as_json:
        show_json({name: reports})
    else:
        for report in reports:
            tell(report)
    if any(report["refused"] for report in reports):
        raise click.exceptions.Exit(1)


def show_rows(rows: Sequence[Row], columns: Mapping[str, str], *, empty: str) -> None:
    """A table for people: `columns` are keys of the rows and their titles. `empty` is said of no rows."""
    if not rows:
        click.echo(empty)
        return
    cells = [[_text(row.get(key)) for key in columns] for row in rows]
    titles = list(columns.values())
    widths = [max(len(line[i]) for line in [titles, *cells]) for i in range(len(titles))]
    for line in [titles, *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def size_text(size_bytes: int | None) -> str:
    """Bytes for people, in powers of 1024."""
    if size_bytes is None:
        return "-"
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return str(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
