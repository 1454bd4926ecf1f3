"""Whether a file system's change times and inode numbers can tell that a file is unchanged."""

from __future__ import annotations

import os

# No change time, or inode numbers made up anew whenever a file is looked at. FUSE: as its server likes.
_UNSURE = frozenset({"vfat", "msdos", "exfat", "ntfs", "cifs", "smb3", "smbfs", "9p"})
_SAMPLES = 32


def may_trust_times(root: int) -> bool:
    """Did the open folder pass the self-test? If not, every file of it has to be read every time."""
    kind = _kind_of(os.fstat(root).st_dev)
    if kind in _UNSURE or kind.startswith("fuse"):
        return False
    return _sample(root) == _sample(root)


def _kind_of(device: int) -> str:
    """The file system's name as the kernel says it; "" when it cannot be found."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
            for line in mounts:
                fields, _, rest = line.partition(" - ")
                if fields.split(" ")[2] == wanted:
                    return rest.split(" ")[0]
    except OSError:
        pass
    return ""


def _sample(root: int) -> list[tuple[str, int]]:
    """Names and inode numbers of the first entries, each looked up afresh."""
    found = []
    with os.scandir(root) as entries:
        names = sorted(entry.name for _, entry in zip(range(_SAMPLES), entries, strict=False))
    for name in names:
        try:
            found.append((name, os.stat(name, dir_fd=root, follow_symlinks=False).st_ino))
        except OSError:
            continue  # RACE: gone since it was listed; that says nothing about the others
    return found
