"""The comparison that judges restores sees every kind of difference."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.connectors.files.conftest import FilesBench
from tools.treecmp import differences, main, snapshot


def _replace(path: Path, make: Callable[[], object]) -> None:
    path.unlink()
    make()


def _change_everything(tree: Path) -> None:
    (tree / "owned").write_bytes(b"BY OTHERS")
    (tree / "shared").write_bytes(b"x")
    (tree / "program").chmod(0o755)
    os.chown(tree / "large", 9, -1)
    os.chown(tree / "absolute", -1, 9, follow_symlinks=False)
    os.utime(tree / "void", ns=(0, 1234567890123456788))
    os.setxattr(tree / "marked", "user.colour", b"blue")
    os.removexattr(tree / "inheriting", "system.posix_acl_default")
    (tree / "names" / " ").unlink()
    (tree / "sticky" / "x").touch()
    _replace(tree / "fifo", (tree / "fifo").touch)
    _replace(tree / "null", lambda: os.mknod(tree / "null", 0o020666, os.makedev(1, 4)))
    _replace(tree / "dangling", lambda: (tree / "dangling").symlink_to("/"))
    _replace(tree / "small-too", (tree / "small-too").touch)
    (tree / "sparse").write_bytes((tree / "sparse").read_bytes())
    tree.chmod(0o700)


def test_every_kind_of_difference_is_told(bench: FilesBench) -> None:
    before = snapshot(bench.folder)
    assert differences(before, snapshot(bench.folder)) == []
    _change_everything(bench.folder)
    told = "\n".join(differences(before, snapshot(bench.folder)))
    for expected in (
        "owned: digest", "shared: size_bytes", "program: mode", "zz-first/large-too: owner",
        "absolute: group",
        "void: modified_ns", "marked: attributes", "inheriting: attributes", "names/ : is missing",
        "sticky/x: should not be there", "fifo: kind", "null: device", "dangling: points_to",
        "small-too: linked_to", "sparse: holes were filled", "(the root): mode",
    ):  # fmt: skip
        assert expected in told


def test_the_command_says_by_its_status_whether_there_is_a_difference(
    bench: FilesBench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(str(bench.folder), str(bench.folder)) == 0
    assert main(str(bench.folder), str(bench.places)) == 1
    assert "small: is missing" in capsys.readouterr().out
