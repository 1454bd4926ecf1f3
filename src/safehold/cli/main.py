"""The command `safehold`. Nothing heavy is imported here: help answers in a fraction of a second.

A command's module holds its options and imports what it works with when it is called, not before.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

from safehold import __version__
from safehold.core import log
from safehold.core.errors import CatalogUnavailable, ConfigError, SafeholdError

COMMANDS = {  # name: module in this room that holds a command of that name
    "init": "init",
    "serve": "serve",
    "work": "work",
    "schedule": "schedule",
    "source": "source",
    "tag": "tag",
    "protect": "protect",
    "jobs": "jobs",
    "points": "points",
    "search": "search",
    "scan": "scan",
    "restore": "restore",
    "verify": "verify",
    "store": "store",
    "keys": "keys",
    "events": "events",
    "status": "status",
}


class Lazy(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"safehold.cli.{COMMANDS[cmd_name]}")
        command = module.command
        assert isinstance(command, click.Command)
        return command


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="safehold %(version)s")
def safehold() -> None:
    """An open, self-hosted AWS Backup: encrypted backups of your files, and their API."""


def main() -> None:
    """Run the command line and end the process: 0 well, 1 failed, 2 wrongly used or not set up."""
    try:
        code = safehold.main(standalone_mode=False)
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except click.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except SafeholdError as error:
        code = tell(error)
    except BrokenPipeError:
        code = 141  # whoever read our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        code = tell_bug(error)
    sys.exit(code if isinstance(code, int) else 0)


def tell(error: SafeholdError) -> int:
    """Say what went wrong and what to do; returns the exit code."""
    click.echo(f"error: {error}", err=True)
    if isinstance(error, CatalogUnavailable) and error.detail:
        click.echo(f"detail: {log.masked(error.detail)}", err=True)
    if error.hint:
        click.echo(f"hint: {error.hint}", err=True)
    return 2 if isinstance(error, ConfigError) else 1


def tell_bug(error: Exception) -> int:
    """An error that nobody foresaw: one line, or its trace for whoever asks; returns the exit code."""
    if os.environ.get("SAFEHOLD_TRACE"):
        raise error
    click.echo(f"error: {type(error).__name__}: {error}", err=True)
    click.echo("hint: This was not foreseen. Run it again with SAFEHOLD_TRACE=1 to see where.", err=True)
    return 1


if __name__ == "__main__":
    main()
