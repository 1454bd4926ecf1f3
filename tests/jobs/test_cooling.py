"""Points moved to cold storage, as whoever watches their lifecycles moves them, and restores from there."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from safehold.connectors.registry import connector_of
from safehold.core.errors import ConfigError, InvalidResourceState, ResourceNotFound
from safehold.domain.jobs import Job
from safehold.domain.recovery_points import PointStatus, StorageClass
from safehold.jobs import vaults as jobs_vaults
from safehold.jobs.context import JobContext
from safehold.jobs.cooling import Cooler
from safehold.jobs.patience import Interrupted
from safehold.jobs.runners import restore as restore_runner
from safehold.jobs.runners.restore import RestoreRunner
from safehold.records import jobs, recovery_points, sites
from safehold.store.backends.contract import Backend
from safehold.store.backends.places import open_place
from safehold.store.backends.tiered import TieredBackend
from safehold.store.collect.settings import CollectionSettings
from tests.jobs.test_runners import House, contents, fill, house, restored
from tests.store.archives import Archive

__all__ = ["house"]
AT_ONCE = CollectionSettings(grace_seconds=0, trash_seconds=0, most_dead_percent=100.0)


@pytest.fixture
def cold(house: House, tmp_path: Path) -> Path:
    """The site keeps what is cold in a folder of its own."""
    folder = tmp_path / "cold"
    folder.mkdir()
    with house.catalog.begin() as tx:
        assert sites.set_cold_storage(tx, f"file://{folder}")
    return folder


def cooler(house: House) -> Cooler:
    return Cooler(house.catalog, house.access, house.clock)


def collect(house: House) -> None:
    house.access.close()  # the backup's intent
    for _ in range(6):
        house.access.for_collecting(house.vault, AT_ONCE, who="test").run()
        house.clock.at += timedelta(seconds=1)


def storage_class(house: House, point_id: str) -> StorageClass:
    with house.catalog.read() as tx:
        point = recovery_points.find_by_id(tx, point_id)
    assert point is not None
    return point.storage_class


def test_a_point_is_moved_and_restored_and_the_next_backup_goes_on(house: House, cold: Path) -> None:
    fill(house.tree)
    before = contents(house.tree)
    backup = house.back_up()
    point_id = backup.id.lower()
    assert storage_class(house, point_id) is StorageClass.WARM
    report = cooler(house).cool(point_id)
    assert (report.was_cold, report.new_bytes) == (False, (3 << 20) + 3000)
    assert storage_class(house, point_id) is StorageClass.COLD
    assert list((cold / house.vault.id / "cold").iterdir())
    collect(house)
    place = house.access.place(house.vault)
    assert list(place.list("packs/")) == []
    assert cooler(house).cool(point_id).was_cold
    again = house.back_up()
    assert again.state == "COMPLETED"
    assert list(place.list("packs/"))
    shutil.rmtree(house.tree)
    for each in (backup, again):
        assert house.restore(each).state == "COMPLETED"
        assert contents(restored(house)) == before
        shutil.rmtree(restored(house))


def test_a_row_that_a_crash_left_warm_is_set_right_by_moving_the_point_again(
    house: House, cold: Path
) -> None:
    fill(house.tree)
    point_id = house.back_up().id.lower()
    cooler(house).cool(point_id)
    with house.catalog.begin() as tx:
        recovery_points.update_point(tx, point_id, storage_class=StorageClass.WARM)
    assert cooler(house).cool(point_id).new_chunks == 0
    assert storage_class(house, point_id) is StorageClass.COLD


def test_a_site_without_cold_storage_moves_nothing_and_says_what_to_do(house: House) -> None:
    fill(house.tree)
    point_id = house.back_up().id.lower()
    with pytest.raises(ConfigError, match="no cold storage") as refused:
        cooler(house).cool(point_id)
    assert "cold_storage_url" in refused.value.hint
    assert storage_class(house, point_id) is StorageClass.WARM


def test_what_is_being_deleted_or_is_not_there_is_not_moved(house: House, cold: Path) -> None:
    fill(house.tree)
    point_id = house.back_up().id.lower()
    with house.catalog.begin() as tx:
        recovery_points.update_point(tx, point_id, status=PointStatus.DELETING)
    with pytest.raises(InvalidResourceState):
        cooler(house).cool(point_id)
    with pytest.raises(ResourceNotFound):
        cooler(house).cool("never")
    assert list(cold.iterdir()) == []


def test_a_new_site_keeps_what_is_cold_where_the_first_one_does(house: House, cold: Path) -> None:
    with house.catalog.begin() as tx:
        sites.ensure(tx, "other", now=house.clock.at)
        assert sites.cold_storage_url(tx, "other") == f"file://{cold}"
        assert not sites.set_cold_storage(tx, f"file://{cold}")


# -- from an archive


class Archived:
    """A house whose one point lies in an archive, and nowhere else; what happens while a restore pauses."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.house, self.archive = house, Archive()
        self.seen: list[tuple[str | None, str]] = []
        self.meanwhile: Callable[[Job], None] = lambda job: None

        def places(storage_url: str, cold_url: str | None, vault_id: str, *, create: bool) -> Backend:
            return TieredBackend(
                open_place(storage_url, vault_id, create=create), lambda create: self.archive
            )

        def pause(context: JobContext, seconds: float) -> None:
            row = house.job(context.job.id)
            self.seen.append((row.status_message, row.state))
            house.clock.at += timedelta(hours=1)
            self.archive.now += 1
            self.meanwhile(row)
            context.check()

        monkeypatch.setattr(jobs_vaults, "open_places", places)
        monkeypatch.setattr(JobContext, "pause", pause)
        fill(house.tree)
        self.before = contents(house.tree)
        self.backup = house.back_up()
        Cooler(house.catalog, house.access, house.clock).cool(self.backup.id.lower())
        collect(house)
        shutil.rmtree(house.tree)


