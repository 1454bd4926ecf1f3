"""A data folder's file system is told from the mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.core import filesystems
from safehold.core.errors import NetworkFileSystem
from safehold.core.filesystems import check_is_local, kind_of

MOUNTS = [
    "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "30 21 0:40 / /srv/nfs rw shared:5 - nfs4 server:/export rw,vers=4.2",
    r"31 21 0:41 / /srv/my\040disk rw - cifs //server/share rw",
    "32 30 8:2 / /srv/nfs/local rw - xfs /dev/sdb1 rw",
    "33 21 0:42 / /srv/twice rw - ext4 /dev/sdc1 rw",
    "34 33 0:43 / /srv/twice rw - fuse.sshfs host: rw",
    "a line of another kind",
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/x", "ext4"),
        ("/srv/nfs/a/b", "nfs4"),
        ("/srv/nfsx", "ext4"),
        ("/srv/my disk/a", "cifs"),
        ("/srv/nfs/local/a", "xfs"),
        ("/srv/twice/a", "fuse.sshfs"),
    ],
)
def test_the_deepest_and_last_mount_counts(path: str, kind: str) -> None:
    assert kind_of(Path(path), MOUNTS) == kind


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(filesystems, "MOUNTS", mounts)
    mounts.write_text(f"1 1 8:1 / / rw - ext4 /dev/x rw\n2 1 0:4 / {tmp_path}/far rw - nfs4 s:/ rw\n")
    check_is_local(tmp_path / "near")
    with pytest.raises(NetworkFileSystem, match="nfs4"):
        check_is_local(tmp_path / "far/data")


def test_a_machine_that_tells_no_mounts_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystems, "MOUNTS", tmp_path / "none")
    check_is_local(tmp_path)
