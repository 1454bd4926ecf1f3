"""A child process that ends with its parent, however the parent ends.

The parent keeps the writing end of the child's standard input and never writes. When the parent is gone
the kernel closes it, the child reads the end of the file, and lets go.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence

GRACE_SECONDS = 5.0  # for letting go in order; what has not by then is picked up by whoever comes next
ORPHANED = 4  # the child's exit code when it had to be torn off


def start_child(arguments: Sequence[str], *, quiet: bool = False) -> subprocess.Popen[bytes]:
    """Start `safehold ARGUMENTS` with this interpreter; `quiet` drops what it says.

    In a session of its own, since an interrupt from the keyboard is for the parent, who tells the child.
    """
    command = [sys.executable, "-m", "safehold.cli.main", *arguments]
    said = subprocess.DEVNULL if quiet else None
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said, start_new_session=True)


def end_with_parent(let_go: Callable[[], None]) -> None:
    """From now on `let_go` is called when standard input ends, and the process ends soon after it."""
    threading.Thread(target=_watch, args=(let_go,), name="parent", daemon=True).start()


def _watch(let_go: Callable[[], None]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    let_go()
    threading.Event().wait(GRACE_SECONDS)
    os._exit(ORPHANED)
