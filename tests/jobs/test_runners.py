"""Backup and restore jobs from the row in the catalog to the files: real steps, store and files."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from safehold.connectors.files.kernel import Kernel
from safehold.connectors.registry import connector_of
from safehold.core.clock import FixedClock, SystemClock
from safehold.core.ids import new_id
from safehold.core.secrets import RootKey
from safehold.domain import arns
from safehold.domain.backup_requests import BackupRequest, Target, new_job
from safehold.domain.jobs import Job, JobKind
from safehold.domain.restore_requests import RestoreJobRequest
from safehold.domain.sources import Source
from safehold.domain.vaults import Vault
from safehold.jobs.amending import AmendmentWriter
from safehold.jobs.discovery import discover
from safehold.jobs.engine import EngineSettings
from safehold.jobs.outcome import Outcome
from safehold.jobs.runners import all_runners
from safehold.jobs.steps import JobSteps
from safehold.jobs.upkeep import all_upkeep
from safehold.jobs.vaults import VaultAccess
from safehold.jobs.worker import Worker, WorkerSettings
from safehold.records import (
    amendments,
    discards,
    installation,
    jobs,
    nodes,
    recovery_points,
    sources,
    tags,
    vaults,
)
from safehold.records.engine import Catalog
from safehold.records.tables import job as job_table
from safehold.records.tables import resource
from safehold.store.key_providers.key_file import KeyFile

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SITE = "us-east-1"


@dataclass
class House:
    """One installation with one folder as source, and one worker's steps."""

    catalog: Catalog
    access: VaultAccess
    clock: FixedClock
    steps: JobSteps
    account_id: str
    resource_arn: str
    tree: Path
    writable: Path

    @property
    def vault(self) -> Vault:
        with self.catalog.read() as tx:
            vault = vaults.find(tx, account_id=self.account_id, site=SITE, name="Default")
        assert vault is not None
        return vault

    def job(self, job_id: str) -> Job:
        with self.catalog.read() as tx:
            job = jobs.find(tx, job_id)
        assert job is not None
        return job

    def run(self, job: Job) -> Job:
        """What a worker does with a job, from its row to its end."""
        with self.catalog.begin() as tx:
            jobs.insert_job(tx, job)
        self.attempt(job.id)
        return self.job(job.id)

    def attempt(self, job_id: str) -> None:
        """Until it ends, or is parked."""
        assert self.steps.prepare(job_id)
        outcome = self.steps.run(job_id)
        if outcome is not None:
            self.steps.finish(job_id, outcome)
        else:
            assert self.job(job_id).resume_at is not None

    def back_up(self, request: BackupRequest | None = None) -> Job:
        self.clock.at += timedelta(hours=1)
        target = Target(
            account_id=self.account_id,
            site=SITE,
            resource_arn=self.resource_arn,
            resource_type="EFS",
            resource_name="docs",
            vault_name="Default",
            vault_arn=self.vault.arn,
            role_arn="arn:aws:iam::1:role/r",
        )
        return self.run(new_job(new_id(), target, request or BackupRequest(), now=self.clock.at))

    def restore(self, backup: Job, *items: str, **metadata: str) -> Job:
        job = self.put_restore(backup, *items, **metadata)
        self.attempt(job.id)
        return self.job(job.id)

    def put_restore(self, backup: Job, *items: str, **metadata: str) -> Job:
        """Its row alone."""
        request = RestoreJobRequest(
            metadata={"newFileSystem": "true", **metadata},
            items=items,
            recovery_point_id=backup.id.lower(),
            recovery_point_created_at="",
        )
        job = Job(
            id=new_id(),
            kind=JobKind.RESTORE,
            account_id=self.account_id,
            site=SITE,
            state="PENDING",
            resource_arn=self.resource_arn,
            resource_type="EFS",
            created_at=self.clock.at,
            request=request.to_json(),
        )
        with self.catalog.begin() as tx:
            jobs.insert_job(tx, job)
        return job


