"""Keeps a number of worker processes alive: one that dies is started again."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from safehold.core import log
from safehold.core.clock import Clock

_log = log.get(__name__)

STOP_SECONDS = 12.0  # a worker gives its jobs eight seconds to let go
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0  # a worker that lived so long died of something else than its start

Start = Callable[[], subprocess.Popen[bytes]]


@contextmanager
def kept_alive(start: Start, *, count: int, clock: Clock) -> Iterator[None]:
    """`count` processes run while the block does; afterwards none does."""
    stop = threading.Event()
    keepers = [_Keeper(start, stop, clock) for _ in range(count)]
    threads = [threading.Thread(target=each.keep, name="workers", daemon=True) for each in keepers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class _Keeper:
    """One place for a process. Its thread alone touches the process."""

    def __init__(self, start: Start, stop: threading.Event, clock: Clock) -> None:
        self._start = start
        self._stop = stop
        self._clock = clock

    def keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            began = self._clock.monotonic()
            code = self._live()
            if self._stop.is_set():
                return
            if self._clock.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            _log.warning("a worker has ended and is started again", extra={"exit_code": code})
            self._stop.wait(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)

    def _live(self) -> int:
        """Start a process and wait for its end; answers its exit code. Ends it when told to stop."""
        with self._start() as process:
            while not self._stop.is_set():
                try:
                    return process.wait(timeout=0.2)
                except subprocess.TimeoutExpired:
                    continue
            process.terminate()
            try:
                return process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                return process.wait()
