"""The main job, step by step, through the stock boto3 client."""

from __future__ import annotations

import json
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tools.demo import tree
from tools.demo.screen import Row, Screen
from tools.demo.service import Service, ServiceError
from tools.treecmp import Entry, differences, snapshot

VAULT = "demo"
LEAD_SECONDS = 5  # a plan made later than this before a minute takes the next one
PATIENCE_SECONDS = 120  # after the due time, for the job to appear
POLL_SECONDS = 0.2
ENDED = ("COMPLETED", "PARTIAL", "FAILED", "ABORTED", "EXPIRED")
Picture = dict[bytes, Entry]


@dataclass
class Story:
    """What happened so far. `differing`: sentences, one for each thing that is not as it was."""

    service: Service
    screen: Screen
    scratch: Path
    rows: list[Row] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    arn: str = ""

    @property
    def tree(self) -> Path:
        return self.scratch / "library"

    @property
    def restored(self) -> Path:
        return self.scratch / "restored"

    def tell(self) -> None:
        """The whole main job. Raises ServiceError when a step cannot be done at all."""
        self._declare()
        first_tree, first_point = self._scheduled_backup()
        self.screen.say(f"The tree goes on living: {tree.change(self.tree)}.")
        second_tree, second_point = self._backup_on_demand()
        shutil.rmtree(self.tree)
        self.screen.say(f"{self.tree} is deleted.")
        self._restore("Restore, first point", first_point, "first", first_tree)
        self._restore("Restore, second point", second_point, "second", second_tree)
        self._restore_one_file(second_point, second_tree)
        self._verify()
        self._lock()
        self._attack(second_point)

    def _declare(self) -> None:
        self.restored.mkdir()
        found = self.service.cli(
            *("source", "add", "files", "--name", "library", "--path", str(self.tree), "--type", "EFS"),
            *("--tag", "backup=every-day", "--writable-root", str(self.restored)),
        )
        self.arn = found["arns"][0]
        self.service.client().create_backup_vault(BackupVaultName=VAULT)
        self.screen.say(f"Source: {self.tree}, tagged backup=every-day, is {self.arn}")

    def _scheduled_backup(self) -> tuple[Picture, str]:
        before = snapshot(self.tree)
        due = self._plan()
        stored = self.service.stored_bytes()
        job_id = self._wait_until_due(due)
        job = self._follow("Backup on schedule", self._backup_state(job_id))
        self._count("backup on schedule", before, job, "InitiationDate", stored)
        return before, job["RecoveryPointArn"]

    def _plan(self) -> datetime:
        """A plan that falls due with the next minute, for everything that has the tag."""
        due = (datetime.now(UTC) + timedelta(seconds=60 + LEAD_SECONDS)).replace(second=0, microsecond=0)
        cron = f"cron({due.minute} {due.hour} {due.day} {due.month} ? {due.year})"
        client = self.service.client()
        rule = {
            "RuleName": "next-minute",
            "TargetBackupVaultName": VAULT,
            "ScheduleExpression": cron,
            "Lifecycle": {"DeleteAfterDays": 35},
        }
        plan = {"BackupPlanName": "demo", "Rules": [rule]}
        plan_id = client.create_backup_plan(BackupPlan=plan)["BackupPlanId"]
        tag = {
            "ConditionType": "STRINGEQUALS",
            "ConditionKey": "backup",
            "ConditionValue": "every-day",
        }
        selection = {
            "SelectionName": "tagged",
            "IamRoleArn": self.service.role_arn,
            "ListOfTags": [tag],
        }
        client.create_backup_selection(BackupPlanId=plan_id, BackupSelection=selection)
        self.screen.say(f"Plan: what is tagged backup=every-day goes into the vault {VAULT} at {cron}")
        return due

    def _wait_until_due(self, due: datetime) -> str:
        client = self.service.client()
        began = datetime.now(UTC)
        with self.screen.progress("Waiting for the schedule") as show:
            while datetime.now(UTC) < due + timedelta(seconds=PATIENCE_SECONDS):
                jobs = client.list_backup_jobs(ByResourceArn=self.arn)["BackupJobs"]
                if jobs:
                    show(100, f"due at {due:%H:%M} UTC")
                    return str(jobs[0]["BackupJobId"])
                self.service.check_running()
                passed = (datetime.now(UTC) - began) / (due - began) * 100
                show(min(passed, 99.0), f"due at {due:%H:%M} UTC")
                time.sleep(POLL_SECONDS)
        raise ServiceError(f"the plan was due at {due:%H:%M} UTC and no job came of it")

    def _backup_on_demand(self) -> tuple[Picture, str]:
        before = snapshot(self.tree)
        stored = self.service.stored_bytes()
        job_id = self.service.client().start_backup_job(
            BackupVaultName=VAULT, ResourceArn=self.arn, IamRoleArn=self.service.role_arn
        )["BackupJobId"]
        job = self._follow("Backup on demand", self._backup_state(job_id))
        self._count("backup on demand, incremental", before, job, "InitiationDate", stored)
        return before, job["RecoveryPointArn"]

    def _restore(self, title: str, point_arn: str, name: str, expected: Picture) -> None:
        job = self._restore_job(title, point_arn, {"newFileSystem": "true", "CreationToken": name})
        self._count(f"restore of the {name} point", expected, job, "CreationDate", None)
        told = differences(expected, snapshot(self.restored / name))
        self.differing += [f"{name} point: {sentence}" for sentence in told]
        found = f"{len(told)} differences" if told else "no difference in content or metadata"
        self.screen.say(f"Compared {_file_count(expected):,} files with what was there: {found}.")

    def _restore_one_file(self, point_arn: str, expected: Picture) -> None:
        metadata = {
            "newFileSystem": "true",
            "CreationToken": "one-file",
            "ItemsToRestore": json.dumps(["/" + tree.ONE_FILE]),
        }
        job = self._restore_job("Restore, one file", point_arn, metadata)
        path = tree.ONE_FILE.encode()
        wanted = {path: _alone(expected[path])}
        restored = snapshot(self.restored / "one-file")
        found = {name: _alone(entry) for name, entry in restored.items() if not stat.S_ISDIR(entry.kind)}
        self._count("restore of one file", wanted, job, "CreationDate", None)
        self.differing += [f"one file: {sentence}" for sentence in differences(wanted, found)]

    def _restore_job(self, title: str, point_arn: str, metadata: dict[str, str]) -> Any:
        job_id = self.service.client().start_restore_job(
            RecoveryPointArn=point_arn, Metadata=metadata, IamRoleArn=self.service.role_arn
        )["RestoreJobId"]
        client = self.service.client()
        return self._follow(title, lambda: client.describe_restore_job(RestoreJobId=job_id))

    def _verify(self) -> None:
        report = self.service.cli("verify", "--vault", VAULT, "--read-data")
        objects = sum(vault["objects"] for vault in report["vaults"])
        self.screen.say(f"Read all {objects} objects of the vault back: all well.")

    def _lock(self) -> None:
        """Keep the keys elsewhere, lock the vault, and wait until the store has locked what is in it."""
        kit = self.scratch / "kit.txt"
        self.service.cli("keys", "export", "--vault", VAULT, "--plain", "--out", str(kit))
        self.service.cli("keys", "prove", str(kit))
        began = time.monotonic()
        self.service.client().put_backup_vault_lock_configuration(
            BackupVaultName=VAULT, MinRetentionDays=7, ChangeableForDays=3
        )
        with self.screen.progress("Lock of the vault") as show:
            while self._points_to_lock():
                self.service.check_running()
                if time.monotonic() - began > PATIENCE_SECONDS:
                    raise ServiceError("the vault's objects are not locked")
                time.sleep(POLL_SECONDS)
            show(100, "all objects are locked")
        self.rows.append(Row("lock of the vault", None, None, None, time.monotonic() - began))

    def _points_to_lock(self) -> int:
        (lock,) = self.service.cli("status")["locks"]
        return int(lock["points_to_lock"])

    def _attack(self, point_arn: str) -> None:
        """The root user tries to delete what is locked; that it succeeds is a difference."""
        client = self.service.client()
        point = {"BackupVaultName": VAULT, "RecoveryPointArn": point_arn}
        attacks: dict[str, Callable[[], Any]] = {
            "delete of a locked point": lambda: client.delete_recovery_point(**point),
            "shorter life for a locked point": lambda: client.update_recovery_point_lifecycle(
                **point, Lifecycle={"DeleteAfterDays": 1}
            ),
            "delete of the locked vault": lambda: client.delete_backup_vault(BackupVaultName=VAULT),
        }
        for what, attack in attacks.items():
            began = time.monotonic()
            try:
                attack()
            except client.exceptions.InvalidRequestException as refusal:
                self.screen.say(f"{what.capitalize()}: refused: {refusal.response['Error']['Message']}")
                self.rows.append(Row(f"{what}: refused", None, None, None, time.monotonic() - began))
            else:
                self.differing.append(f"{what}: it was not refused")

    def _backup_state(self, job_id: str) -> Callable[[], Any]:
        client = self.service.client()
        return lambda: client.describe_backup_job(BackupJobId=job_id)

    def _follow(self, title: str, ask: Callable[[], Any]) -> Any:
        """Show a job until it has ended; answers its last description. Raises ServiceError if it failed."""
        with self.screen.progress(title) as show:
            while True:
                job = ask()
                state = job.get("State") or job["Status"]
                show(float(job.get("PercentDone", 0)), state, _done(job))
                if state in ENDED:
                    break
                self.service.check_running()
                time.sleep(POLL_SECONDS)
        if state != "COMPLETED" or job.get("StatusMessage"):
            raise ServiceError(f"{title}: {state}: {job.get('StatusMessage')}")
        return job

    def _count(self, step: str, picture: Picture, job: Any, since: str, stored_before: int | None) -> None:
        seconds = (job["CompletionDate"] - job[since]).total_seconds()
        stored = None if stored_before is None else self.service.stored_bytes() - stored_before
        self.rows.append(Row(step, _file_count(picture), job["BackupSizeInBytes"], stored, seconds))


def _file_count(picture: Picture) -> int:
    return sum(not stat.S_ISDIR(entry.kind) for entry in picture.values())


def _done(job: Any) -> str:
    """How many bytes; a first backup does not know how many there will be."""
    counted = job.get("BytesTransferred") if job.get("State") == "RUNNING" else job.get("BackupSizeInBytes")
    return f"{counted:,} bytes" if counted else ""


def _alone(entry: Entry) -> Entry:
    """The entry without its hard links: a file that is restored alone has none."""
    return replace(entry, linked_to=None)
