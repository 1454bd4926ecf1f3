#!/usr/bin/env python3
"""Compares file trees with everything that a file system holds. Knows nothing of Safehold, on purpose.

    tools/treecmp.py BEFORE AFTER     prints each difference; exit status 1 when there is one

`snapshot` keeps a tree's picture, so that it can be compared after the tree is gone.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from dataclasses import dataclass, fields

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a tree. `linked_to`: the first path of its hard-link group, None without one."""

    kind: int
    mode: int
    owner: int
    group: int
    modified_ns: int
    size_bytes: int
    digest: bytes
    points_to: bytes
    device: int
    attributes: tuple[tuple[str, bytes], ...]
    linked_to: bytes | None
    allocated_bytes: int


def snapshot(root: str | bytes | os.PathLike[str]) -> dict[bytes, Entry]:
    """Every entry by its path from the root; the root itself is b""."""
    found: dict[bytes, Entry] = {}
    groups: dict[tuple[int, int], bytes] = {}
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found[b""] = _entry(descriptor, b".", b"", groups)
        _fill(descriptor, b"", found, groups)
    finally:
        os.close(descriptor)
    return found


def differences(before: dict[bytes, Entry], after: dict[bytes, Entry]) -> list[str]:
    """What of `before` is not the same in `after`, as sentences; holes may be more, never fewer."""
    told = [f"{_shown(path)}: is missing" for path in before if path not in after]
    told += [f"{_shown(path)}: should not be there" for path in after if path not in before]
    for path, was in before.items():
        now = after.get(path)
        if now is None:
            continue
        for field in fields(Entry):
            old, new = getattr(was, field.name), getattr(now, field.name)
            if field.name == "allocated_bytes":
                if was.allocated_bytes < was.size_bytes and new > old + 65536:
                    told.append(f"{_shown(path)}: holes were filled: {old} bytes on disk became {new}")
            elif old != new:
                told.append(f"{_shown(path)}: {field.name} was {old!r}, is {new!r}")
    return told


def _fill(folder: int, path: bytes, found: dict[bytes, Entry], groups: dict[tuple[int, int], bytes]) -> None:
    for name in sorted(os.fsencode(name) for name in os.listdir(folder)):
        here = path + b"/" + name if path else name
        entry = found[here] = _entry(folder, name, here, groups)
        if stat.S_ISDIR(entry.kind):
            below = os.open(name, _FLAGS | os.O_DIRECTORY, dir_fd=folder)
            try:
                _fill(below, here, found, groups)
            finally:
                os.close(below)


def _entry(folder: int, name: bytes, path: bytes, groups: dict[tuple[int, int], bytes]) -> Entry:
    seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
    kind = stat.S_IFMT(seen.st_mode)
    is_file = kind == stat.S_IFREG
    linked_to = None
    if seen.st_nlink > 1 and kind != stat.S_IFDIR:
        linked_to = groups.setdefault((seen.st_dev, seen.st_ino), path)
    here = b"/proc/self/fd/%d/%s" % (folder, name)
    names = sorted(os.listxattr(here, follow_symlinks=False))
    return Entry(
        kind=kind,
        mode=stat.S_IMODE(seen.st_mode),
        owner=seen.st_uid,
        group=seen.st_gid,
        modified_ns=seen.st_mtime_ns,
        size_bytes=seen.st_size if is_file else 0,
        digest=_digest(folder, name) if is_file else b"",
        points_to=os.readlink(name, dir_fd=folder) if kind == stat.S_IFLNK else b"",
        device=seen.st_rdev if kind in (stat.S_IFCHR, stat.S_IFBLK) else 0,
        attributes=tuple((n, os.getxattr(here, n, follow_symlinks=False)) for n in names),
        linked_to=linked_to,
        allocated_bytes=seen.st_blocks * 512 if is_file else 0,
    )


def _digest(folder: int, name: bytes) -> bytes:
    with open(os.open(name, _FLAGS, dir_fd=folder), "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").digest()


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace") or "(the root)"


def main(before: str, after: str) -> int:
    told = differences(snapshot(before), snapshot(after))
    print("\n".join(told) or "no difference")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
