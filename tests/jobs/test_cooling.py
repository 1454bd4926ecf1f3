"""Points moved to cold storage, as whoever watches their lifecycles moves them, and restores from there."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from safehold.connectors.registry import connector_of
from safehold.core.errors import ConfigError, InvalidResourceState, ResourceNotFound
from safehold.domain.jobs import Job, JobKind
from safehold.domain.recovery_points import PointStatus, StorageClass
from safehold.jobs import vaults as jobs_vaults
from safehold.jobs.cooling import Cooler
from safehold.jobs.dispatch import Dispatcher
from safehold.jobs.engine import EngineSettings, JobEngine
from safehold.jobs.runners import restore as restore_runner
from safehold.jobs.runners.restore import RestoreRunner
from safehold.records import jobs, recovery_points, sites
from safehold.store.backends.contract import Backend
from safehold.store.backends.places import open_place
from safehold.store.backends.tiered import TieredBackend
from safehold.store.cold.retrieving import Retrieval
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
    """A house whose one point lies in an archive, nowhere else; what happens while a restore is parked."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        self.house, self.archive = house, Archive()
        self.seen: list[tuple[str | None, str]] = []
        self.meanwhile: Callable[[Job], None] = lambda job: None

        def places(storage_url: str, cold_url: str | None, vault_id: str, *, create: bool) -> Backend:
            return TieredBackend(
                open_place(storage_url, vault_id, create=create), lambda create: self.archive
            )

        monkeypatch.setattr(jobs_vaults, "open_places", places)
        fill(house.tree)
        self.before = contents(house.tree)
        self.backup = house.back_up()
        Cooler(house.catalog, house.access, house.clock).cool(self.backup.id.lower())
        collect(house)
        shutil.rmtree(house.tree)

    def restore(self) -> Job:
        """From its row to its end, an hour of the archive passing each time that it is parked."""
        return self.go_on(self.house.restore(self.backup).id)

    def go_on(self, job_id: str) -> Job:
        while (row := self.house.job(job_id)).resume_at is not None:
            self.seen.append((row.status_message, row.state))
            assert row.worker_id is None
            self.house.clock.at = row.resume_at
            self.archive.now += 1
            self.meanwhile(row)
            self.house.attempt(job_id)
        return row


@pytest.fixture
def archived(house: House, cold: Path, monkeypatch: pytest.MonkeyPatch) -> Archived:
    return Archived(house, monkeypatch)


def test_a_restore_from_an_archive_waits_says_for_what_and_goes_on_by_itself(archived: Archived) -> None:
    restore = archived.restore()
    assert (restore.state, restore.status_message) == ("COMPLETED", None)
    assert contents(restored(archived.house)) == archived.before
    assert set(archived.seen) == {("Waiting for the archive: 0 of 1 objects can be read.", "RUNNING")}
    assert len(archived.seen) == archived.archive.hours
    assert set(archived.archive.asked.values()) == {1}


def test_an_archive_is_looked_at_often_first_and_then_seldom(archived: Archived) -> None:
    times = [archived.house.clock.at]
    archived.archive.hours = 7
    archived.meanwhile = lambda row: times.append(archived.house.clock.at)
    archived.restore()
    minutes = [(later - time) / timedelta(minutes=1) for time, later in pairwise(times)]
    assert minutes[1:] == [2, 4, 8, 16, 16, 16]


def test_an_attempt_that_comes_too_early_does_not_go_through_the_point_again(
    archived: Archived, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    class Counted(Retrieval):
        def __init__(self, *args: Any) -> None:
            begun.append(args)
            super().__init__(*args)

    monkeypatch.setattr(restore_runner, "Retrieval", Counted)
    assert archived.restore().state == "COMPLETED"
    assert len(begun) == 2


def test_a_copy_that_the_archive_took_back_too_early_is_asked_for_again(archived: Archived) -> None:
    archived.archive.days = 1 / 24

    def late(row: Job) -> None:
        archived.archive.now += 9 if len(archived.seen) == 1 else 0

    archived.meanwhile = late
    assert archived.restore().state == "COMPLETED"
    assert set(archived.archive.asked.values()) == {2}
    assert contents(restored(archived.house)) == archived.before


def test_a_restore_that_waits_can_be_stopped(archived: Archived) -> None:
    def stop(job: Job) -> None:
        with archived.house.catalog.begin() as tx:
            jobs.update_in_state(tx, job.id, ["RUNNING"], abort_requested_at=archived.house.clock.at)

    archived.meanwhile = stop
    assert archived.restore().state == "ABORTED"
    assert len(archived.seen) == 1
    assert list(archived.house.writable.iterdir()) == []


def test_a_point_that_is_deleted_while_a_restore_waits_for_it_fails_the_restore(archived: Archived) -> None:
    def delete(job: Job) -> None:
        with archived.house.catalog.begin() as tx:
            recovery_points.forget(tx, archived.backup.id.lower())

    archived.meanwhile = delete
    restore = archived.restore()
    assert restore.state == "FAILED"
    assert "has been deleted" in (restore.status_message or "")


def test_an_archive_is_looked_at_again_after_a_minute() -> None:
    runner: Any = RestoreRunner(None, None, connector_of, None)  # type: ignore[arg-type]
    assert runner.look_seconds == restore_runner.ARCHIVE_LOOK_SECONDS == 60.0


@pytest.mark.slow
# The library opens event loops and connections of its own and leaves them to the collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_while_one_restore_waits_for_the_archive_another_is_done_in_the_one_place(
    archived: Archived, tmp_path: Path
) -> None:
    house = archived.house
    house.tree.mkdir()
    (house.tree / "warm").write_bytes(b"of another point")
    warm = house.back_up()
    settings = EngineSettings(f"sqlite:///{tmp_path}/jobs.db", {JobKind.RESTORE: 1}, poll_seconds=0.05)
    engine = JobEngine(settings, house.steps, worker_id=house.steps._worker_id)
    dispatcher = Dispatcher(house.catalog, engine, house.clock)
    engine.launch()

    def until(is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not is_so():
            assert time.monotonic() < deadline
            dispatcher.hand_over()
            time.sleep(0.05)

    try:
        waiting, other = house.put_restore(archived.backup), house.put_restore(warm)
        until(lambda: house.job(waiting.id).resume_at is not None)
        until(lambda: house.job(other.id).state == "COMPLETED")
        assert house.job(waiting.id).state == "RUNNING"
        archived.archive.now += archived.archive.hours
        house.clock.at += timedelta(hours=1)
        until(lambda: house.job(waiting.id).state == "COMPLETED")
    finally:
        assert engine.close(grace_seconds=30)
