"""The service is killed while it works: no job is lost, no point half there, every byte comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.service_trial import Trial


@pytest.mark.slow
def test_three_kills_lose_nothing(tmp_path: Path) -> None:
    assert Trial(tmp_path, seed=3).run(3).broken == []


@pytest.mark.soak
def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    assert Trial(tmp_path, seed=20).run(20).broken == []
