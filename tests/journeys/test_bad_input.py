"""What goes wrong gets a clear error and loses nothing. Faults of set-up and keys: tests/cli."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fixtures.disk import DISK_BYTES
from tests.fixtures.service import Service, eventually, serving
from tools.treecmp import differences, snapshot

pytestmark = pytest.mark.slow

SOON_SECONDS = 5.0


def points(service: Service, vault: str) -> list[Any]:
    listed = service.client().list_recovery_points_by_backup_vault(BackupVaultName=vault)
    return list(listed["RecoveryPoints"])


def make_vault(service: Service, name: str) -> None:
    service.client().create_backup_vault(BackupVaultName=name)


def test_a_folder_that_does_not_exist_is_no_source(service: Service, tmp_path: Path) -> None:
    options = ("--name", "nothing", "--path", tmp_path / "nothing", "--type", "EFS")
    refused = service.command("source", "add", "files", *options)
    assert refused.returncode == 1
    assert "nothing" in refused.stderr
    assert refused.stderr.startswith("error: ")


def test_a_folder_that_is_gone_fails_its_job_and_leaves_its_points(service: Service, tree: Path) -> None:
    make_vault(service, "gone")
    arn = service.add_source("gone", tree)
    assert service.back_up(arn, "gone")["State"] == "COMPLETED"
    shutil.rmtree(tree)
    failed = service.back_up(arn, "gone")
    assert failed["State"] == "FAILED"
    assert str(tree) in failed["StatusMessage"]
    assert "RecoveryPointArn" not in failed
    assert len(points(service, "gone")) == 1


def test_a_vault_that_holds_points_is_not_deleted(service: Service, tree: Path) -> None:
    make_vault(service, "holding")
    service.back_up(service.add_source("holding", tree), "holding")
    with pytest.raises(ClientError, match=r"InvalidRequestException.*recovery points"):
        service.client().delete_backup_vault(BackupVaultName="holding")
    assert len(points(service, "holding")) == 1


def test_a_job_is_stopped_within_seconds_and_only_while_it_runs(service: Service, tmp_path: Path) -> None:
    make_vault(service, "stopped")
    large = tmp_path / "large"
    large.mkdir()
    for number in range(10):
        (large / str(number)).write_bytes(os.urandom(8 << 20))
    # Comes last, takes no room, and to read it through takes many times as long as the job may go on.
    with (large / "sparse").open("wb") as file:
        file.truncate(400 << 30)
    arn = service.add_source("stopped", large)
    client = service.client()
    job_id = service.start_backup(arn, "stopped")
    assert eventually(lambda: client.describe_backup_job(BackupJobId=job_id)["State"] == "RUNNING")
    asked = time.monotonic()
    client.stop_backup_job(BackupJobId=job_id)
    assert service.ended(job_id)["State"] == "ABORTED"
    assert time.monotonic() - asked < SOON_SECONDS
    with pytest.raises(ClientError, match=r"InvalidRequestException.*ABORTED"):
        client.stop_backup_job(BackupJobId=job_id)
    assert points(service, "stopped") == []
    assert service.cli("verify", "--vault", "stopped", "--read-data")["is_well"]


def test_a_damaged_pack_costs_the_files_in_it_and_names_them(service: Service, tmp_path: Path) -> None:
    make_vault(service, "damaged")
    before = vault_folders(service)
    tree = tmp_path / "tree"
    tree.mkdir()
    # Each is a chunk of its own frame; an odd number, so that the pack's middle lies inside one.
    for number in range(11):
        (tree / f"{number}.bin").write_bytes(os.urandom(900 << 10))
    arn = service.add_source("damaged", tree)
    point = service.back_up(arn, "damaged")["RecoveryPointArn"]
    (folder,) = vault_folders(service) - before
    damage(max(folder.rglob("*"), key=lambda path: path.stat().st_size))

    restored = service.restore(point, CreationToken="damaged")
    assert restored["Status"] == "COMPLETED"
    target = service.writable / "damaged"
    back = {path.name for path in target.iterdir()}
    lost = {path.name for path in tree.iterdir()} - back
    assert len(lost) == 1
    assert all(name in restored["StatusMessage"] for name in lost)
    assert all((target / name).read_bytes() == (tree / name).read_bytes() for name in back)
    checked = service.command("verify", "--vault", "damaged", "--read-data")
    assert checked.returncode == 1
    assert all(name in checked.stdout for name in lost)


def vault_folders(service: Service) -> set[Path]:
    folder = service.data / "vaults"
    return set(folder.iterdir()) if folder.exists() else set()


def damage(pack: Path) -> None:
    """One byte in the middle is another one."""
    pack.chmod(0o600)
    with pack.open("r+b") as file:
        file.seek(pack.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def test_a_full_disk_fails_the_job_shows_nothing_and_goes_on_once_there_is_room(
    small_disk: Path, tree: Path, tmp_path: Path
) -> None:
    with serving(tmp_path / "service", "--storage-url", f"file://{small_disk}") as service:
        arn = service.add_source("tree", tree)
        first = service.back_up(arn)
        assert (first["State"], first.get("StatusMessage")) == ("COMPLETED", None)
        for number in range(4):
            (tree / f"large-{number}").write_bytes(os.urandom(3 << 20))
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(DISK_BYTES - used(small_disk) - (6 << 20)))
        failed = service.back_up(arn)
        assert failed["State"] == "FAILED"
        assert "room" in failed["StatusMessage"]
        assert len(points(service, "Default")) == 1
        assert service.cli("verify", "--vault", "Default", "--read-data")["is_well"]

        ballast.unlink()
        before = snapshot(tree)
        done = service.back_up(arn)
        assert done["State"] == "COMPLETED"
        assert service.restore(done["RecoveryPointArn"], CreationToken="after")["Status"] == "COMPLETED"
        assert differences(before, snapshot(service.writable / "after")) == []
        assert service.cli("verify", "--vault", "Default", "--read-data")["is_well"]


def used(disk: Path) -> int:
    return shutil.disk_usage(disk).used
