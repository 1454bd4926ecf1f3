"""The stock aws CLI, versions 1 and 2, on every command there is of `backup` and `backupsearch`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.clients import installed
from tests.fixtures.service import Service, serving
from tests.journeys import every_command as walk
from tests.journeys.every_command import Commands, CommandsInProcess

pytestmark = pytest.mark.real


@pytest.fixture(params=["1", "2"])
def program(request: pytest.FixtureRequest) -> list[str]:
    """What starts that version of the CLI."""
    line = [sys.executable, "-m", "awscli"] if request.param == "1" else [str(installed("aws"))]
    told = subprocess.run([*line, "--version"], capture_output=True, text=True)
    assert told.stdout.startswith(f"aws-cli/{request.param}."), told.stderr
    return line


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service that nobody else uses, so that what is counted is what was made."""
    with serving(tmp_path / "service") as running:
        yield running


def test_every_command_answers_what_the_model_says(program: list[str], service: Service, tree: Path) -> None:
    is_python = program[0] == sys.executable
    aws = CommandsInProcess(program, service) if is_python else Commands(program, service)
    arn = aws.service.add_source("walked", tree)
    vault_arn = walk.walk_vaults(aws)
    walk.walk_plans(aws)
    walk.walk_reports(aws)
    where = walk.walk_backups(aws, arn)
    walk.walk_locks(aws)
    walk.walk_copies(aws, where, vault_arn)
    walk.walk_restores(aws, where, arn)
    walk.walk_scans(aws, where)
    walk.walk_restore_testing(aws)
    walk.walk_settings(aws)
    walk.walk_holds(aws, where, arn)
    walk.walk_air_gapped_vaults(aws)
    walk.walk_search(aws, where, arn)
    walk.walk_access_points(aws, where, arn)
    walk.walk_to_the_end(aws, where)
    assert aws.operations() - aws.called == set()


def test_pages_queries_and_whole_inputs_work_as_ever(program: list[str], service: Service) -> None:
    aws = Commands(program, service)
    whole = json.dumps({"BackupVaultName": "v0", "BackupVaultTags": {"a": "b"}})
    aws.told("backup", "create-backup-vault", "--cli-input-json", whole)
    client = aws.service.client()
    for number in range(1, 6):
        client.create_backup_vault(BackupVaultName=f"v{number}")
    names = ["Default", *(f"v{number}" for number in range(6))]
    list_vaults = ("backup", "list-backup-vaults", "--query", "BackupVaultList[].BackupVaultName")
    assert sorted(aws.told(*list_vaults, "--page-size", "2")) == names
    first = aws.told(*list_vaults[:2], "--max-items", "3", "--page-size", "2")
    rest = aws.told(*list_vaults[:2], "--starting-token", first["NextToken"])
    seen = [each["BackupVaultName"] for page in (first, rest) for each in page["BackupVaultList"]]
    assert (len(first["BackupVaultList"]), sorted(seen)) == (3, names)
    text = aws.run(*list_vaults, "--output", "text")
    assert sorted(text.stdout.split()) == names
    unknown = "00000000-0000-0000-0000-000000000000"
    aws.refused("GetBackupPlan", "ResourceNotFoundException", BackupPlanId=unknown)
