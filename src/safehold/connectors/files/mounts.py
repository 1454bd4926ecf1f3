"""Whether a file system's change times and inode numbers can tell that a file is unchanged."""

from __future__ import annotations

import os

from safehold.connectors.files.folders import FOLDER_FLAGS

# No change time, or inode numbers made up anew whenever a file is looked at. FUSE: as its server likes.
_UNSURE = frozenset({"vfat", "msdos", "exfat", "ntfs", "cifs", "smb3", "smbfs", "9p"})
_SAMPLES = 32


class TrustedDevices:
    """Which file systems of one tree can be trusted; each is looked at once."""

    def __init__(self, root: int) -> None:
        """`root` is the open folder that the tree begins with."""
        self._of_device = {os.fstat(root).st_dev: may_trust_times(root)}

    def known(self, device: int) -> bool | None:
        """As `trusts`; None where that has not been asked of the device."""
        return self._of_device.get(device)

    def trusts(self, device: int, folder: int, name: bytes) -> bool:
        """May the times of `name` in the open folder be trusted, which is on that device?"""
        known = self._of_device.get(device)
        if known is None:
            known = self._of_device[device] = _may_trust_times_at(device, folder, name)
        return known


def may_trust_times(root: int) -> bool:
    """Did the open folder pass the self-test? If not, every file of it has to be read every time."""
    return _is_sure(os.fstat(root).st_dev) and _sample(root) == _sample(root)


def _may_trust_times_at(device: int, folder: int, name: bytes) -> bool:
    try:
        below = os.open(name, FOLDER_FLAGS, dir_fd=folder)
    except OSError:
        return _is_sure(device)  # a file, mounted on its own: there is nothing to take samples of
    try:
        return may_trust_times(below)
    finally:
        os.close(below)


def _is_sure(device: int) -> bool:
    kind = _kind_of(device)
    return kind not in _UNSURE and not kind.startswith("fuse")


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
