"""`safehold verify` on an installation that holds nothing yet; with backups: test_serve.py."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


def test_a_vault_that_was_never_used_is_well(data: Path, run: Run) -> None:
    assert run("verify", "--read-data", "--json").json["is_well"]


def test_a_vault_that_there_is_not_is_said(data: Path, run: Run) -> None:
    assert run("verify", "--vault", "nowhere").code == 1
