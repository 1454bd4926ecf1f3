"""Which file system a path is on: databases in files need locks that only local ones keep.

And whose the files are that we make there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from safehold.core.errors import NetworkFileSystem

MOUNTS = Path("/proc/self/mountinfo")
# Their locks and memory maps are kept by another machine, or by nobody.
NETWORKED = frozenset(
    {"9p", "acfs", "afs", "beegfs", "ceph", "cifs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs"}
    | {"nfs4", "ocfs2", "smb3", "smbfs"}
    | {"fuse.ceph", "fuse.glusterfs", "fuse.juicefs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"}
)

OCTAL = re.compile(r"\\([0-7]{3})")  # how mountinfo spells blanks


def check_is_local(path: Path) -> None:
    """Raise NetworkFileSystem when `path` is on a network file system, or will be once it is made."""
    kind = kind_of(path, _mounts())
    if kind in NETWORKED:
        raise NetworkFileSystem(f"{path} is on a network file system ({kind})")


def kind_of(path: Path, mounts: Iterable[str]) -> str | None:
    """The kind of file system that holds `path`, by lines of mountinfo (proc(5)); None when none says so."""
    whole = path.resolve()
    best, kind = -1, None
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = Path(OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4]))
        # the last of several mounts on one point covers the others
        if whole.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split()[0]
    return kind


@contextmanager
def owner_only() -> Iterator[None]:
    """Files and folders that this process makes in the block, in any thread, are for their owner alone.

    For libraries that make files without asking for a mode, databases above all. What is restored gets the
    modes that it had, whatever this says. Of the whole process: not to be entered by two threads at once.
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def write_owner_only(path: Path, content: bytes) -> None:
    """The file is there whole, synced and readable by its owner alone; or as it was, after a crash."""
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)  # it may be left from before
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    os.replace(fresh, path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """The names in that folder are as they are even after the power fails."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _mounts() -> list[str]:
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return []
