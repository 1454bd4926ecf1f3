"""Kill processes at random, start them again at once, and see what became of the jobs.

By hand: `python -m tests.faults.kill_trial --rounds 100` (with the checkout and its `src` on PYTHONPATH).
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from sqlalchemy import select

from safehold.domain.job_states import ACTIVE, JobState
from safehold.jobs.worker import Ending
from safehold.records.engine import Catalog
from safehold.records.tables import job, metadata, setting

ACTORS = Path(__file__).with_name("kill_actors.py")
ROLES = ("api", "scheduler", "worker", "worker", "worker")


@dataclass(slots=True)
class Findings:
    """What a trial saw. All of `broken` must be empty."""

    rounds: int
    kills: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    repeated_steps: int = 0
    reaped: int = 0  # workers too slow for their lease: harmless, but their jobs began again elsewhere
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


class Trial:
    """Five processes on two databases, and the kills. Use in a `with` block: it leaves no process behind."""

    def __init__(self, folder: Path, *, seed: int, catalog_url: str = "", jobs_url: str = "") -> None:
        self._folder = folder
        self._urls = (
            catalog_url or f"sqlite:///{folder}/catalog.db",
            jobs_url or f"sqlite:///{folder}/jobs.db",
        )
        self._random = random.Random(seed)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._killed_at: dict[int, float] = {}
        self.catalog = Catalog(self._urls[0])
        metadata.create_all(self.catalog.engine)

    def __enter__(self) -> Trial:
        self._processes = [self._start(role) for role in ROLES]
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self.catalog.close()

    def run(self, rounds: int, *, patience_seconds: float = 120) -> Findings:
        began = time.monotonic()
        found = Findings(rounds)
        self._wait_for_workers()
        for _ in range(rounds):
            time.sleep(self._random.uniform(0.1, 2.5))
            number = self._random.randrange(len(ROLES))
            found.kills[ROLES[number]] += 1
            self._kill(number)
            self._processes[number] = self._start(ROLES[number])
        (self._folder / "stop").touch()
        if not self._is_drained(patience_seconds):
            found.broken.append(f"jobs still unfinished after {patience_seconds} s")
        self._stop_orderly(found)
        self._judge(found)
        found.seconds = time.monotonic() - began
        return found

    def _start(self, role: str) -> subprocess.Popen[bytes]:
        with (self._folder / "stderr.log").open("ab") as errors:
            return subprocess.Popen(
                [sys.executable, "-X", "faulthandler", str(ACTORS), role, str(self._folder), *self._urls],
                stderr=errors,
            )

    def _kill(self, number: int) -> None:
        process = self._processes[number]
        self._killed_at[process.pid] = time.monotonic()
        process.kill()
        process.wait()

    def _wait_for_workers(self) -> None:
        deadline = time.monotonic() + 120
        while len(list(self._lines("ready"))) < ROLES.count("worker"):
            assert time.monotonic() < deadline, f"the workers do not start: {self._post_mortem()}"
            time.sleep(0.2)

    def _post_mortem(self) -> str:
        """What the processes are doing (those that live), and what they said."""
        codes = [process.poll() for process in self._processes]
        for process in self._processes:
            process.send_signal(signal.SIGABRT)  # the fault handler prints every thread's trace
            process.wait()
        return f"exit codes {codes}, stderr:\n{(self._folder / 'stderr.log').read_text()}"

    def _is_drained(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self.catalog.read() as tx:
                if tx.execute(select(job.c.id).where(job.c.state.in_(ACTIVE)).limit(1)).first() is None:
                    return True
            time.sleep(0.3)
        return False

    def _stop_orderly(self, found: Findings) -> None:
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for role, process in zip(ROLES, self._processes, strict=True):
            try:
                code = process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                found.broken.append(f"{role} did not end within 40 s of SIGTERM")
                continue
            if role == "worker" and code == Ending.REAPED:
                found.reaped += 1
            elif role == "worker" and code not in (Ending.TOLD, -signal.SIGTERM):  # while it still starts
                found.broken.append(f"a worker ended with code {code}")

    def _lines(self, name: str) -> Iterator[list[str]]:
        path = self._folder / f"{name}.log"
        if path.exists():
            for line in path.read_text().splitlines():
                yield line.split()

    def _judge(self, found: Findings) -> None:
        with self.catalog.read() as tx:
            rows = {row.id: row for row in tx.execute(select(job))}
            settled = Counter(tx.execute(select(setting.c.site)).scalars())
        found.ends.update(row.state for row in rows.values())
        found.attempts = sum(row.attempt for row in rows.values())
        found.broken += self._lost(rows.keys())
        stopped = {words[2] for words in self._lines("stopped")}
        for job_id, row in rows.items():
            wanted = 1 if row.attempt else 0  # stopped before it began: no worker had to finish it
            if settled[job_id] != wanted:
                found.broken.append(f"{job_id} is {row.state} and was finished {settled[job_id]} times")
            if row.state != JobState.COMPLETED and not (row.state == "ABORTED" and row.abort_requested_at):
                found.broken.append(f"{job_id} ended {row.state}: {row.status_message}")
            if row.held_key is not None:
                found.broken.append(f"{job_id} still holds {row.held_key}")
        if not stopped <= rows.keys():
            found.broken.append("a stopped job is gone")
        self._judge_effects(found)
        self._judge_files(found)

    def _lost(self, known: object) -> list[str]:
        accepted = {words[2] for words in self._lines("accepted")}
        return [f"{job_id} was accepted and is lost" for job_id in accepted - set(known)]  # type: ignore[call-overload]

    def _judge_effects(self, found: Findings) -> None:
        steps = Counter((words[3], words[6]) for words in self._lines("effects") if words[2] == "step")
        found.repeated_steps = sum(count - 1 for count in steps.values())
        by_resource = defaultdict(list)
        for begin, end, resource, name in self._runs():
            by_resource[resource].append((begin, end, name))
        for resource, runs in by_resource.items():
            for before, after in pairwise(sorted(runs)):
                if after[0] < before[1]:
                    found.broken.append(f"on resource {resource} {after} began before {before} ended")

    def _runs(self) -> Iterator[tuple[float, float, str, str]]:
        """Each run of a job, when it began and ended. A killed one ends with its process or its last sign."""
        runs: dict[tuple[str, str, str], list[list[str]]] = defaultdict(list)
        for words in self._lines("effects"):
            runs[words[1], words[3], words[5]].append(words)
        for (pid, job_id, attempt), lines in runs.items():
            times = [float(words[0]) for words in lines]
            end = max(times)
            if lines[-1][2] != "end":
                end = max(end, self._killed_at[int(pid)])
            yield min(times), end, lines[0][4], f"{job_id}#{attempt}"

    def _judge_files(self, found: Findings) -> None:
        if "is locked" in (self._folder / "stderr.log").read_text():
            found.broken.append("a database was locked")
        for url in self._urls:
            if url.startswith("sqlite"):
                with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
                    answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
                connection.close()
                if answer != "ok":
                    found.broken.append(f"{url}: {answer}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--catalog-url", default="")
    parser.add_argument("--jobs-url", default="")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kill-trial-"))
    with Trial(
        folder, seed=options.seed, catalog_url=options.catalog_url, jobs_url=options.jobs_url
    ) as trial:
        found = trial.run(options.rounds)
    print(found, f"logs: {folder}", sep="\n")
    sys.exit(1 if found.broken else 0)


if __name__ == "__main__":
    main()
