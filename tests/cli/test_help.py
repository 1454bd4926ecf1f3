"""Help comes at once: what a command works with is imported when it works."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

from safehold.cli.main import COMMANDS

HEAVY = {"sqlalchemy", "boto3", "botocore", "dbos", "cryptography", "zstandard", "uvicorn", "rich", "alembic"}
ASK_FOR_HELP = """
import json, sys
from safehold.cli.main import main

seen = {}
for page in json.loads(sys.argv[1]):
    sys.argv = ["safehold", *page, "--help"]
    try:
        main()
    except SystemExit as ended:
        assert ended.code == 0, (page, ended.code)
    seen[" ".join(page)] = sorted(sys.modules)
print(json.dumps(seen))
"""
PAGES = [[], *([name] for name in COMMANDS), ["source", "add"], ["source", "discover"]]


def processor_seconds(command: list[str]) -> float:
    """What the machine does meanwhile for others does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_imports_nothing_heavy() -> None:
    command = [sys.executable, "-c", ASK_FOR_HELP, json.dumps(PAGES)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.count("Usage:") == len(PAGES)
    for page, modules in json.loads(said.splitlines()[-1]).items():
        assert {name.partition(".")[0] for name in modules} & HEAVY == set(), page


def test_help_takes_a_fifth_of_a_second_at_most() -> None:
    command = [sys.executable, "-m", "safehold.cli.main", "source", "add", "--help"]
    assert min(processor_seconds(command) for _ in range(3)) < 0.2
