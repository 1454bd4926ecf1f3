"""What is known of an entry of a file system besides its bytes, as the facts of an item.

    m  permission bits, with set-user-id, set-group-id and sticky
    u  g  numbers of owner and group
    t  c  modification and change time, nanoseconds since 1970; c is never put back, it tells changes
    i  inode number; tells changes, too
    n  number of hard links, where there is more than one (the group's first member alone has facts)
    s  1: the file has holes
    r  1: changed so shortly before it was read that another change may bear the same time: read it again
    x  extended attributes, POSIX ACLs among them: raw name -> raw value; absent when there are none
    l  where a symbolic link points to, raw
    d  device number of a device
    link_to  of a hard link: path of its group's first member
    v  of the root alone: device number of its file system

Access times are not kept: reading changes them.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple, Self

from safehold.domain.items import Facts, Item, ItemKind

KINDS = {
    stat.S_IFREG: ItemKind.FILE,
    stat.S_IFDIR: ItemKind.DIRECTORY,
    stat.S_IFLNK: ItemKind.SYMLINK,
    stat.S_IFIFO: ItemKind.FIFO,
    stat.S_IFSOCK: ItemKind.SOCKET,
    stat.S_IFCHR: ItemKind.CHARACTER_DEVICE,
    stat.S_IFBLK: ItemKind.BLOCK_DEVICE,
}
# Two seconds is the coarsest time stamp of any file system in use (FAT); most are at some milliseconds.
GRANULARITY_NS = 2_000_000_000
_BLOCK = 512  # unit of st_blocks, whatever the file system's own
_NO_ATTRIBUTES = (errno.ENOTSUP, errno.ENODATA, errno.ENOSYS)


class Seen(NamedTuple):
    """What a look at an entry told. The order is that of kernel.c.

    blocks  of 512 bytes each; error: the errno of a look that failed, everything else is 0 then
    """

    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    ctime_ns: int
    ino: int
    nlink: int
    blocks: int
    dev: int
    rdev: int
    error: int

    @classmethod
    def of(cls, seen: os.stat_result) -> Self:
        return cls(
            seen.st_mode,
            seen.st_uid,
            seen.st_gid,
            seen.st_size,
            seen.st_mtime_ns,
            seen.st_ctime_ns,
            seen.st_ino,
            seen.st_nlink,
            seen.st_blocks,
            seen.st_dev,
            seen.st_rdev,
            0,
        )

    @classmethod
    def failed(cls, error: OSError) -> Self:
        return cls(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, error.errno or errno.EIO)


def facts_of(seen: Seen, racy_from_ns: int) -> Facts:
    """Everything that `stat` knows. What changed at `racy_from_ns` or later is marked as racy."""
    changed = seen.ctime_ns
    facts: Facts = {
        "m": seen.mode & 0o7777,
        "u": seen.uid,
        "g": seen.gid,
        "t": seen.mtime_ns,
        "c": changed,
        "i": seen.ino,
    }
    if changed >= racy_from_ns:
        facts["r"] = 1
    return facts


def file_item(name: bytes, seen: Seen, racy_from_ns: int) -> Item:
    """A regular file, its bytes and extended attributes not read yet."""
    facts = facts_of(seen, racy_from_ns)
    if seen.nlink > 1:
        facts["n"] = seen.nlink
    if seen.size > 8192 and has_holes(seen):
        facts["s"] = 1
    return Item(name, ItemKind.FILE, seen.size, facts)


def has_holes(seen: Seen) -> bool:
    return seen.blocks * _BLOCK < seen.size


def is_same(item: Item, kind: int, seen: Seen) -> bool:
    """Is this the item that was taken last time, with nothing about it changed since?

    Change time and inode together: a modification time can be set by anyone, and a replaced file can bear
    every time of its predecessor.
    """
    facts = item.facts
    return (
        item.kind == kind
        and facts.get("c") == seen.ctime_ns
        and facts.get("i") == seen.ino
        and facts.get("t") == seen.mtime_ns
        and "r" not in facts
        and (kind != ItemKind.FILE or (item.size_bytes == seen.size and item.content is not None))
    )


def attributes_of(descriptor: int) -> dict[bytes, bytes]:
    """Extended attributes of an open file or folder; empty where the file system has none."""
    try:
        names = os.listxattr(descriptor)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:
            return {}
        raise
    return _values(descriptor, names, follows=True)


def attributes_at(folder: int, name: bytes) -> dict[bytes, bytes]:
    """Extended attributes of `name` in an open folder, without following it and without opening it."""
    # There is no listxattrat before Linux 6.13; the kernel's own name for an open folder does the same.
    path = b"/proc/self/fd/%d/%s" % (folder, name)
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_ATTRIBUTES:
            return {}
        raise
    return _values(path, names, follows=False)


def _values(place: int | bytes, names: list[str], *, follows: bool) -> dict[bytes, bytes]:
    found = {}
    for name in names:
        try:
            found[os.fsencode(name)] = os.getxattr(place, name, follow_symlinks=follows)
        except OSError as error:
            if error.errno not in _NO_ATTRIBUTES:  # RACE: taken off since it was listed
                raise
    return found


def with_attributes(item: Item, attributes: dict[bytes, bytes]) -> Item:
    """The item with its extended attributes, if there are any."""
    if not attributes:
        return item
    return Item(item.name, item.kind, item.size_bytes, {**item.facts, "x": attributes}, item.content)
