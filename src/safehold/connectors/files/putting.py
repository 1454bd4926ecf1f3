"""Putting facts back on what was restored: owner, attributes, mode, times; and telling what could not be.

The order is fixed by what undoes what: a new owner clears set-user-id and capabilities, an ACL sets the
group bits, and everything but the times themselves may move the times.
"""

from __future__ import annotations

import contextlib
import os
import threading

from safehold.connectors.contract import Skip
from safehold.connectors.files.trouble import printable
from safehold.domain.items import Facts

_SPECIAL_BITS = 0o6000  # set-user-id, set-group-id


class FactsWriter:
    """Puts facts on. What fails for many items is told once, with a count. Several threads may use it.

    clears_acls  what is made at the target may inherit an ACL from there; take off what was not backed up
    """

    def __init__(self, *, clears_acls: bool) -> None:
        self.clears_acls = clears_acls
        self._lock = threading.Lock()
        self._failures: dict[str, tuple[int, bytes]] = {}

    def put_on(self, descriptor: int, path: bytes, facts: Facts) -> None:
        """Everything, on an open file or folder. Raises OSError where even mode or times fail."""
        mode = self._own(descriptor, path, facts)
        if "x" in facts or self.clears_acls:
            self._put_attributes(descriptor, path, facts, follows=True)
        if mode is not None:
            os.fchmod(descriptor, mode)
        changed = facts.get("t")
        if isinstance(changed, int):
            os.utime(descriptor, ns=(changed, changed))

    def put_on_name(self, folder: int, name: bytes, path: bytes, facts: Facts, *, is_link: bool) -> None:
        """Everything, on what cannot be opened: a symbolic link, a fifo, a socket, a device."""
        owner, group = facts.get("u"), facts.get("g")
        mode = facts.get("m")
        if isinstance(owner, int) and isinstance(group, int):
            try:
                os.chown(name, owner, group, dir_fd=folder, follow_symlinks=False)
            except OSError:
                self._failed("owner and group", path)
                mode = mode & ~_SPECIAL_BITS if isinstance(mode, int) else mode
        if "x" in facts or (self.clears_acls and not is_link):
            here = b"/proc/self/fd/%d/%s" % (folder, name)
            self._put_attributes(here, path, facts, follows=False)
        if isinstance(mode, int) and not is_link:
            _change_mode(folder, name, mode)
        changed = facts.get("t")
        if isinstance(changed, int):
            os.utime(name, ns=(changed, changed), dir_fd=folder, follow_symlinks=False)

    def tell(self, skip: Skip) -> None:
        """Everything that failed, each kind once."""
        for what, (count, first) in sorted(self._failures.items()):
            more = f" and {count - 1} more" if count > 1 else ""
            skip(first, f"{what} could not be put back on it{more}: the worker may not do that here")
        self._failures.clear()

    def _own(self, descriptor: int, path: bytes, facts: Facts) -> int | None:
        """Give it to its owner; returns the mode it may have now."""
        owner, group, mode = facts.get("u"), facts.get("g"), facts.get("m")
        known_mode = mode if isinstance(mode, int) else None
        if not isinstance(owner, int) or not isinstance(group, int):
            return known_mode
        try:
            os.chown(descriptor, owner, group)
        except OSError:
            self._failed("owner and group", path)
            with contextlib.suppress(OSError):
                os.chown(descriptor, -1, group)  # a group that the worker is in it may give
            # A program that ran with its owner's rights must not run with those of whoever restores it.
            return known_mode & ~_SPECIAL_BITS if known_mode is not None else None
        return known_mode

    def _put_attributes(self, place: int | bytes, path: bytes, facts: Facts, *, follows: bool) -> None:
        wanted = facts.get("x")
        attributes = wanted if isinstance(wanted, dict) else {}
        if self.clears_acls:
            for name in ("system.posix_acl_access", "system.posix_acl_default"):
                if name.encode() not in attributes:
                    _take_off(place, name, follows=follows)
        for key, value in attributes.items():
            try:
                os.setxattr(place, key, value, follow_symlinks=follows)
            except OSError:
                self._failed(f"the attribute {printable(key)}", path)

    def _failed(self, what: str, path: bytes) -> None:
        with self._lock:
            count, first = self._failures.get(what, (0, path))
            self._failures[what] = (count + 1, first)


def _take_off(place: int | bytes, name: str, *, follows: bool) -> None:
    try:
        os.removexattr(place, name, follow_symlinks=follows)
    except OSError:
        return  # it had none, or the file system knows none


def _change_mode(folder: int, name: bytes, mode: int) -> None:
    # There is no chmod that spares links before Linux 6.6; an O_PATH descriptor is the thing itself.
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.chmod(b"/proc/self/fd/%d" % descriptor, mode)
    finally:
        os.close(descriptor)
