"""Kill the service at random while it backs up and restores, start it again, and see what became of the jobs.

By hand: `python -m tests.faults.service_trial --rounds 20` (with the checkout and its `src` on PYTHONPATH).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from tests.fixtures.service import ENDED, Service, eventually
from tools.treecmp import Entry, differences, snapshot

LATEST_KILL_SECONDS = 0.35  # after the job began to run, which takes about half a second
WAITING = ("CREATED", "PENDING")
FILES = 300
FILE_BYTES = 40_000
LARGE_BYTES = 120 << 20


@dataclass(slots=True)
class Findings:
    """What a trial saw. All of `broken` must be empty."""

    kills: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)  # the job's state when the kill came
    ends: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


class Trial:
    """One service, one tree that changes from round to round, one vault."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self._random = random.Random(seed)
        self._tree = folder / "tree"
        self._fill()
        self.service = Service(folder / "service")
        self._arn = self.service.add_source("tree", self._tree)
        self._backups: dict[str, dict[bytes, Entry]] = {}  # job id -> the tree as it was
        self._restores: dict[str, tuple[str, str]] = {}  # job id -> the backup it restores, and where to

    def run(self, rounds: int) -> Findings:
        """Each round makes a job and kills a worker, or everything, while it runs."""
        began = time.monotonic()
        found = Findings()
        self.service.start()
        try:
            for number in range(rounds):
                self._round(number, found)
            self._judge(found)
        finally:
            self.service.stop()
        found.seconds = time.monotonic() - began
        return found

    def _fill(self) -> None:
        for number in range(FILES):
            folder = self._tree / f"{number % 10}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.bin").write_bytes(self._random.randbytes(FILE_BYTES))
        (self._tree / "large").write_bytes(self._random.randbytes(LARGE_BYTES))

    def _change(self) -> None:
        """Two thirds of the large file are new, and some of the small ones."""
        with (self._tree / "large").open("r+b") as file:
            file.seek(self._random.randrange(LARGE_BYTES // 3))
            file.write(self._random.randbytes(LARGE_BYTES * 2 // 3))
        for path in self._random.sample(sorted(self._tree.glob("*/*.bin")), 30):
            path.write_bytes(self._random.randbytes(FILE_BYTES))

    def _round(self, number: int, found: Findings) -> None:
        is_restore = number % 3 == 2
        job_id = self._start_restore(number) if is_restore else self._start_backup()
        if self._random.random() < 0.8:  # else at any moment before
            eventually(lambda: self._state(job_id, is_restore) not in WAITING)
        time.sleep(self._random.uniform(0.0, LATEST_KILL_SECONDS))
        found.caught[self._state(job_id, is_restore)] += 1
        if number % 2:
            found.kills["worker"] += 1
            eventually(self.service.workers)
            self.service.kill_worker()
        else:
            found.kills["everything"] += 1
            self.service.kill()
            self.service.start()
        if not eventually(lambda: self._state(job_id, is_restore) in ENDED):
            found.broken.append(f"{job_id} has not ended: {self._state(job_id, is_restore)}")
        found.ends[self._state(job_id, is_restore)] += 1
        self._check_round(job_id, is_restore, found)

    def _start_backup(self) -> str:
        self._change()
        picture = snapshot(self._tree)
        job_id = self.service.start_backup(self._arn)
        self._backups[job_id] = picture
        return job_id

    def _start_restore(self, number: int) -> str:
        backup_id, name = self._random.choice(list(self._backups)), f"round-{number}"
        started = self.service.client().start_restore_job(
            RecoveryPointArn=self._describe(backup_id, False)["RecoveryPointArn"],
            Metadata={"newFileSystem": "true", "CreationToken": name},
            IamRoleArn=self.service.role_arn,
        )
        job_id = str(started["RestoreJobId"])
        self._restores[job_id] = backup_id, name
        return job_id

    def _describe(self, job_id: str, is_restore: bool) -> Any:
        client = self.service.client()
        if is_restore:
            return client.describe_restore_job(RestoreJobId=job_id)
        return client.describe_backup_job(BackupJobId=job_id)

    def _state(self, job_id: str, is_restore: bool) -> str:
        try:
            job = self._describe(job_id, is_restore)
        except (ClientError, ConnectionError, HTTPClientError) as error:
            return f"{type(error).__name__}: {error}"
        return str(job["Status"] if is_restore else job["State"])

    def _check_round(self, job_id: str, is_restore: bool, found: Findings) -> None:
        """The job did all it was to do, and there is one point for each backup: no more, no fewer."""
        job = self._describe(job_id, is_restore)
        if (job.get("State") or job["Status"]) != "COMPLETED" or job.get("StatusMessage"):
            found.broken.append(f"{job_id} ended otherwise: {job}")
        points = self._points()
        wanted = {self._describe(each, False).get("RecoveryPointArn") for each in self._backups}
        if len(points) != len(wanted) or {point["RecoveryPointArn"] for point in points} != wanted:
            found.broken.append(f"{len(wanted)} backups have made {len(points)} points")
        found.broken += [
            f"{p['RecoveryPointArn']} is {p['Status']}" for p in points if p["Status"] != "COMPLETED"
        ]
        if is_restore:
            backup_id, name = self._restores[job_id]
            told = differences(self._backups[backup_id], snapshot(self.service.writable / name))
            found.broken += [f"{job_id}: {sentence}" for sentence in told[:5]]

    def _points(self) -> list[Any]:
        pages = self.service.client().get_paginator("list_recovery_points_by_backup_vault")
        return [p for page in pages.paginate(BackupVaultName="Default") for p in page["RecoveryPoints"]]

    def _judge(self, found: Findings) -> None:
        """In the end everything verifies, and every point restores to what was there."""
        checked = self.service.command("verify", "--vault", "Default", "--read-data")
        if checked.returncode != 0:
            found.broken.append(f"verify: {checked.stdout}{checked.stderr}")
        for number, (job_id, picture) in enumerate(self._backups.items()):
            point_arn = self._describe(job_id, False)["RecoveryPointArn"]
            restored = self.service.restore(point_arn, CreationToken=f"final-{number}")
            if restored["Status"] != "COMPLETED":
                found.broken.append(f"restore of {job_id}: {restored}")
                continue
            told = differences(picture, snapshot(self.service.writable / f"final-{number}"))
            found.broken += [f"final restore of {job_id}: {sentence}" for sentence in told[:5]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="service-trial-") as folder:
        found = Trial(Path(folder), seed=options.seed).run(options.rounds)
    print(found)
    sys.exit(1 if found.broken else 0)


if __name__ == "__main__":
    main()
