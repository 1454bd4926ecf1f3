"""Every command answers a program in JSON."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from safehold.cli.main import COMMANDS
from tests.cli.conftest import Run
from tests.cli.test_children import SRC


def leaves(name: str) -> list[click.Command]:
    command = importlib.import_module(f"safehold.cli.{COMMANDS[name]}").command
    return list(command.commands.values()) if isinstance(command, click.Group) else [command]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_the_option(name: str) -> None:
    for command in leaves(name):
        assert "--json" in [word for option in command.params for word in option.opts], command.name


def test_a_rule_that_is_removed_is_named(data: Path, run: Run) -> None:
    run("tag", "--rule", "*.db", "kind=database")
    (rule,) = run("tag", "--rules", "--json").json["rules"]
    assert run("tag", "--remove-rule", rule["id"], "--json").json == {"removed_rule": rule["id"]}
    assert run("tag", "--rules", "--json").json == {"rules": []}
    assert run("tag", "--remove-rule", rule["id"], "--json").code == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["work", "schedule"])
def test_a_process_of_its_own_says_in_json_that_it_is_ready(data: Path, name: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "safehold.cli.main", name, "--data", str(data), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": str(SRC)},
        umask=0o022,
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert (said["ready"], said["pid"]) == (True, process.pid)
    jobs = data / "jobs.db"
    assert jobs.exists() == (name == "work")
    assert name != "work" or jobs.stat().st_mode & 0o077 == 0
