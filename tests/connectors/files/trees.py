"""Trees to back up: every kind of thing that a file system holds. Needs root, as devices and owners do."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

LONG_AGO_NS = 1_234_567_890_123_456_789
NAME_255 = "n" * 255
DEPTH = 24  # folders with names of 200 bytes: past the 4096 bytes that a path may have
Steps = list[Callable[[], None]]


def acl(*entries: tuple[int, int, int]) -> bytes:
    """A POSIX ACL as the kernel keeps it: (tag, permissions, id) after the version number 2."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY = 0xFFFFFFFF
ACL = acl((1, 6, NOBODY), (2, 7, 1234), (4, 4, NOBODY), (16, 7, NOBODY), (32, 0, NOBODY))
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)  # cap_net_bind_service, effective


def everything(root: Path) -> None:
    """Fill `root` with at least one of everything."""
    root.mkdir(exist_ok=True)
    _files(root)
    _links(root)
    _special(root)
    _attributes(root)
    _names(root)
    _folders(root)
    _old_times(os.fsencode(root))


def _files(root: Path) -> None:
    (root / "empty").touch()
    (root / "small").write_bytes(b"small\n")
    (root / "large").write_bytes(os.urandom(1 << 20) * 3 + b"tail")
    (root / "owned").write_bytes(b"by others")
    os.chown(root / "owned", 1234, 4321)
    (root / "program").write_bytes(b"#!/bin/sh\n")
    os.chown(root / "program", 1000, 1000)
    (root / "program").chmod(0o6755)
    (root / "secret").write_bytes(b"nobody may read it")
    (root / "secret").chmod(0)
    with open(root / "sparse", "wb") as file:
        file.truncate(12 << 20)
        file.seek(5 << 20)
        file.write(b"island")
    with open(root / "sparse-small", "wb") as file:
        file.truncate(900_000)
        file.seek(500_000)
        file.write(b"island")
    with open(root / "only-hole", "wb") as file:
        file.truncate(3 << 20)


def _links(root: Path) -> None:
    (root / "dangling").symlink_to("nowhere/at/all")
    (root / "absolute").symlink_to("/etc/hostname")
    os.symlink(b"not-\xff-text", os.fsencode(root) + b"/to-odd-name")
    os.chown(root / "dangling", 7, 8, follow_symlinks=False)
    (root / "zz-first").mkdir()
    os.link(root / "small", root / "small-too")
    os.link(root / "small", root / "zz-first" / "small-again")
    os.link(root / "large", root / "zz-first" / "large-too")


def _special(root: Path) -> None:
    os.mkfifo(root / "fifo", 0o640)
    os.mknod(root / "null", 0o020666, os.makedev(1, 3))
    os.mknod(root / "disk", 0o060660, os.makedev(7, 123))
    with socket.socket(socket.AF_UNIX) as listening:
        where = os.open(root, os.O_PATH)
        listening.bind(f"/proc/self/fd/{where}/socket")
        os.close(where)
    os.chown(root / "fifo", 1234, 4321)
    (root / "null").chmod(0o1622)


def _attributes(root: Path) -> None:
    (root / "marked").write_bytes(b"x")
    os.setxattr(root / "marked", "user.colour", b"red\0and\xffgreen")
    os.setxattr(root / "marked", "trusted.note", b"")
    os.setxattr(root / "marked", "security.capability", CAPABILITY)
    os.setxattr(root / "dangling", "trusted.on-link", b"link", follow_symlinks=False)
    os.setxattr(root / "fifo", "trusted.on-fifo", b"fifo")
    (root / "shared").write_bytes(b"with an acl")
    os.setxattr(root / "shared", "system.posix_acl_access", ACL)
    (root / "inheriting").mkdir()
    os.setxattr(root / "inheriting", "system.posix_acl_default", ACL)
    os.setxattr(root / "inheriting", "user.of-a-folder", b"yes")
    (root / "inheriting" / "plain").write_bytes(b"made under a default acl")
    os.removexattr(root / "inheriting" / "plain", "system.posix_acl_access")


def _names(root: Path) -> None:
    (root / "names").mkdir()
    where = os.fsencode(root / "names")
    for name in (
        b"new\nline", b"\xff\xfe", b" ", b"-rf", b"...", b"back\\slash", "ä".encode(), "a\u0308".encode(),
        b"\x01", b"*", b"%2e%2e", NAME_255.encode(), b"CON", b"quote\"'",
    ):  # fmt: skip
        with open(where + b"/" + name, "wb") as file:
            file.write(name)


def _folders(root: Path) -> None:
    (root / "void").mkdir()
    (root / "sealed").mkdir()
    (root / "sealed" / "inside").write_bytes(b"in a folder without any right")
    (root / "sealed").chmod(0)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o3777)
    # "a" sorts before "a.b", though "a/x" sorts after it.
    for name in ("a", "a.b", "a-b"):
        (root / name).mkdir()
        (root / name / "x").write_bytes(name.encode())
    current = os.open(root, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir("d" * 200, dir_fd=current)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=current)
        os.close(current)
        current = below
    os.close(os.open("bottom", os.O_CREAT | os.O_WRONLY, dir_fd=current))
    os.close(current)


def _old_times(root: bytes) -> None:
    for _, folders, files, descriptor in os.fwalk(root, topdown=False):
        for number, name in enumerate(sorted([*folders, *files])):
            then = LONG_AGO_NS + number
            os.utime(name, ns=(then, then), dir_fd=descriptor, follow_symlinks=False)
    os.utime(root, ns=(LONG_AGO_NS, LONG_AGO_NS))
