"""What a failing system call means: for one item, for a whole capture, for a whole restore."""

from __future__ import annotations

import errno
import os

from safehold.core.errors import RestoreError, SourceError

# Our own shortage, not the item's fault: going on would leave out one item after the other.
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_TARGET_FAILED = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, *_OURS})


def printable(name: str | bytes) -> str:
    """A name of any bytes as text that can be stored and shown; what is not UTF-8 becomes `\\xNN`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def why_not_taken(error: OSError) -> str:
    """Why one item is not in a backup. Raises SourceError when the trouble is not the item's own."""
    number = error.errno or 0
    if number in _OURS:
        raise SourceError(
            f"the machine has run short while files were read: {os.strerror(number)}"
        ) from error
    if number in (errno.ENOENT, errno.ESTALE):
        return "vanished before it was read"
    if number in (errno.ELOOP, errno.ENOTDIR):
        return "became something else before it was read"
    return f"could not be read: {os.strerror(number)}"


def why_not_restored(error: OSError) -> str:
    """Why one item was not put back. Raises RestoreError when the target as a whole fails."""
    number = error.errno or 0
    if number in _TARGET_FAILED:
        failure = RestoreError(f"the target of the restore failed: {os.strerror(number)}")
        failure.hint = "Mend or make room at the target, then start the restore again: it goes on from there."
        raise failure from error
    if number in (errno.ELOOP, errno.ENOTDIR):
        return "could not be restored: a symbolic link or a file is in the way of its folder"
    if number in (errno.EISDIR, errno.ENOTEMPTY):
        return "could not be restored: a folder of that name is in the way"
    return f"could not be restored: {os.strerror(number)}"
