"""A catalog with two listed workers, and an engine that only remembers what it was told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from safehold.core.clock import FixedClock
from safehold.domain.jobs import Job, JobKind
from safehold.jobs.engine import EngineState, JobEngine
from safehold.records import jobs, nodes, tables
from safehold.records.engine import Catalog
from safehold.records.nodes import Node

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture(scope="session")
def empty_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog file to copy: making the tables takes longer than most tests do."""
    path = tmp_path_factory.mktemp("catalog") / "catalog.db"
    made = Catalog(f"sqlite:///{path}")
    tables.metadata.create_all(made.engine)
    with made.begin() as tx:
        for name in ("a", "b"):
            nodes.insert_node(tx, Node(name, "worker", "host", 1, NOW, NOW))
    made.close()
    return path


@pytest.fixture
def catalog(tmp_path: Path, empty_catalog: Path) -> Iterator[Catalog]:
    shutil.copy(empty_catalog, tmp_path / "catalog.db")
    opened = Catalog(f"sqlite:///{tmp_path}/catalog.db")
    yield opened
    opened.close()


@dataclass
class Shelf:
    """Puts jobs into the catalog and looks at them there."""

    catalog: Catalog

    def put(self, job_id: str = "j1", **changes: object) -> Job:
        job = Job(job_id, JobKind.BACKUP, "1" * 12, "us-east-1", "CREATED", "arn:r", "EFS", NOW, {})
        job = replace(job, **changes)  # type: ignore[arg-type]
        with self.catalog.begin() as tx:
            jobs.insert_job(tx, job)
        return job

    def get(self, job_id: str = "j1") -> Job:
        with self.catalog.read() as tx:
            job = jobs.find(tx, job_id)
        assert job is not None
        return job

    def change(self, job_id: str = "j1", **values: object) -> None:
        with self.catalog.begin() as tx:
            assert jobs.update_in_state(tx, job_id, [self.get(job_id).state], **values)


@pytest.fixture
def shelf(catalog: Catalog) -> Shelf:
    return Shelf(catalog)


@dataclass
class NotingEngine:
    """Stands where the engine does: notes what it is told, knows what it is given."""

    started: dict[str, str] = field(default_factory=dict)  # job, or run of one that was parked -> partition
    handed_over: list[str] = field(default_factory=list)
    known: dict[str, EngineState] = field(default_factory=dict)
    believed: set[str] = field(default_factory=set)

    def start(
        self, job_id: str, *, kind: JobKind, partition: str, priority: int = 100, run_id: str | None = None
    ) -> None:
        del kind, priority
        self.started[run_id or job_id] = partition

    def statuses(self, job_ids: Sequence[str]) -> dict[str, EngineState]:
        return {job_id: self.known.get(job_id, EngineState.MISSING) for job_id in job_ids}

    def hand_over(self, worker_id: str) -> None:
        self.handed_over.append(worker_id)

    def workers(self) -> set[str]:
        return self.believed

    def as_engine(self) -> JobEngine:
        return cast(JobEngine, self)


@pytest.fixture
def engine() -> NotingEngine:
    return NotingEngine()
