"""Workers are kept alive by the one who serves, and end with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from safehold.cli.children import kept_alive
from safehold.core.clock import SystemClock

SRC = Path(__file__).resolve().parents[2] / "src"
A_PARENT = """
import subprocess, sys, time
from safehold.cli import lifetime
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, start_new_session=True)
print(child.pid, flush=True)
time.sleep(60)
"""
A_CHILD = """
import sys, threading
from safehold.cli import lifetime
lifetime.GRACE_SECONDS = 0.2
lifetime.end_with_parent(lambda: None)
threading.Event().wait(60)
"""


def soon(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Starts:
    """Starts processes that do nothing and remembers them."""

    def __init__(self, *command: str) -> None:
        self.command = command or ("sleep", "60")
        self.started: list[subprocess.Popen[bytes]] = []

    def __call__(self) -> subprocess.Popen[bytes]:
        self.started.append(subprocess.Popen(self.command, stdin=subprocess.PIPE))
        return self.started[-1]


def test_a_process_that_dies_is_started_again_and_all_end_with_the_block() -> None:
    starts = Starts()
    with kept_alive(starts, count=2, clock=SystemClock()):
        assert soon(lambda: len(starts.started) == 2)
        starts.started[0].kill()
        assert soon(lambda: len(starts.started) == 3)
    assert [process.poll() is not None for process in starts.started] == [True] * 3


def test_what_dies_at_once_is_started_ever_more_slowly() -> None:
    starts = Starts("false")
    with kept_alive(starts, count=1, clock=SystemClock()):
        assert soon(lambda: len(starts.started) == 2)
        time.sleep(0.3)
        assert len(starts.started) == 2


def test_what_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safehold.cli.children.STOP_SECONDS", 0.2)
    starts = Starts(sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()")
    with kept_alive(starts, count=1, clock=SystemClock()):
        assert soon(lambda: len(starts.started) == 1)
        time.sleep(0.3)  # so that it ignores the signal by then
    assert starts.started[0].returncode == -signal.SIGKILL


def test_a_child_ends_when_its_parent_is_killed() -> None:
    environment = os.environ | {"PYTHONPATH": str(SRC)}
    parent = subprocess.Popen(
        [sys.executable, "-c", A_PARENT, A_CHILD], stdout=subprocess.PIPE, text=True, env=environment
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.2)
        assert is_alive(child)
        parent.kill()
    assert soon(lambda: not is_alive(child))