@pytest.fixture
def house(sqlite_catalog: Catalog, tmp_path: Path) -> House:
    tree, writable, storage = (tmp_path / name for name in ("tree", "writable", "storage"))
    for folder in (tree, writable, storage):
        folder.mkdir()
    root_key = RootKey(b"k" * 32)
    made = installation.create(
        sqlite_catalog, root_key, region=SITE, storage_url=f"file://{storage}", now=NOW
    )
    source = Source(
        id=new_id(),
        account_id=made.account_id,
        site=SITE,
        name="docs",
        kind="files",
        resource_type="EFS",
        settings={"path": str(tree), "writable_roots": [str(writable)], "tags": {"team": "blue"}},
        created_at=NOW,
    )
    with sqlite_catalog.begin() as tx:
        sources.insert_source(tx, source)
        nodes.insert_node(tx, nodes.Node("w", "worker", "here", 1, NOW, NOW))
    found = discover(sqlite_catalog, source, connector_of("files"), NOW)
    clock = FixedClock(NOW)
    access = VaultAccess(sqlite_catalog, KeyFile(root_key))
    runners = all_runners(sqlite_catalog, access, connector_of, clock)
    steps = JobSteps(sqlite_catalog, runners, worker_id="w", clock=clock, stopping=threading.Event())
    return House(sqlite_catalog, access, clock, steps, made.account_id, found.found[0].arn, tree, writable)


def fill(tree: Path) -> None:
    (tree / "folder").mkdir()
    (tree / "folder/one").write_bytes(b"one" * 1000)
    (tree / "two").write_bytes(os.urandom(3 << 20))
    (tree / "link").symlink_to("two")


