"""Whoever of a vault's writers and readers is killed, and when: committed points stay, others never show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.store_kill import Trial

ROUNDS = 12
SOAK_ROUNDS = int(os.environ.get("SAFEHOLD_STORE_KILL_ROUNDS", "100"))


@pytest.mark.parametrize(
    "rounds",
    [pytest.param(ROUNDS, marks=pytest.mark.slow), pytest.param(SOAK_ROUNDS, marks=pytest.mark.soak)],
)
def test_points_survive_kills_of_their_writers_and_readers(tmp_path: Path, rounds: int) -> None:
    found = Trial(tmp_path, seed=1).run(rounds)
    assert found.broken == []
    assert found.kills["backup"] > 0
    assert found.points > 0
