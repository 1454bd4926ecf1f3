"""Whoever is killed, and whenever: no job is lost, none is finished twice, none overlaps on its resource."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.kill_trial import Trial

ROUNDS = int(os.environ.get("SAFEHOLD_KILL_ROUNDS", "8"))


@pytest.mark.slow
def test_jobs_survive_kills_of_every_process_on_embedded_files(tmp_path: Path) -> None:
    with Trial(tmp_path, seed=1) as trial:
        found = trial.run(ROUNDS)
    assert found.broken == []
    assert found.ends["COMPLETED"] > ROUNDS
