"""Locks on files of a local folder, as far as a folder can keep them.

Safehold refuses to delete what is locked; extended attributes of each file say until when. Where the system
has immutable files and we are root, the file is one, so that others' `rm` fails too. Whoever is root can
take all of that away: a folder is not a store with object lock, and the documentation says so.
Source: ioctl_iflags(2), xattr(7).
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from safehold.core.clock import Clock, SystemClock
from safehold.core.errors import Damaged, ObjectLocked, ObjectMissing, StoreUnavailable
from safehold.store.backends.contract import LockMode, Retention, Version
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.retention import is_enough, strongest
from safehold.store.backends.single_version import SingleVersion

RETENTION, HOLD = b"user.safehold.retention", b"user.safehold.hold"
FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IMMUTABLE_FL = 0x80086601, 0x40086602, 0x10  # <linux/fs.h>, 64 bits
NO_SUCH_FLAG = (errno.ENOTTY, errno.EOPNOTSUPP, errno.EPERM, errno.EINVAL, errno.ENOSYS)


class LockingLocalBackend(LocalBackend, SingleVersion):
    """As LocalBackend, where the file system keeps extended attributes.

    may_be_immutable  locked files get the immutable attribute where that is possible
    """

    keeps_versions = False

    def __init__(self, root: Path, *, clock: Clock | None = None, may_be_immutable: bool = True) -> None:
        super().__init__(root)
        self._clock = clock or SystemClock()
        self._may_be_immutable = may_be_immutable and os.geteuid() == 0

    @property
    def can_lock(self) -> bool:
        try:
            os.getxattr(self.root, RETENTION)
        except OSError as error:
            return error.errno == errno.ENODATA
        return True

    def put_locked(
        self, name: str, parts: Sequence[bytes | bytearray | memoryview], retention: Retention
    ) -> None:
        # ORDER: locked before it has its name; only a file with a name can be made immutable.
        self._put(name, parts, lambda descriptor: _write(descriptor, RETENTION, _encode(retention)))
        with self._opened(name) as descriptor:
            self._set_immutable(descriptor, True)

    def retention(self, version: Version) -> Retention | None:
        with self._opened(version.name) as descriptor:
            return _retention(descriptor, version.name)

    def retain(self, version: Version, retention: Retention) -> None:
        with self._changing(version.name) as descriptor:
            kept = _retention(descriptor, version.name)
            if not is_enough(kept, retention):
                _write(descriptor, RETENTION, _encode(strongest(kept, retention)))

    def hold(self, version: Version, *, is_held: bool) -> None:
        with self._changing(version.name) as descriptor:
            if is_held:
                _write(descriptor, HOLD, b"on")
            else:
                _take_off(descriptor, HOLD)

    def is_held(self, version: Version) -> bool:
        with self._opened(version.name) as descriptor:
            return _read(descriptor, HOLD) is not None

    def delete(self, name: str) -> None:
        with suppress(ObjectMissing):
            self.refuse_if_locked(name)
        super().delete(name)

    def rename(self, name: str, new_name: str) -> None:
        self.refuse_if_locked(name)
        super().rename(name, new_name)

    def refuse_if_locked(self, name: str) -> None:
        """Raises ObjectLocked, ObjectMissing. A file whose lock is over loses its immutable attribute."""
        with self._opened(name) as descriptor:
            kept = _retention(descriptor, name)
            if _read(descriptor, HOLD) is not None:
                raise ObjectLocked(f"{name} in {self.root} is under legal hold")
            if kept is not None and kept.until > self._clock.now():
                raise ObjectLocked(f"{name} in {self.root} is kept until {kept.until.isoformat()}")
            self._set_immutable(descriptor, False)

    @contextmanager
    def _changing(self, name: str) -> Iterator[int]:
        """The file, for changing its attributes; after that it is immutable again if anything locks it."""
        with self._opened(name) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # RACE: two that lengthen must not undo one another
            self._set_immutable(descriptor, False)
            try:
                yield descriptor
                os.fsync(descriptor)
            finally:
                is_locked = _read(descriptor, HOLD) is not None or _read(descriptor, RETENTION) is not None
                self._set_immutable(descriptor, is_locked)

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        try:
            descriptor = os.open(self.root / name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise ObjectMissing(f"{name} is not in {self.root}") from error
        except OSError as error:
            raise StoreUnavailable(f"cannot open {name} in {self.root}: {error}") from error
        try:
            yield descriptor
        except OSError as error:
            raise StoreUnavailable(f"cannot lock {name} in {self.root}: {error}") from error
        finally:
            os.close(descriptor)

    def _set_immutable(self, descriptor: int, is_immutable: bool) -> None:
        if not self._may_be_immutable:
            return
        try:
            packed = fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(8))
            (flags,) = struct.unpack_from("i", packed)
            wanted = flags | FS_IMMUTABLE_FL if is_immutable else flags & ~FS_IMMUTABLE_FL
            if wanted != flags:
                fcntl.ioctl(descriptor, FS_IOC_SETFLAGS, struct.pack("q", wanted))
        except OSError as error:
            if error.errno not in NO_SUCH_FLAG:
                raise


def _encode(retention: Retention) -> bytes:
    return f"{retention.mode.value} {retention.until.isoformat()}".encode()


def _retention(descriptor: int, name: str) -> Retention | None:
    found = _read(descriptor, RETENTION)
    if found is None:
        return None
    mode, _, until = found.decode(errors="replace").partition(" ")
    try:
        retention = Retention(LockMode(mode), datetime.fromisoformat(until))
    except ValueError as error:
        raise Damaged(f"{name}: its lock cannot be read: {found!r}") from error
    if retention.until.tzinfo is None:
        raise Damaged(f"{name}: its lock does not say in which time zone it ends: {found!r}")
    return retention


def _read(descriptor: int, attribute: bytes) -> bytes | None:
    try:
        return os.getxattr(descriptor, attribute)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.EOPNOTSUPP):
            return None
        raise


def _write(descriptor: int, attribute: bytes, value: bytes) -> None:
    os.setxattr(descriptor, attribute, value)


def _take_off(descriptor: int, attribute: bytes) -> None:
    try:
        os.removexattr(descriptor, attribute)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
