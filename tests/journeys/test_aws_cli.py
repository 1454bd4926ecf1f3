"""The main job by shell commands: the stock aws CLI, with the profile that `safehold init` wrote."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.service import Service, eventually
from tools.treecmp import differences, snapshot

pytestmark = pytest.mark.slow

AWS = [sys.executable, "-m", "awscli", "--profile", "safehold"]


class Aws:
    """Runs `aws --profile safehold WORDS`."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def __call__(self, *words: str) -> Any:
        """What it prints, as JSON; it must end well."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        line = [*AWS, *words]
        return subprocess.run(line, capture_output=True, text=True, env=self.service.environment)


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[Aws]:
    """A service on the port that its profile names."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    service = Service(tmp_path / "service", "--profile", "safehold", "--port", port)
    service.start("--port", port)
    try:
        yield Aws(service)
    finally:
        service.stop()


def test_the_services_beside_backup_answer_the_cli(aws: Aws) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "backup.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    aws("iam", "create-role", "--role-name", "nightly", "--assume-role-policy-document", document)
    policy = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"
    aws("iam", "attach-role-policy", "--role-name", "nightly", "--policy-arn", policy)
    attached = aws("iam", "list-attached-role-policies", "--role-name", "nightly")
    assert attached["AttachedPolicies"][0]["PolicyArn"] == policy
    key = aws("kms", "describe-key", "--key-id", "alias/aws/backup")["KeyMetadata"]
    assert key["KeyManager"] == "AWS"
    made = aws("backup", "create-backup-vault", "--backup-vault-name", "tagged", "--backup-vault-tags", "a=b")
    found = aws("resourcegroupstaggingapi", "get-resources", "--tag-filters", "Key=a,Values=b")
    assert [each["ResourceARN"] for each in found["ResourceTagMappingList"]] == [made["BackupVaultArn"]]
    assert aws("organizations", "create-organization")["Organization"]["FeatureSet"] == "ALL"
    refused = aws.run("iam", "get-role", "--role-name", "nobody")
    assert "NoSuchEntity" in refused.stderr


def test_a_tree_is_planned_backed_up_lost_and_restored(aws: Aws, tree: Path) -> None:
    arn = aws.service.add_source("shell", tree, "--tag", "keep=daily")
    assert aws("sts", "get-caller-identity")["Account"] == aws.service.account["account_id"]
    assert [vault["BackupVaultName"] for vault in listed(aws, "vaults")] == ["Default"]
    aws("backup", "create-backup-vault", "--backup-vault-name", "shell")
    plan_id = planned(aws)

    before = snapshot(tree)
    point = backed_up(aws, arn)
    shutil.rmtree(tree)
    restored(aws, point, {"newFileSystem": "true", "CreationToken": "whole"})
    assert differences(before, snapshot(aws.service.writable / "whole")) == []
    items = json.dumps(["/letters/7.txt"])
    restored(aws, point, {"newFileSystem": "true", "CreationToken": "item", "ItemsToRestore": items})
    files = [path for path in (aws.service.writable / "item").rglob("*") if path.is_file()]
    assert [path.name for path in files] == ["7.txt"]

    refused = aws.run("backup", "delete-backup-vault", "--backup-vault-name", "shell")
    assert refused.returncode != 0
    assert "InvalidRequestException" in refused.stderr
    in_vault = ("--backup-vault-name", "shell")
    aws("backup", "delete-recovery-point", *in_vault, "--recovery-point-arn", point)
    listed_points = aws.service.client().list_recovery_points_by_backup_vault
    assert eventually(lambda: not listed_points(BackupVaultName="shell")["RecoveryPoints"])
    aws("backup", "delete-backup-vault", *in_vault)
    assert [vault["BackupVaultName"] for vault in listed(aws, "vaults")] == ["Default"]
    assert [plan["BackupPlanId"] for plan in listed(aws, "plans")] == [plan_id]


def listed(aws: Aws, what: str) -> list[Any]:
    (members,) = [value for value in aws("backup", f"list-backup-{what}").values() if isinstance(value, list)]
    return members


def planned(aws: Aws) -> str:
    rule = {
        "RuleName": "nightly",
        "TargetBackupVaultName": "shell",
        "ScheduleExpression": "cron(0 2 * * ? *)",
        "Lifecycle": {"DeleteAfterDays": 35},
    }
    tag = {"ConditionType": "STRINGEQUALS", "ConditionKey": "keep", "ConditionValue": "daily"}
    selection = {
        "SelectionName": "tagged",
        "IamRoleArn": aws.service.role_arn,
        "ListOfTags": [tag],
    }
    plan = json.dumps({"BackupPlanName": "nightly", "Rules": [rule]})
    made = aws("backup", "create-backup-plan", "--backup-plan", plan)
    chosen = ("--backup-plan-id", made["BackupPlanId"], "--backup-selection", json.dumps(selection))
    aws("backup", "create-backup-selection", *chosen)
    return str(made["BackupPlanId"])


def backed_up(aws: Aws, arn: str) -> str:
    """The recovery point's ARN."""
    what = ("--backup-vault-name", "shell", "--resource-arn", arn, "--iam-role-arn", aws.service.role_arn)
    job_id = aws("backup", "start-backup-job", *what)["BackupJobId"]
    aws.service.ended(job_id)  # asked by boto3: each command of the CLI takes a second to start
    job = aws("backup", "describe-backup-job", "--backup-job-id", job_id)
    assert (job["State"], job.get("StatusMessage")) == ("COMPLETED", None)
    return str(job["RecoveryPointArn"])


def restored(aws: Aws, point: str, metadata: dict[str, str]) -> None:
    what = ("--recovery-point-arn", point, "--metadata", json.dumps(metadata))
    started = aws("backup", "start-restore-job", *what, "--iam-role-arn", aws.service.role_arn)
    aws.service.ended_restore(started["RestoreJobId"])
    ask = ("backup", "describe-restore-job", "--restore-job-id", started["RestoreJobId"])
    assert aws(*ask)["Status"] == "COMPLETED"
