"""A file system of its own for each run: none is slowed by what another one wrote and deleted before.

ext4 makes new files slowly for minutes after many were deleted, so a plain folder would tell more of the
run before than of this one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "24G"  # at most; only what is written takes room


@contextmanager
def scratch(prefix: str, folder: Path | None) -> Iterator[Path]:
    """A new folder, in that one or where temporary files go. Gone in the end, as far as can be."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder, ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def fresh(scratch: Path, name: str) -> Iterator[Path]:
    """A folder on a new ext4 file system in a file; without root, a plain new folder. Gone in the end."""
    folder = scratch / name
    folder.mkdir()
    if os.geteuid() != 0:
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
        return
    image = scratch / f"{name}.img"
    try:
        subprocess.run(["truncate", "-s", SIZE, str(image)], check=True)
        tables = "lazy_itable_init=0,lazy_journal_init=0"  # or the kernel makes them during the run
        _system("mke2fs", "-q", "-t", "ext4", "-E", tables, str(image))
        device = _system("losetup", "--find", "--show", "--direct-io=on", str(image))
        try:
            _system("mount", device, str(folder))
            try:
                yield folder
            finally:
                _system("umount", str(folder))
        finally:
            _system("losetup", "--detach", device)
    finally:
        image.unlink(missing_ok=True)
        folder.rmdir()


def _system(*command: str) -> str:
    environment = os.environ | {"PATH": os.environ["PATH"] + ":/sbin:/usr/sbin"}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()