@pytest.fixture
def archived(house: House, cold: Path, monkeypatch: pytest.MonkeyPatch) -> Archived:
    return Archived(house, monkeypatch)


def test_a_restore_from_an_archive_waits_says_for_what_and_goes_on_by_itself(archived: Archived) -> None:
    restore = archived.house.restore(archived.backup)
    assert (restore.state, restore.status_message) == ("COMPLETED", None)
    assert contents(restored(archived.house)) == archived.before
    assert set(archived.seen) == {("Waiting for the archive: 0 of 1 objects can be read.", "RUNNING")}
    assert len(archived.seen) == archived.archive.hours
    assert set(archived.archive.asked.values()) == {1}


def test_a_restore_that_waits_can_be_stopped(archived: Archived) -> None:
    def stop(job: Job) -> None:
        with archived.house.catalog.begin() as tx:
            jobs.update_in_state(tx, job.id, ["RUNNING"], abort_requested_at=archived.house.clock.at)

    archived.meanwhile = stop
    restore = archived.house.restore(archived.backup)
    assert restore.state == "ABORTED"
    assert len(archived.seen) == 1
    assert list(archived.house.writable.iterdir()) == []


def test_a_restore_goes_on_waiting_after_its_worker_was_stopped(archived: Archived) -> None:
    house = archived.house

    def stop_worker(job: Job) -> None:
        raise Interrupted("the worker stops")

    archived.meanwhile = stop_worker
    with pytest.raises(Interrupted):
        house.restore(archived.backup)
    with house.catalog.read() as tx:
        (waiting,) = jobs.page(tx, jobs.JobFilter(state="RUNNING"), limit=9)
    archived.meanwhile = lambda job: None
    house.attempt(waiting.id)
    assert house.job(waiting.id).state == "COMPLETED"
    assert contents(restored(house)) == archived.before
    assert set(archived.archive.asked.values()) == {1}


def test_a_pause_ends_when_the_worker_stops(house: House) -> None:
    stopping = threading.Event()
    fill(house.tree)
    job = house.back_up()
    context = JobContext(job, catalog=house.catalog, clock=house.clock, stopping=stopping)
    context.pause(0.0)
    stopping.set()
    with pytest.raises(Interrupted):
        context.pause(3600.0)


def test_an_archive_is_looked_at_once_a_minute() -> None:
    runner: Any = RestoreRunner(None, None, connector_of, None)  # type: ignore[arg-type]
    assert runner.look_seconds == restore_runner.ARCHIVE_LOOK_SECONDS == 60.0
