"""A point's index is made by a job, dropped when nobody wants it, and follows its point's life."""

from __future__ import annotations

from sqlalchemy import select

from safehold.core.ids import new_id
from safehold.domain.backup_requests import BackupRequest
from safehold.domain.jobs import Job, JobKind
from safehold.domain.point_indexes import IndexStatus, PointIndex, index_job, new_index
from safehold.domain.recovery_points import PointStatus
from safehold.jobs.amending import AmendmentWriter
from safehold.jobs.indexing import NO_JOB, IndexKeeper
from safehold.records import amendments, jobs, point_indexes, recovery_points
from safehold.records.amendments import AmendmentKind
from safehold.records.tables_events import event
from safehold.store.trees.search_tables import open_blocks
from tests.jobs.test_runners import House, fill


def index_of(house: House, backup: Job) -> PointIndex | None:
    with house.catalog.read() as tx:
        return point_indexes.find(tx, backup.id.lower())


def waiting_jobs(house: House) -> list[str]:
    with house.catalog.read() as tx:
        return [job.id for job in jobs.waiting(tx, now=house.clock.at, limit=10) if job.kind is JobKind.INDEX]


def indexed(house: House) -> tuple[Job, PointIndex]:
    """A backup that asked for an index, and the index that its job made."""
    fill(house.tree)
    backup = house.back_up(BackupRequest(index=True))
    assert (backup.state, backup.status_message) == ("COMPLETED", None)
    (job_id,) = waiting_jobs(house)
    house.attempt(job_id)
    index = index_of(house, backup)
    assert index is not None
    return backup, index


def paths(house: House, index: PointIndex) -> list[bytes]:
    store = house.access.for_reading(house.vault)
    blocks = open_blocks(store, index.point_id, index.build or "")
    return [row.path for block in blocks for row in block.read().rows()]


def tables(house: House) -> list[str]:
    return [info.name for info in house.access.place(house.vault).list("search/")]


def told(house: House, backup: Job) -> list[str]:
    """What events say of the point's index."""
    with house.catalog.read() as tx:
        rows = tx.execute(select(event.c.detail).where(event.c.detail_type.like("%Index State Change")))
        details = [row.detail for row in rows]
    assert {each["recoveryPointArn"] for each in details} == {backup.recovery_point_arn}
    return [each["indexStatus"] for each in details]


def test_a_backup_that_asks_for_an_index_gets_one(house: House) -> None:
    _, index = indexed(house)
    assert (index.status, index.item_count, index.status_message) == (IndexStatus.ACTIVE, 3, None)
    assert index.completed_at is not None
    assert sorted(paths(house, index)) == [b"/folder/one", b"/link", b"/two"]


def test_a_backup_that_asks_for_none_gets_none(house: House) -> None:
    fill(house.tree)
    assert index_of(house, house.back_up()) is None


def test_an_index_that_is_unwanted_leaves_the_vault(house: House) -> None:
    backup, index = indexed(house)
    with house.catalog.begin() as tx:
        point_indexes.update_index(tx, index.point_id, status=IndexStatus.DELETING)
    keeper = IndexKeeper(house.catalog, house.access, house.clock)
    assert (keeper.work(), keeper.work()) == (1, 0)
    gone = index_of(house, backup)
    assert gone is not None
    assert (gone.status, gone.build, gone.deleted_at) == (None, None, house.clock.now())
    assert tables(house) == []
    assert told(house, backup) == ["ACTIVE", "DELETED"]


def test_an_index_goes_with_its_point(house: House) -> None:
    backup, index = indexed(house)
    assert len(tables(house)) == 1
    with house.catalog.begin() as tx:
        point = recovery_points.lock(tx, index.point_id)
        assert point is not None
        recovery_points.update_point(tx, point.id, status=PointStatus.DELETING)
        amendments.add(tx, point, AmendmentKind.DELETION, {"by": "me"}, now=house.clock.now())
    AmendmentWriter(house.catalog, house.access, house.clock).write_pending()
    assert (index_of(house, backup), tables(house)) == (None, [])


def ask(house: House, backup: Job) -> Job:
    with house.catalog.begin() as tx:
        point = recovery_points.find_by_id(tx, backup.id.lower())
        assert point is not None
        index = new_index(point, new_id(), role_arn=None, now=house.clock.now())
        job = index_job(index, point, now=house.clock.now())
        point_indexes.begin(tx, index, job)
    return job


def test_an_index_made_again_leaves_nothing_of_the_old_one(house: House) -> None:
    backup, old = indexed(house)
    house.attempt(ask(house, backup).id)
    new = index_of(house, backup)
    assert new is not None
    assert new.build != old.build
    assert len(tables(house)) == 1
    assert paths(house, new)


def test_a_job_that_fails_says_why_on_the_index(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    job = ask(house, backup)
    place = house.access.place(house.vault)
    (record,) = place.list("points/")
    place.delete(record.name)
    house.attempt(job.id)
    index = index_of(house, backup)
    assert index is not None
    assert index.status is IndexStatus.FAILED
    assert "verify" in (index.status_message or "")


def test_an_index_that_somebody_gave_up_meanwhile_does_not_come_back(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    job = ask(house, backup)
    with house.catalog.begin() as tx:
        point_indexes.update_index(tx, backup.id.lower(), status=IndexStatus.DELETING)
    house.attempt(job.id)
    index = index_of(house, backup)
    assert index is not None
    assert index.status is IndexStatus.DELETING
    IndexKeeper(house.catalog, house.access, house.clock).work()
    assert tables(house) == []


def test_an_index_whose_job_was_given_up_fails(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    job = ask(house, backup)
    with house.catalog.begin() as tx:
        jobs.update_in_state(tx, job.id, ["PENDING"], state="FAILED")
    IndexKeeper(house.catalog, house.access, house.clock).work()
    index = index_of(house, backup)
    assert index is not None
    assert (index.status, index.status_message) == (IndexStatus.FAILED, NO_JOB)


def test_a_point_that_is_gone_has_no_index(house: House) -> None:
    fill(house.tree)
    backup = house.back_up()
    job = ask(house, backup)
    with house.catalog.begin() as tx:
        recovery_points.forget(tx, backup.id.lower())
    house.attempt(job.id)
    assert house.job(job.id).state == "FAILED"
    assert index_of(house, backup) is None
