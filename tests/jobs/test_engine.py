"""The engine itself, on an embedded file; and that nobody pays for it who does not launch it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from safehold.core.clock import SystemClock
from safehold.domain.job_states import JobState
from safehold.domain.jobs import JobKind
from safehold.jobs.context import JobContext, Runner
from safehold.jobs.engine import EngineSettings, EngineState, JobEngine
from safehold.jobs.outcome import Outcome
from safehold.jobs.steps import JobSteps
from safehold.records.engine import Catalog
from tests.jobs.conftest import Shelf


def test_importing_the_room_does_not_import_the_engines_library() -> None:
    code = "import sys, safehold.jobs.worker, safehold.jobs.dispatch; sys.exit('dbos' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def runs() -> list[str]:
    return []


@pytest.fixture
def launched(catalog: Catalog, tmp_path: Path, runs: list[str]) -> Iterator[JobEngine]:
    def run(context: JobContext) -> Outcome:
        runs.append(context.job.id)
        return Outcome(JobState.COMPLETED)

    stopping = threading.Event()
    steps = JobSteps(
        catalog, {JobKind.BACKUP: Runner(run)}, worker_id="a", clock=SystemClock(), stopping=stopping
    )
    settings = EngineSettings(f"sqlite:///{tmp_path}/jobs.db", poll_seconds=0.05)
    engine = JobEngine(settings, steps, worker_id="a")
    engine.launch()
    yield engine
    stopping.set()
    assert engine.close(grace_seconds=5)


@pytest.mark.slow
# The library opens event loops and connections of its own and leaves them to the collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_job_started_twice_runs_once_even_after_its_end(
    launched: JobEngine, shelf: Shelf, runs: list[str]
) -> None:
    shelf.put()
    assert launched.status("j1") is EngineState.MISSING
    for _ in range(3):
        launched.start("j1", kind=JobKind.BACKUP, partition="arn:r")
        deadline = time.monotonic() + 10
        while launched.status("j1") is not EngineState.ENDED:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert runs == ["j1"]
    assert shelf.get().state == "COMPLETED"
    assert launched.workers() == set()

    assert launched.forget_ended(before=datetime.now(UTC) - timedelta(days=1)) == 0
    assert launched.status("j1") is EngineState.ENDED
    assert launched.forget_ended(before=datetime.now(UTC) + timedelta(days=1)) == 1
    assert launched.status("j1") is EngineState.MISSING
