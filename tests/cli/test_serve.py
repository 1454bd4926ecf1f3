"""`serve` runs everything on one machine: a folder is backed up, lost and restored by the stock client."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from tests.cli.conftest import Run
from tests.cli.test_children import SRC, is_alive, soon
from tests.fixtures.catalog import BOTH

pytestmark = pytest.mark.slow

SAFEHOLD = [sys.executable, "-m", "safehold.cli.main"]


class Service:
    """A running `safehold serve` on a data folder."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.log = data.with_name("serve.log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*SAFEHOLD, "serve", "--data", str(data), "--port", "0", *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"PYTHONPATH": str(SRC)},
            )
        assert self.process.stdout is not None
        self.ready_line = self.process.stdout.readline()

    @property
    def endpoint(self) -> str:
        return self.ready_line.split()[1]

    def workers(self) -> list[int]:
        """Pids of the processes that it has started."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for listed in children for pid in listed.read_text().split()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        try:
            return self.process.wait(timeout=30)
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> list[str]:
    """Options of `init`: its databases are files in the data folder, unless a test says otherwise."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return []
    catalog = request.getfixturevalue("postgres_url").replace("+psycopg", "")
    server = request.getfixturevalue("postgres")
    return [
        "--catalog-url",
        catalog,
        "--jobs-url",
        server.create(f"jobs_{os.getpid()}").replace("+psycopg", ""),
    ]


@pytest.fixture
def installation(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, databases: list[str]
) -> dict[str, Any]:
    """What `init --json` says of a new one."""
    monkeypatch.setenv("SAFEHOLD_DATA", str(tmp_path / "data"))
    made: dict[str, Any] = run("init", "--json", *databases).json
    return made


@pytest.fixture
def service(tmp_path: Path, installation: dict[str, Any]) -> Iterator[Service]:
    running = Service(tmp_path / "data")
    yield running
    if running.process.poll() is None:
        running.stop(signal.SIGKILL)


@pytest.fixture
def client(service: Service, installation: dict[str, Any]) -> Iterator[BaseClient]:
    made = boto3.client(
        "backup",
        endpoint_url=service.endpoint,
        region_name=installation["region"],
        aws_access_key_id=installation["access_key_id"],
        aws_secret_access_key=installation["secret_access_key"],
    )
    yield made
    made.close()


def back_up(client: BaseClient, installation: dict[str, Any], arn: str) -> str:
    """Back a resource up on demand and wait; the point's ARN."""
    role = f"arn:aws:iam::{installation['account_id']}:role/service-role/AWSBackupDefaultServiceRole"
    started = client.start_backup_job(BackupVaultName="Default", ResourceArn=arn, IamRoleArn=role)

    def state() -> str:
        return str(client.describe_backup_job(BackupJobId=started["BackupJobId"])["State"])

    assert soon(lambda: state() in ("COMPLETED", "FAILED"), seconds=40)
    assert state() == "COMPLETED"
    return str(started["RecoveryPointArn"])


@pytest.mark.parametrize("databases", BOTH, indirect=True)
def test_a_folder_is_backed_up_lost_and_restored(
    client: BaseClient, installation: dict[str, Any], tree: Path, run: Run
) -> None:
    (tree / "deep/er").mkdir(parents=True)
    (tree / "deep/er/b.bin").write_bytes(os.urandom(300_000))
    source = run("source", "add", "files", "--name", "t", "--path", tree, "--type", "EFS", "--json")
    (arn,) = source.json["arns"]
    point = back_up(client, installation, arn)
    kept = tree.with_name("kept")
    tree.rename(kept)

    (shown,) = run("points", "--json").json["points"]
    assert (shown["arn"], shown["status"]) == (point, "COMPLETED")
    whole = tree.with_name("whole")
    assert run("restore", point, "--to", whole).code == 0
    assert (whole / "deep/er/b.bin").read_bytes() == (kept / "deep/er/b.bin").read_bytes()
    assert (whole / "a.txt").read_text() == "a"
    one = tree.with_name("one")
    answer = run("restore", point, "--to", one, "--item", "deep/er/b.bin", "--json")
    assert answer.json["state"] == "COMPLETED"
    assert [path.name for path in one.rglob("*") if path.is_file()] == ["b.bin"]

    assert run("verify", "--vault", "Default", "--read-data", "--json").json["is_well"]
    states = {(job["kind"], job["state"]) for job in run("jobs", "--json").json["jobs"]}
    assert states == {("backup", "COMPLETED"), ("restore", "COMPLETED")}
    status = run("status", "--json").json
    assert (status["is_running"], status["point_count"], status["protected_count"]) == (True, 1, 1)


