"""Whoever is killed, and whenever: no job is lost, none is finished twice, none overlaps on its resource."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.kill_trial import Trial


@pytest.mark.slow
def test_jobs_survive_kills_of_every_process_on_embedded_files(tmp_path: Path) -> None:
    with Trial(tmp_path, seed=1) as trial:
        found = trial.run(10)
    print(found)
    assert found.broken == []
    assert found.ends["COMPLETED"] > 2


@pytest.mark.slow
def test_jobs_survive_kills_of_every_process_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with Trial(tmp_path, seed=2, catalog_url=postgres_url, jobs_url=postgres_url) as trial:
        found = trial.run(8)
    print(found)
    assert found.broken == []
    assert found.ends["COMPLETED"] > 2


@pytest.mark.soak
def test_jobs_survive_a_hundred_kills_on_embedded_files(tmp_path: Path) -> None:
    with Trial(tmp_path, seed=3) as trial:
        found = trial.run(100)
    print(found)
    assert found.broken == []
    assert found.ends["COMPLETED"] > 25


@pytest.mark.soak
def test_jobs_survive_a_hundred_kills_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with Trial(tmp_path, seed=4, catalog_url=postgres_url, jobs_url=postgres_url) as trial:
        found = trial.run(100)
    print(found)
    assert found.broken == []
    assert found.ends["COMPLETED"] > 25
