"""Whoever of a vault's writers and readers is killed, and when: committed points stay, others never show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.store_kill import Trial

ROUNDS = int(os.environ.get("SAFEHOLD_STORE_KILL_ROUNDS", "12"))


@pytest.mark.slow
def test_points_survive_kills_of_their_writers_and_readers(tmp_path: Path) -> None:
    found = Trial(tmp_path, seed=1).run(ROUNDS)
    assert found.broken == []
    assert found.kills["backup"] > 0
    assert found.points > 0
