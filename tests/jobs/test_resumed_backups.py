"""Backup jobs that are cut off: the next attempt reads what the last checkpoint did not have."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from safehold.connectors.contract import Capture, Content, Skip, SourceSpec, Taken
from safehold.connectors.files.reading import READ_BYTES
from safehold.connectors.registry import connector_of
from safehold.core.errors import SourceError
from safehold.domain.items import Item, NewRun, PreviousTree
from safehold.domain.jobs import Job
from safehold.jobs.discarding import Discarder
from safehold.jobs.patience import Interrupted
from safehold.jobs.runners import all_runners
from safehold.jobs.steps import JobSteps
from safehold.records import checkpoints, jobs
from safehold.records.tables import job as job_table
from safehold.store.sealed.chunking import BUFFER_BYTES
from safehold.store.soundness.verify import verify
from safehold.store.writing import backup, loads
from tests.jobs.test_runners import House, contents, restored
from tests.jobs.test_runners import house as house

FILES, FILE_BYTES = 300, 2000
LOAD_FILES = 16  # neighbours that are less are read together, with up to as many more
TOTAL = FILES * FILE_BYTES
ENOUGH = TOTAL * 8 // 10
ALWAYS = 1e-9


@pytest.fixture(autouse=True)
def small_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "LOAD_ITEMS", LOAD_FILES)
    monkeypatch.setattr(backup, "AHEAD_LOADS", 1)


@dataclass
class Counting:
    """The files connector; counts what is read, and does something when that is enough."""

    when_enough: Callable[[], None] = lambda: None
    enough: int = ENOUGH
    read_bytes: int = 0
    _is_told: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(connector_of("files"), name)

    @contextmanager
    def capture(
        self, source: SourceSpec, arn: str, previous: PreviousTree, *, now: datetime, skip: Skip
    ) -> Iterator[CountedCapture]:
        files = connector_of("files")
        with files.capture(source, arn, previous, now=now, skip=skip) as capture:
            yield CountedCapture(capture, self)

    def count(self, size: int) -> None:
        self.read_bytes += size
        if self.read_bytes >= self.enough and not self._is_told:
            self._is_told = True
            self.when_enough()


@dataclass
class CountedCapture:
    inner: Capture
    counting: Counting

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def read_whole(self, batch: Sequence[tuple[bytes, Item]]) -> Sequence[Taken | None]:
        found = self.inner.read_whole(batch)
        self.counting.count(sum(len(one[0]) for one in found if one is not None))
        return found

    def read_new(self, runs: Sequence[NewRun], *, most_bytes: int) -> Sequence[memoryview | None]:
        found = self.inner.read_new(runs, most_bytes=most_bytes)
        self.counting.count(sum(len(one) for one in found if one is not None))
        return found

    def open(self, directory: bytes, item: Item) -> tuple[Content, Item] | None:
        opened = self.inner.open(directory, item)
        return opened and (CountedContent(opened[0], self.counting), opened[1])


@dataclass
class CountedContent:
    inner: Content
    counting: Counting

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def read_into(self, buffer: memoryview) -> int:
        got = self.inner.read_into(buffer)
        self.counting.count(got)
        return got

    def close(self) -> None:
        self.inner.close()


@dataclass
class Worker:
    """A worker's steps over a house."""

    house: House
    counting: Counting
    stopping: threading.Event

    @property
    def steps(self) -> JobSteps:
        house = self.house
        runners = all_runners(
            house.catalog,
            house.access,
            lambda kind: self.counting,
            house.clock,
            checkpoint_seconds=ALWAYS,
        )
        return JobSteps(house.catalog, runners, worker_id="w", clock=house.clock, stopping=self.stopping)


def worker(house: House, counting: Counting | None = None) -> Worker:
    return Worker(house, counting or Counting(), threading.Event())


def stopped_at_eighty_percent(house: House) -> Job:
    """A job of which a worker did so much and was told to let go."""
    fill(house)
    first = worker(house)
    first.counting.when_enough = first.stopping.set
    with pytest.raises(Interrupted):
        replace(house, steps=first.steps).back_up()
    return the_job(house)


def the_job(house: House) -> Job:
    with house.catalog.read() as tx:
        job_id = tx.execute(select(job_table.c.id)).scalar_one()
    return house.job(job_id)


def fill(house: House, seed: int = 1, *, folders: int = 7) -> None:
    chance = random.Random(seed)
    for number in range(FILES):
        path = house.tree / "deep" / f"{number % 7}" / f"{number}"
        if number % 7 < folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(chance.randbytes(FILE_BYTES))


def go_on(house: House, job: Job, second: Worker) -> Job:
    replace(house, steps=second.steps).attempt(job.id)
    return house.job(job.id)


def left(house: House) -> list[str]:
    return [info.name for info in house.access.place(house.vault).list("checkpoints/")]


