"""Whoever of a vault's writers, movers and collectors is killed, and when: kept points stay, others are
freed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.collect_kill import Trial

ROUNDS = 5
SOAK_ROUNDS = int(os.environ.get("SAFEHOLD_COLLECT_KILL_ROUNDS", "100"))


@pytest.mark.parametrize(
    "rounds",
    [pytest.param(ROUNDS, marks=pytest.mark.slow), pytest.param(SOAK_ROUNDS, marks=pytest.mark.soak)],
)
def test_points_survive_kills_of_writers_and_collectors(tmp_path: Path, rounds: int) -> None:
    found = Trial(tmp_path, seed=1).run(rounds)
    assert found.broken == []
    assert found.kills["collect"] > 0
    assert found.done["purged"] > 0
    assert found.done["moved"] > 0 or rounds == ROUNDS  # a few rounds may see none of them end
    assert found.points > 0
