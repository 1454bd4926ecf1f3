"""Worker processes on real databases: they run jobs, stop them, stop themselves, stand in for each other."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from safehold.domain.job_messages import BUSY_RESOURCE
from safehold.domain.jobs import JobKind
from safehold.jobs.worker import Ending
from safehold.records import nodes, tables
from safehold.records.engine import Catalog
from tests.jobs.conftest import Shelf

ACTOR = Path(__file__).with_name("a_worker.py")


@dataclass
class Workers:
    """Starts worker processes; leaves none behind."""

    catalog: Catalog
    jobs_url: str
    lifelines: str
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    by_node: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def start(self, *, lease: float = 15) -> subprocess.Popen[str]:
        command = [sys.executable, str(ACTOR), self.catalog.url, self.jobs_url, str(lease), self.lifelines]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        assert process.stdout is not None
        word, node_id = process.stdout.readline().split()
        assert word == "ready"
        self.by_node[node_id] = process
        return process

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        self.catalog.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workers]:
    """Workers on embedded files, then on PostgreSQL."""
    if request.param == "sqlite":
        urls = f"sqlite:///{tmp_path}/catalog.db", f"sqlite:///{tmp_path}/jobs.db"
    else:
        urls = (request.getfixturevalue("postgres_url"),) * 2
    catalog = Catalog(urls[0])
    tables.metadata.create_all(catalog.engine)
    made = Workers(catalog, urls[1], str(tmp_path / "nodes") if request.param == "sqlite" else "")
    yield made
    made.end()


@pytest.fixture
def shelf(workers: Workers) -> Shelf:
    return Shelf(workers.catalog)


def wait_until(is_so: Callable[[], object], *, seconds: float = 60) -> float:
    """How long it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, "waited in vain"
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.mark.slow
def test_a_worker_runs_jobs_stops_them_and_keeps_one_per_resource(workers: Workers, shelf: Shelf) -> None:
    workers.start()
    now = datetime.now(UTC)
    shelf.put("long", request={"seconds": 60}, created_at=now)
    wait_until(lambda: shelf.get("long").state == "RUNNING")

    shelf.put("other", request={"seconds": 0.1}, resource_arn="arn:other")
    shelf.put("restore", request={"seconds": 0.1}, kind=JobKind.RESTORE, state="PENDING")
    wait_until(lambda: shelf.get("other").state == shelf.get("restore").state == "COMPLETED")

    shelf.put("late", request={"seconds": 0.1}, start_by=datetime.now(UTC) + timedelta(seconds=1))
    shelf.put("next", request={"seconds": 0.1}, created_at=now + timedelta(seconds=1))
    wait_until(lambda: shelf.get("late").state == "EXPIRED")
    assert shelf.get("late").status_message == BUSY_RESOURCE
    assert shelf.get("next").state == "CREATED"
    assert (shelf.get("long").percent_done or 0) > 0

    shelf.change("long", abort_requested_at=datetime.now(UTC), state="ABORTING")
    assert wait_until(lambda: shelf.get("long").state == "ABORTED") < 10
    wait_until(lambda: shelf.get("next").state == "COMPLETED")


@pytest.mark.slow
def test_a_worker_told_to_stop_leaves_within_seconds_and_the_next_one_goes_on(
    workers: Workers, shelf: Shelf
) -> None:
    process = workers.start()
    shelf.put(request={"seconds": 2.5})
    wait_until(lambda: (shelf.get().bytes_done or 0) > 15)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == Ending.TOLD
    assert time.monotonic() - began < 10
    job = shelf.get()
    assert (job.state, job.worker_id) == ("RUNNING", None)
    with workers.catalog.read() as tx:
        assert nodes.list_nodes(tx) == []

    workers.start()
    wait_until(lambda: shelf.get().state == "COMPLETED")
    job = shelf.get()
    assert job.attempt == 2
    assert (job.result or {})["went_on_at"] > 10, "goes on, not over again"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_a_worker_that_wakes_after_its_lease_finds_itself_replaced_and_ends(
    workers: Workers, shelf: Shelf
) -> None:
    for _ in range(2):
        workers.start(lease=3)
    shelf.put(request={"seconds": 3})
    wait_until(lambda: (shelf.get().bytes_done or 0) > 5)
    first = shelf.get().worker_id
    assert first is not None
    frozen = workers.by_node[first]
    frozen.send_signal(signal.SIGSTOP)
    wait_until(lambda: shelf.get().worker_id not in (None, first))
    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(timeout=60) == Ending.REAPED
    wait_until(lambda: shelf.get().state == "COMPLETED")
    assert shelf.get().worker_id != first
