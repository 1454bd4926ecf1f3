"""Whoever of a vault's writers, readers, collectors, scrubbers, copiers and movers is killed: no point
suffers.

`make test` kills 300 processes, `make soak` SAFEHOLD_KILLS (10,000). A kill counts when it ends a process
that had something under way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.vault_places import CHECKOUT
from tests.fixtures.soak import SoakReport

KILLS = 300
SOAK_KILLS = int(os.environ.get("SAFEHOLD_KILLS", "10000"))
LEAST_SHARE = 1 / 40  # of all kills that meet each of them, however slow the machine
WORKS = ("backup", "restore", "collect", "scrub", "copy", "checkpoint", "move")


def kill_so_many(folder: Path, kills: int, *, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.faults.vault_kill", f"--kills={kills}", f"--seed={seed}"]
    ended = subprocess.run([*command, f"--folder={folder}"], cwd=CHECKOUT, capture_output=True, text=True)
    assert ended.stdout, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    print(found)
    return found


def in_words(found: dict[str, Any]) -> str:
    kills = ", ".join(f"{count:,} in {what}" for what, count in sorted(found["kills"].items()))
    total = sum(found["kills"].values())
    return (
        f"{total:,} processes killed ({kills}), {found['restores_compared']:,} restores compared, "
        f"{found['cold_compared']:,} of them from cold storage, "
        f"{found['done']['committed']:,} points told of, {found['deleted']:,} deleted, "
        f"{found['done'].get('purged', 0):,} objects purged, "
        f"{found['done'].get('moved', 0):,} points moved to cold storage, "
        f"{found['done'].get('resumed', 0):,} backups gone on with, "
        f"{found['untold']:,} points found that nobody had been told of, "
        f"{sum(found['refusals'].values()):,} collections refused; "
        f"seed {found['seed']}, {found['seconds']:,} s; "
        f"{'; '.join(found['broken']) or 'nothing lost, nothing wrong'}"
    )


@pytest.mark.slow
def test_three_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    found = kill_so_many(tmp_path, KILLS, seed=1)
    assert found["broken"] == []
    assert sum(found["kills"].values()) >= KILLS
    assert {work for work in WORKS if found["kills"].get(work, 0) < KILLS * LEAST_SHARE} == set()
    assert found["points"] > 0
    assert found["deleted"] > 0


@pytest.mark.soak
def test_ten_thousand_kills_lose_nothing(tmp_path: Path, soak_report: SoakReport) -> None:
    found = kill_so_many(tmp_path, SOAK_KILLS, seed=int.from_bytes(os.urandom(4)))
    soak_report("kill -9 of whoever is at work on a vault", in_words(found))
    assert found["broken"] == []
    assert sum(found["kills"].values()) >= SOAK_KILLS
    assert {what for what in ("resumed", "purged", "moved") if not found["done"].get(what)} == set()
    assert found["cold_compared"] > 0
    assert {work for work in WORKS if found["kills"].get(work, 0) < SOAK_KILLS * LEAST_SHARE} == set()
