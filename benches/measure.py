"""Seconds, CPU seconds and peak memory of a process and all that it starts."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.05


@dataclass(slots=True)
class Cost:
    """memory_bytes: the highest sum of anonymous memory over the tree, as sampled; parts: of each process."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    parts: dict[int, int] = field(default_factory=dict)


def run(command: list[str], environment: Mapping[str, str], folder: Path | None = None) -> Cost:
    """Run a command to its end. Raises RuntimeError with what it printed when it fails."""
    before = os.times()
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=os.environ | dict(environment),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with _memory_of(process.pid) as peak:
        output = process.communicate()[0]
    seconds = time.perf_counter() - start
    after = os.times()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {output.decode(errors='replace')[-2000:]}")
    used = (after.children_user + after.children_system) - (before.children_user + before.children_system)
    return Cost(seconds, used, sum(peak.values()), peak)


def watch(pid: int, work: Callable[[], float]) -> Cost:
    """The cost, in a running process tree, of what `work` has it do; `work` returns the seconds it took."""
    before = _cpu_seconds(pid)
    with _memory_of(pid) as peak:
        seconds = work()
    return Cost(seconds, _cpu_seconds(pid) - before, sum(peak.values()), peak)


@contextlib.contextmanager
def _memory_of(pid: int) -> Iterator[dict[int, int]]:
    """Bytes by process, as they were when their sum was highest."""
    peak: dict[int, int] = {}
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            now = {each: anonymous_bytes(each) for each in _tree(pid)}
            if sum(now.values()) > sum(peak.values()):
                peak.clear()
                peak.update(now)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        stop.set()
        sampler.join()


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def anonymous_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def memory_gib() -> int:
    """Of this machine."""
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _cpu_seconds(pid: int) -> float:
    total = 0
    for each in _tree(pid):
        with contextlib.suppress(OSError):
            # own and waited-for children's time: fields 14 to 17 of proc(5) stat, counted after the name
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / TICK
