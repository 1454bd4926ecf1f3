"""`safehold serve`: everything on one machine, in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from safehold.cli.options import data_option, json_option


@click.command("serve")
@data_option
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="The port; 0 takes a free one. Else that of safehold.toml."
)
@click.option("--api-only", is_flag=True, help="Neither scheduler nor workers: they run elsewhere.")
@click.option("--workers", type=click.IntRange(0, 64), help="Worker processes. Else that of safehold.toml.")
@json_option
def command(
    data: Path, host: str, port: int | None, api_only: bool, workers: int | None, as_json: bool
) -> None:
    """Run API, scheduler and workers until told to stop.

    Prints one line that starts with `ready` and names the endpoint, once it can be called.
    """
    from safehold.cli.serving import Wanted, serve

    serve(data, Wanted(host=host, port=port, api_only=api_only, workers=workers, as_json=as_json))