def test_a_second_serve_is_refused(service: Service, run: Run) -> None:
    answer = run("serve", "--port", 0)
    assert answer.code == 2
    assert "is in use by another `safehold serve`" in answer.err
    assert "hint: " in answer.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_seconds_and_leaves_nobody_behind(service: Service, number: int) -> None:
    assert soon(lambda: len(service.workers()) == 1)
    workers = service.workers()
    began = time.monotonic()
    assert service.stop(number) == 0
    assert time.monotonic() - began < 10
    assert not any(is_alive(pid) for pid in workers)
    assert not (service.data / "endpoint").exists()


def test_its_workers_end_when_it_is_killed(service: Service) -> None:
    assert soon(lambda: len(service.workers()) == 1)
    workers = service.workers()
    time.sleep(3)  # so that it is past its start
    service.stop(signal.SIGKILL)
    assert soon(lambda: not any(is_alive(pid) for pid in workers))
    again = Service(service.data)
    assert again.ready_line.startswith("ready http://127.0.0.1:")
    assert again.stop() == 0


def test_a_worker_that_is_killed_is_started_again(service: Service) -> None:
    assert soon(lambda: len(service.workers()) == 1)
    (worker,) = service.workers()
    os.kill(worker, signal.SIGKILL)
    assert soon(lambda: len(service.workers()) == 1 and service.workers() != [worker])


def test_api_only_starts_no_worker_and_says_where_it_is_in_json(
    tmp_path: Path, installation: dict[str, Any]
) -> None:
    running = Service(tmp_path / "data", "--api-only", "--json")
    try:
        assert json.loads(running.ready_line)["endpoint"].startswith("http://127.0.0.1:")
        assert running.workers() == []
    finally:
        assert running.stop() == 0


def test_api_only_leaves_what_says_where_the_whole_one_is(service: Service) -> None:
    said = service.data / "endpoint"
    before = said.read_text()
    assert before.strip() == service.endpoint
    second = Service(service.data, "--api-only")
    try:
        assert second.endpoint != service.endpoint
        assert said.read_text() == before
    finally:
        assert second.stop() == 0
    assert said.read_text() == before


def test_what_it_makes_is_its_owners_alone(service: Service) -> None:
    assert soon(lambda: (service.data / "jobs.db").exists())
    assert soon(lambda: (service.data / "lifelines").exists())
    open_to_others = [path.name for path in service.data.rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_a_restore_needs_no_server(
    service: Service, client: BaseClient, installation: dict[str, Any], tree: Path, run: Run
) -> None:
    (arn,) = run("source", "add", "files", "--name", "t", "--path", tree, "--json").json["arns"]
    point = back_up(client, installation, arn)
    service.stop()
    shutil.rmtree(tree)
    target = tree.with_name("target")
    answer = run("restore", point, "--to", target)
    assert answer.code == 0, answer.err
    assert (target / "a.txt").read_text() == "a"
    assert "COMPLETED" in answer.err  # plain lines where there is no terminal


def test_a_damaged_vault_is_told_by_verify(
    service: Service, client: BaseClient, installation: dict[str, Any], tree: Path, run: Run
) -> None:
    (tree / "b.bin").write_bytes(os.urandom(300_000))
    (arn,) = run("source", "add", "files", "--name", "t", "--path", tree, "--json").json["arns"]
    back_up(client, installation, arn)
    largest = max((service.data / "vaults").rglob("*"), key=lambda path: path.stat().st_size * path.is_file())
    damaged = bytearray(largest.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    largest.chmod(0o600)
    largest.write_bytes(damaged)
    answer = run("verify", "--read-data", "--json")
    assert answer.code == 1
    assert not answer.json["is_well"]
    assert answer.json["vaults"][0]["problem_count"] > 0


def test_it_refuses_an_address_that_others_can_reach(installation: dict[str, Any], run: Run) -> None:
    answer = run("serve", "--host", "0.0.0.0", "--port", 0)
    assert answer.code == 2
    assert "loopback" in answer.err