def contents(folder: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[name] = (
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        )
    return found


def restored(house: House) -> Path:
    (folder,) = house.writable.iterdir()
    return folder


def test_a_lost_folder_comes_back(house: House) -> None:
    fill(house.tree)
    before = contents(house.tree)
    backup = house.back_up()
    assert (backup.state, backup.status_message, backup.message_category) == ("COMPLETED", None, "SUCCESS")
    shutil.rmtree(house.tree)
    restore = house.restore(backup)
    assert (restore.state, restore.status_message) == ("COMPLETED", None)
    assert contents(restored(house)) == before


@pytest.mark.slow
def test_a_worker_that_stops_leaves_no_writer_behind_that_collection_would_wait_for(
    house: House, tmp_path: Path
) -> None:
    fill(house.tree)
    house.back_up()
    backend = house.access.place(house.vault)
    assert len(list(backend.list("intents/"))) == 1
    settings = WorkerSettings(EngineSettings(f"sqlite:///{tmp_path}/jobs.db"), grace_seconds=1)
    worker = Worker(settings, house.catalog, {}, SystemClock(), let_go=house.access.close)
    worker.stopping.set()
    worker.run()
    assert list(backend.list("intents/")) == []


def test_the_folder_itself_gets_its_mode_and_time_back(house: House) -> None:
    fill(house.tree)
    house.tree.chmod(0o751)
    os.utime(house.tree, ns=(7, 7_000_000_007))
    house.restore(house.back_up())
    was, now = house.tree.stat(), restored(house).stat()
    assert (now.st_mode, now.st_mtime_ns) == (was.st_mode, was.st_mtime_ns)


def test_the_point_stands_in_the_catalog_with_what_was_asked(house: House) -> None:
    fill(house.tree)
    backup = house.back_up(BackupRequest(recovery_point_tags={"team": "red", "why": "test"}))
    with house.catalog.read() as tx:
        point = recovery_points.find_by_id(tx, backup.id)
        assert point is not None
        assert tags.of(tx, point.arn) == {"team": "red", "why": "test"}
    assert point.arn == backup.recovery_point_arn
    assert (point.status, point.size_bytes) == ("COMPLETED", (3 << 20) + 3000)
    assert house.vault.point_count == 1


def test_the_second_backup_reads_only_what_changed(house: House) -> None:
    fill(house.tree)
    for path in (house.tree / "folder/one", house.tree / "two"):
        os.utime(path, ns=(0, 10**18))
    house.back_up()
    (house.tree / "three").write_bytes(b"three")
    result = house.back_up().result
    assert result is not None
    # Everything here is younger than two seconds, so it is read again; but nothing of it is stored again.
    assert result["stats"]["new_chunks"] <= 3


def test_one_item_is_restored_alone(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    house.restore(backup, "folder/one")
    assert contents(restored(house)) == {"folder": "", "folder/one": b"one" * 1000}


def test_a_job_that_runs_twice_makes_one_point(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    store = house.access.for_reading(house.vault)
    assert list(store.points()) == [backup.id]
    again = house.back_up()
    assert sorted(house.access.for_reading(house.vault).points()) == sorted([backup.id, again.id])


def test_an_attempt_after_the_point_was_written_takes_it_for_its_own(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    with house.catalog.begin() as tx:  # as if the worker had died between the record and the row
        recovery_points.forget(tx, backup.id)
        jobs.update_in_state(tx, backup.id, ["COMPLETED"], state="RUNNING", held_key=None)
    (house.tree / "two").unlink()
    house.attempt(backup.id)
    job = house.job(backup.id)
    assert (job.state, job.size_bytes) == ("COMPLETED", (3 << 20) + 3000)
    assert house.vault.point_count == 1


def die_before_the_row(house: House, backup: Job, **values: object) -> None:
    """As if the worker had died between the point's record and its row."""
    with house.catalog.begin() as tx:
        recovery_points.forget(tx, backup.id)
        values = {"state": "RUNNING", "held_key": None, "status_message": None} | values
        assert jobs.update_in_state(tx, backup.id, ["COMPLETED"], **values)


def test_an_attempt_that_takes_a_point_for_its_own_tells_what_the_point_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(house.tree)
    opened = os.open

    def deny(path: object, *args: object, **options: object) -> int:
        if path in (b"two", "two"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", deny)
        backup = house.back_up()
    assert "two: " in (backup.status_message or "")
    die_before_the_row(house, backup)
    house.attempt(backup.id)
    job = house.job(backup.id)
    assert (job.state, job.message_category) == ("COMPLETED", "COMPLETED_WITH_ISSUES")
    assert job.status_message == backup.status_message
    assert job.result is not None
    assert backup.result is not None
    assert job.result["troubles"] == backup.result["troubles"] != []


def test_a_point_that_is_there_needs_its_source_no_more(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    die_before_the_row(house, backup)
    with house.catalog.begin() as tx:
        tx.execute(update(resource).values(source_id=None))
    house.attempt(backup.id)
    assert house.job(backup.id).state == "COMPLETED"
    assert house.vault.point_count == 1


def test_a_job_whose_vault_was_deleted_meanwhile_has_failed_and_leaves_no_point(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(house.tree)
    vault = house.vault
    run = house.steps.run

    def run_then_delete(job_id: str) -> Outcome | None:
        outcome = run(job_id)
        with house.catalog.begin() as tx:
            assert vaults.delete_empty(tx, vault.id)
        return outcome

    monkeypatch.setattr(house.steps, "run", run_then_delete)
    backup = house.back_up()
    assert (backup.state, backup.message_category) == ("FAILED", "ResourceNotFound")
    assert "does not exist" in (backup.status_message or "")
    assert house.access.for_reading(vault).is_deleted(backup.id.lower())
    with house.catalog.read() as tx:
        assert tx.execute(select(job_table.c.held_key)).scalars().all() == [None]


def test_a_point_written_after_its_job_had_ended_elsewhere_is_taken_back(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    die_before_the_row(house, backup, state="FAILED")
    with house.catalog.begin() as tx:
        discards.note(tx, backup.id)
    upkeep = {
        each.name: each
        for each in all_upkeep(
            house.catalog,
            house.access,
            connector_of,
            house.clock,
            discovery_seconds=3600.0,
            scrub_bytes_per_day=0,
        )
    }
    house.clock.at += timedelta(hours=1)
    upkeep["take back what jobs left"].work()
    store = house.access.for_reading(house.vault)
    assert store.is_deleted(backup.id.lower())
    upkeep["take back what jobs left"].work()
    assert len(store.amendments(backup.id.lower())) == 1


def test_a_name_that_is_no_unicode_is_told_in_the_message(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(house.tree)
    os.setxattr(house.tree / "two", b"user.caf\xe9", b"1")
    backup = house.back_up()

    def refuse(*args: object, **options: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    restore = house.restore(backup)
    assert restore.state == "COMPLETED"
    assert "user.caf\\xe9" in (restore.status_message or "")


def test_a_point_whose_job_was_stopped_after_all_does_not_stand(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    with (
        house.catalog.begin() as tx
    ):  # as if the worker had died before the row, and somebody stopped the job
        recovery_points.forget(tx, backup.id)
        jobs.update_in_state(
            tx, backup.id, ["COMPLETED"], state="ABORTING", held_key=None, abort_requested_at=NOW
        )
    house.attempt(backup.id)
    assert house.job(backup.id).state == "ABORTED"
    assert house.access.for_reading(house.vault).is_deleted(backup.id)
    assert house.vault.point_count == 0


def test_a_source_that_is_gone_fails_the_job_and_leaves_no_point(house: House) -> None:
    shutil.rmtree(house.tree)
    backup = house.back_up()
    assert backup.state == "FAILED"
    assert str(house.tree) in (backup.status_message or "")
    assert house.vault.point_count == 0


def test_a_missing_vault_fails_the_job_in_awss_words(house: House) -> None:
    target = Target(house.account_id, SITE, house.resource_arn, "EFS", "docs", "Nowhere", "arn:v", "arn:r")
    job = house.run(new_job(new_id(), target, BackupRequest(), now=NOW))
    assert (job.state, job.status_message) == (
        "FAILED",
        "Backup job failed because backup vault arn:v does not exist.",
    )


def test_a_restore_in_which_every_file_is_refused_fails_and_tells_no_bytes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(house.tree)
    backup = house.back_up()

    def refused(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    # Nothing can be made in one go, and then not one by one either.
    monkeypatch.setattr(Kernel, "write", lambda self, files, *_, **__: bytes([2] * len(files)))
    monkeypatch.setattr("safehold.connectors.files.restoring.open_new", refused)
    part = house.restore(backup)
    assert (part.state, part.message_category) == ("COMPLETED", "COMPLETED_WITH_ISSUES")
    assert (part.result or {})["failed_items"] == 1
    monkeypatch.setattr("safehold.connectors.files.writing.open_new", refused)
    job = house.restore(backup)
    assert (job.state, job.size_bytes) == ("FAILED", 0)
    assert "Permission denied" in (job.status_message or "")
    assert ((job.result or {})["failed_items"], (job.result or {})["bytes"]) == (2, 0)


def test_a_damaged_pack_loses_only_what_was_in_it(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    packs = sorted((tmp for tmp in house.writable.parent.glob("storage/*/packs/*")), key=lambda p: p.name)
    for pack in packs:
        data = bytearray(pack.read_bytes())
        data[1000] ^= 1  # in the first frame
        pack.write_bytes(data)
    restore = house.restore(backup)
    assert restore.state == "COMPLETED"
    assert "could not be restored" in (restore.status_message or "")
    left = contents(restored(house))
    assert left["folder/one"] == b"one" * 1000 or left["two"] == (house.tree / "two").read_bytes()


def test_a_deletion_reaches_the_vault_and_the_point_is_forgotten(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    with house.catalog.begin() as tx:
        point = recovery_points.lock(tx, backup.id)
        assert point is not None
        amendments.add(tx, point, amendments.AmendmentKind.DELETION, {"reason": "request"}, now=NOW)
    assert AmendmentWriter(house.catalog, house.access, house.clock).write_pending() == 1
    assert house.access.for_reading(house.vault).is_deleted(backup.id)
    assert house.vault.point_count == 0


def test_the_point_arn_is_fixed_when_the_job_is_made(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    expected = arns.recovery_point_arn(
        "EFS",
        house.resource_arn,
        site=SITE,
        account_id=house.account_id,
        point_id=backup.id,
        created_at=backup.created_at,
    )
    assert backup.recovery_point_arn == expected


def test_a_thousand_unchanged_backups_cost_little_more_than_an_object_each(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safehold.store.vault_store.UNCOVERED_POINTS", 4)
    (house.tree / "one").write_bytes(b"one")
    for _ in range(9):
        house.back_up()
    objects = [info.name for info in house.access.for_reading(house.vault).backend.list("")]
    # the vault's keys, a record for each point, a fragment for every four of them, and one intent for all
    kinds = ["index"] * 2 + ["intents"] + ["keys"] + ["points"] * 9
    assert sorted(name.split("/")[0] for name in objects) == kinds
    house.access.close()
    assert [info.name for info in house.access.for_reading(house.vault).backend.list("intents/")] == []


def test_a_fact_that_is_written_late_does_not_undo_a_newer_one(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    store = house.access.for_reading(house.vault)
    store.amend(backup.id, "lifecycle", {"days": "2"}, written_at=2)
    store.amend(backup.id, "lifecycle", {"days": "1"}, written_at=1)
    assert [amendment.facts["days"] for amendment in store.amendments(backup.id)] == ["1", "2"]
