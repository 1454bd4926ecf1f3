"""What the person sees: live bars on a terminal, plain lines elsewhere, a table at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

PLAIN_WIDTH = 100


class Show(Protocol):
    """Says how far a step is: percent done, what is going on, and how far in words."""

    def __call__(self, percent: float, what: str, far: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Row:
    """What a step moved. stored_bytes: what the vaults grew by. None: the step is not about that."""

    step: str
    files: int | None
    size_bytes: int | None
    stored_bytes: int | None
    seconds: float


class Screen:
    """Everything that is printed goes through here."""

    def __init__(self) -> None:
        console = Console(highlight=False)
        self._console = console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)

    def say(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style, markup=False, soft_wrap=True)

    @contextmanager
    def progress(self, title: str) -> Iterator[Show]:
        """Show how far a step is, by calling what this yields."""
        if self._console.is_terminal:
            with self._bar(title) as show:
                yield show
        else:
            yield _Lines(title, self.say).show

    @contextmanager
    def _bar(self, title: str) -> Iterator[Show]:
        note = TextColumn("{task.fields[note]}")
        columns = (TextColumn("{task.description:24}"), BarColumn(), TaskProgressColumn())
        with Progress(*columns, TimeElapsedColumn(), note, console=self._console) as progress:
            task = progress.add_task(title, total=100.0, note="")

            def show(percent: float, what: str, far: str = "") -> None:
                progress.update(task, completed=percent, note=f"{what} {far}")

            yield show

    def table(self, rows: Sequence[Row]) -> None:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("step")
        for title in ("files", "bytes", "bytes stored", "seconds", "MB/s"):
            table.add_column(title, justify="right")
        for row in rows:
            table.add_row(row.step, *_numbers(row))
        self._console.print(table)


class _Lines:
    """A line when the step turns to something else, and at each quarter."""

    def __init__(self, title: str, say: Callable[[str], None]) -> None:
        self._title = title
        self._say = say
        self._said: tuple[str, int] | None = None

    def show(self, percent: float, what: str, far: str = "") -> None:
        now = (what, int(percent) // 25)
        if now != self._said:
            self._said = now
            self._say(f"{self._title:24} {percent:5.1f} %  {what} {far}".rstrip())


def _numbers(row: Row) -> list[str]:
    counts = [
        "" if count is None else f"{count:,}" for count in (row.files, row.size_bytes, row.stored_bytes)
    ]
    rate = "" if row.size_bytes is None else f"{row.size_bytes / 1e6 / max(row.seconds, 0.001):,.1f}"
    return [*counts, f"{row.seconds:.2f}", rate]