def test_a_worker_that_is_told_to_stop_at_eighty_percent_leaves_the_rest_to_the_next(house: House) -> None:
    job = stopped_at_eighty_percent(house)
    assert len(left(house)) == 1
    second = worker(house)
    done = go_on(house, job, second)
    assert (done.state, done.status_message, done.attempt) == ("COMPLETED", None, 2)
    # Between the last checkpoint and the end: a batch that was read ahead, and one that was being taken in.
    assert second.counting.read_bytes <= TOTAL - ENOUGH + 3 * 2 * LOAD_FILES * FILE_BYTES
    assert left(house) == []
    assert verify(house.access.for_reading(house.vault), read_data=True).problems == []
    house.restore(done)
    assert contents(restored(house)) == contents(house.tree)
    assert (done.result or {})["stats"]["read_bytes"] == TOTAL


@pytest.mark.slow
def test_of_a_backup_with_one_before_it_what_changed_is_read_once_and_the_rest_not_at_all(
    house: House,
) -> None:
    fill(house)
    (house.tree / "deep/file").write_bytes(b"of a folder that changes nowhere but below")
    assert house.back_up().state == "COMPLETED"
    fill(house, seed=2, folders=5)
    changed = sum(FILE_BYTES for number in range(FILES) if number % 7 < 5)
    first = worker(house, Counting(enough=changed * 8 // 10))
    first.counting.when_enough = first.stopping.set
    with pytest.raises(Interrupted):
        replace(house, steps=first.steps).back_up()
    second = worker(house)
    with house.catalog.read() as tx:
        (job_id,) = tx.execute(select(job_table.c.id).where(job_table.c.state == "RUNNING")).scalars()
    done = go_on(house, house.job(job_id), second)
    assert second.counting.read_bytes <= changed - changed * 8 // 10 + 3 * 2 * LOAD_FILES * FILE_BYTES
    house.restore(done)
    assert contents(restored(house)) == contents(house.tree)


@pytest.mark.slow
def test_a_long_file_is_read_on_from_where_it_was(house: House) -> None:
    size = 48 << 20
    (house.tree / "image").write_bytes(random.Random(2).randbytes(size))
    first = worker(house, Counting(enough=40 << 20))
    first.counting.when_enough = first.stopping.set
    with pytest.raises(Interrupted):
        replace(house, steps=first.steps).back_up()
    second = worker(house)
    done = go_on(house, the_job(house), second)
    # What is read is cut a buffer at a time; the chunks of the last one may not have been taken in.
    assert second.counting.read_bytes <= size - (40 << 20) + BUFFER_BYTES + READ_BYTES
    house.restore(done)
    assert contents(restored(house)) == contents(house.tree)


@pytest.mark.slow
def test_a_file_that_changed_between_the_attempts_is_as_it_is_now(house: House) -> None:
    job = stopped_at_eighty_percent(house)
    (house.tree / "deep/0/0").write_bytes(b"changed" * 100)
    (house.tree / "deep/0/7").unlink()
    done = go_on(house, job, worker(house))
    house.restore(done)
    assert contents(restored(house)) == contents(house.tree)


def test_a_job_that_is_stopped_for_good_leaves_no_checkpoint(house: House) -> None:
    job = stopped_at_eighty_percent(house)
    with house.catalog.begin() as tx:
        assert jobs.update_in_state(
            tx, job.id, [job.state], state="ABORTING", abort_requested_at=house.clock.at
        )
    done = go_on(house, job, worker(house))
    assert done.state == "ABORTED"
    assert left(house) == []


@pytest.mark.slow
def test_a_first_attempt_that_fails_leaves_no_checkpoint_in_the_end(house: House) -> None:
    def fail() -> None:
        raise SourceError("the disk went away")

    fill(house)
    first = worker(house, Counting(fail))
    failed = replace(house, steps=first.steps).back_up()
    assert failed.state == "FAILED"
    assert len(left(house)) == 1
    house.clock.at += timedelta(hours=1)
    runners = all_runners(house.catalog, house.access, connector_of, house.clock)
    assert Discarder(house.catalog, runners, house.clock).discard_due() == 1
    assert left(house) == []


@pytest.mark.slow
def test_an_attempt_that_lost_its_job_learns_of_it_at_its_next_checkpoint(house: House) -> None:
    def lose() -> None:
        with house.catalog.begin() as tx:
            tx.execute(update(job_table).values(attempt=7))

    fill(house)
    first = worker(house, Counting(lose, enough=TOTAL // 2))
    with pytest.raises(Interrupted):
        replace(house, steps=first.steps).back_up()
    assert first.counting.read_bytes < TOTAL
    with house.catalog.read() as tx:
        noted = checkpoints.find(tx, the_job(house).id, "checkpoint")
    assert "checkpoints/" + noted in left(house)  # the one that it had noted before stands


@pytest.mark.slow
def test_a_checkpoint_that_is_gone_costs_the_reading_only(house: House) -> None:
    job = stopped_at_eighty_percent(house)
    backend = house.access.place(house.vault)
    for name in left(house):
        backend.delete(name)
    second = worker(house)
    done = go_on(house, job, second)
    assert done.state == "COMPLETED"
    assert second.counting.read_bytes == TOTAL
