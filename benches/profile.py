"""`python -m benches.profile`: where the time of each step goes, by py-spy, into benches/profiles.

Usage: python -m benches.profile [--only small,image] [--scratch DIR]
The store and the connector alone (benches.bare); native frames are counted where Python called them.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import venv
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from benches import data, disk
from benches.compare import CHANGED, FIRST, RESTORE, SETS, UNCHANGED

PROFILES = Path(__file__).parent / "profiles"
RATE = 500  # samples a second
LINES = 30
# py-spy takes threads that wait here for running ones.
WAITING = ("_worker (concurrent/futures/", "Condition.wait (threading.py", "Thread._wait_for_tstate_lock (")
STEPS = (FIRST, UNCHANGED, CHANGED, RESTORE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="small,image", help="of " + ", ".join(SETS))
    parser.add_argument("--scratch", type=Path)
    options = parser.parse_args()
    PROFILES.mkdir(exist_ok=True)
    with disk.scratch("safehold-profile-", options.scratch) as scratch:
        spy = _fetch(scratch)
        for name in options.only.split(","):
            tree = SETS[name](scratch)
            with disk.fresh(scratch, f"{name}-place") as place:
                for step in STEPS:
                    _profile(spy, name, step, tree, place)


def _fetch(scratch: Path) -> Path:
    """py-spy in an environment of its own."""
    venv.create(scratch / "spy", with_pip=True)
    subprocess.run([scratch / "spy/bin/pip", "install", "--quiet", "py-spy"], check=True)
    return scratch / "spy/bin/py-spy"


def _profile(spy: Path, name: str, step: str, tree: Path, place: Path) -> None:
    raw = place / "stacks"
    (place / "restored").mkdir(exist_ok=True)
    if step == CHANGED:
        data.change_one_percent(tree, seed=0)
    command = [sys.executable, "-m", "benches.bare", "--tree", str(tree), "--vault", str(place / "vault")]
    command += ["--step", "restore" if step == RESTORE else "backup", "--to", str(place / "restored")]
    spying = [str(spy), "record", "--rate", str(RATE), "--threads", "--format", "raw", "--output", str(raw)]
    done = subprocess.run([*spying, "--", *command], check=True, stdout=subprocess.PIPE, text=True)
    told = next(line for line in done.stdout.splitlines() if " CPU s" in line)
    text = _report(name, step, told, raw.read_text(encoding="utf-8"))
    (PROFILES / f"{name}-{step.replace(' %', '').replace(' ', '-')}.txt").write_text(text)
    print(f"{name} {told}", flush=True)


def _report(name: str, step: str, told: str, raw: str) -> str:
    inside: Counter[str] = Counter()
    below: Counter[str] = Counter()
    threads: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        if not frames or frames[-1].startswith(WAITING):
            continue
        threads[thread.rpartition(" ")[2].rstrip(")").partition("_")[0]] += int(count)
        inside[frames[-1]] += int(count)
        below.update(dict.fromkeys(frames, int(count)))
    head = (
        f"{step} of {name}; {told}\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.platform(terse=True)}, "
        f"Python {platform.python_version()}; py-spy, {RATE} samples a second, threads that were running\n"
    )
    parts = [("seconds by thread", threads), ("in the line itself", inside), ("with what it calls", below)]
    return head + "".join(f"\n{title}\n{_table(counts)}" for title, counts in parts)


def _table(counts: Counter[str]) -> str:
    rows = counts.most_common(LINES)
    return "".join(f"{count / RATE:8.2f}  {what}\n" for what, count in rows)


if __name__ == "__main__":
    main()
