"""What is compared: each knows how to back a tree up into an encrypted, compressed place, and back again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from benches import measure
from benches.measure import Cost
from benches.peers import Peer

POLL_SECONDS = 0.25  # asking costs CPU, which is counted as ours; the time is the one in the job's row
PASSWORD = "correct horse battery staple"


class Subject(Protocol):
    name: str
    version: str

    def begin(self, tree: Path, scratch: Path) -> None:
        """A new, empty place for backups of `tree`."""

    def back_up(self) -> Cost: ...

    def restore(self, target: Path) -> Cost:
        """The whole newest backup into a new folder."""

    def restore_one(self, item: str, target: Path) -> Cost: ...

    def stored_bytes(self) -> int: ...

    def end(self) -> None:
        """Let go of what runs; what was written is the caller's to delete."""


class Restic:
    """restic at its defaults, without its cache folder so that runs do not help each other."""

    def __init__(self, peer: Peer) -> None:
        self.name, self.version, self._peer = peer.name, peer.version, peer

    def begin(self, tree: Path, scratch: Path) -> None:
        self._tree, self._place = tree, scratch / "restic"
        self._run("init")

    def back_up(self) -> Cost:
        return self._run("backup", ".", folder=self._tree)

    def restore(self, target: Path) -> Cost:
        return self._run("restore", "latest", "--target", str(target))

    def restore_one(self, item: str, target: Path) -> Cost:
        return self._run("restore", "latest", "--target", str(target), "--include", f"/{item}")

    def stored_bytes(self) -> int:
        return _size(self._place)

    def end(self) -> None:
        pass

    def _run(self, *arguments: str, folder: Path | None = None) -> Cost:
        command = [*self._peer.command, "--repo", str(self._place), "--no-cache", "--quiet", *arguments]
        return measure.run(command, {"RESTIC_PASSWORD": PASSWORD, **self._peer.environment}, folder)


class Borg:
    """Borg with the same encryption and zstd level as ours."""

    def __init__(self, peer: Peer) -> None:
        self.name, self.version, self._peer = peer.name, peer.version, peer

    def begin(self, tree: Path, scratch: Path) -> None:
        self._tree, self._place, self._base = tree, scratch / "borg", scratch / "borg-base"
        self._count = 0
        self._run("init", "--encryption=repokey-blake2", str(self._place))

    def back_up(self) -> Cost:
        self._count += 1
        archive = f"{self._place}::{self._count}"
        return self._run("create", "--compression=zstd,3", archive, ".", folder=self._tree)

    def restore(self, target: Path) -> Cost:
        target.mkdir(parents=True)
        return self._run("extract", f"{self._place}::{self._count}", folder=target)

    def restore_one(self, item: str, target: Path) -> Cost:
        target.mkdir(parents=True)
        return self._run("extract", f"{self._place}::{self._count}", item, folder=target)

    def stored_bytes(self) -> int:
        return _size(self._place)

    def end(self) -> None:
        pass

    def _run(self, *arguments: str, folder: Path | None = None) -> Cost:
        settings = {"BORG_PASSPHRASE": PASSWORD, "BORG_BASE_DIR": str(self._base), **self._peer.environment}
        return measure.run([*self._peer.command, *arguments], settings, folder)


class Safehold:
    """The service runs; time counts from the accepted call to the job's end, as the job's row says it."""

    name = "safehold"

    def __init__(self, version: str) -> None:
        self.version = version

    def begin(self, tree: Path, scratch: Path) -> None:
        self.data = scratch / "safehold"
        self.log = scratch / "safehold.log"
        self._restores = scratch / "safehold-restores"
        self._restores.mkdir()
        made = self._made = self._cli("init", "--data", str(self.data), "--json")
        added = self._cli(
            *("source", "add", "files", "--data", str(self.data), "--name", "bench", "--path", str(tree)),
            *("--type", "EFS", "--writable-root", str(self._restores), "--json"),
        )
        self._arn = _first_arn(added)
        self._role = f"arn:aws:iam::{made['account_id']}:role/service-role/AWSBackupDefaultServiceRole"
        self.start()

    def start(self, *, settle_seconds: float = 5.0) -> None:
        """Start the service, again after `end`; `settle_seconds` later the worker is up and idle."""
        import boto3  # type: ignore[import-untyped]

        command = [
            sys.executable,
            "-m",
            "safehold.cli.main",
            "serve",
            "--data",
            str(self.data),
            "--port",
            "0",
        ]
        with self.log.open("a") as log:
            self._server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._server.stdout is not None
        endpoint = self._server.stdout.readline().split()[-1]
        self._client: Any = boto3.client(
            "backup",
            endpoint_url=endpoint,
            region_name=self._made["region"],
            aws_access_key_id=self._made["access_key_id"],
            aws_secret_access_key=self._made["secret_access_key"],
        )
        time.sleep(settle_seconds)

    def watch(self, work: Callable[[], float]) -> Cost:
        """What the service's processes use while `work` waits for them; `work` returns the seconds."""
        return measure.watch(self._server.pid, work)

    def back_up(self) -> Cost:
        def work() -> float:
            job = self._client.start_backup_job(
                BackupVaultName="Default", ResourceArn=self._arn, IamRoleArn=self._role
            )
            done = self._wait(
                lambda: self._client.describe_backup_job(BackupJobId=job["BackupJobId"]), "State"
            )
            self._point = done["RecoveryPointArn"]
            return _seconds(done)

        return self.watch(work)

    def restore(self, target: Path) -> Cost:
        return self._restore(target, {})

    def restore_one(self, item: str, target: Path) -> Cost:
        return self._restore(target, {"ItemsToRestore": json.dumps([item])})

    def _restore(self, target: Path, metadata: dict[str, str]) -> Cost:
        wanted = {"newFileSystem": "true", "targetPath": str(self._restores / target.name), **metadata}

        def work() -> float:
            job = self._client.start_restore_job(
                RecoveryPointArn=self._point, Metadata=wanted, IamRoleArn=self._role
            )
            job_id = job["RestoreJobId"]
            return _seconds(
                self._wait(lambda: self._client.describe_restore_job(RestoreJobId=job_id), "Status")
            )

        return self.watch(work)

    def _wait(self, describe: Callable[[], Any], state: str) -> Any:
        while True:
            job = describe()
            if job[state] == "COMPLETED":
                return job
            if job[state] in ("FAILED", "ABORTED", "EXPIRED"):
                raise RuntimeError(f"job {job[state]}: {job.get('StatusMessage')}")
            time.sleep(POLL_SECONDS)

    def stored_bytes(self) -> int:
        return _size(self.data / "vaults")

    def end(self) -> None:
        self._server.terminate()
        self._server.wait(30)

    def _cli(self, *arguments: str) -> Any:
        command = [sys.executable, "-m", "safehold.cli.main", *arguments]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _seconds(job: Any) -> float:
    """From the accepted call to the job's end."""
    return float((job["CompletionDate"] - job["CreationDate"]).total_seconds())


def _first_arn(added: Any) -> str:
    found = added["resources"] if isinstance(added, dict) else added
    first = found[0]
    return str(first["arn"] if isinstance(first, dict) else first)


def _size(folder: Path) -> int:
    return sum(Path(root, name).stat().st_size for root, _, files in os.walk(folder) for name in files)
