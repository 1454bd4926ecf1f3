"""On one machine a process's death is known at once: the kernel opens the lock that it held on a file.

It says more than silence does: a process that is slow, stopped or asleep with its machine still holds it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Lifeline:
    """A file locked by this process for as long as it lives, however it dies."""

    def __init__(self, folder: Path, node_id: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = _path(folder, node_id)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Let go, as dying would."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_cut(folder: Path, node_id: str) -> bool:
    """Is the process of that node dead for sure? Ask only about nodes that have held their lifeline."""
    try:
        descriptor = os.open(_path(folder, node_id), os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def remove(folder: Path, node_id: str) -> None:
    """Forget a dead node's file."""
    _path(folder, node_id).unlink(missing_ok=True)


def _path(folder: Path, node_id: str) -> Path:
    return folder / f"{node_id}.alive"
