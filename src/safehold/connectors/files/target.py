"""Where a restore puts a tree: worked out from AWS's metadata, only beneath roots that the source declares.

    targetPath            ours: this folder (absolute), made when it is missing; wins over all others
    newFileSystem=true    a new folder in the first writable root, named after CreationToken
    otherwise             `aws-backup-restore_<time>_<job>` inside the source's own folder, as AWS does it

Source: AWS Backup Developer Guide, "Restore an Amazon EFS file system".
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from safehold.connectors.contract import RestoreRequest, SourceSpec
from safehold.connectors.files.folders import FOLDER_FLAGS
from safehold.connectors.files.settings import FilesSettings
from safehold.connectors.files.trouble import printable
from safehold.core.errors import RestoreError, SourceDenied

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SERVICES = {"EFS": "elasticfilesystem", "FSx": "fsx"}
_INSIDE_SOURCE = b"aws-backup-restore_"


@dataclass(frozen=True, slots=True)
class Target:
    """A place to restore to.

    root      the writable root it lies beneath
    folders   names from there; the last may have to be made
    is_fresh  the restore makes it, so nothing in it belongs to anyone else
    """

    root: str
    folders: tuple[bytes, ...]
    is_fresh: bool
    arn: str


def file_system_id(source: SourceSpec, path: str) -> str:
    """The same for the same folder of the same source, always."""
    seed = os.fsencode(source.source_id) + b"\0" + os.fsencode(path)
    return "fs-" + hashlib.sha256(seed).hexdigest()[:17]


def file_system_arn(source: SourceSpec, path: str) -> str:
    service = _SERVICES[source.resource_type]
    name = file_system_id(source, path)
    return f"arn:aws:{service}:{source.site}:{source.account_id}:file-system/{name}"


def plan_target(settings: FilesSettings, source: SourceSpec, request: RestoreRequest) -> Target:
    """Where this request goes. Touches nothing. Raises RestoreError, SourceDenied."""
    metadata = {key.lower(): value for key, value in request.metadata.items()}
    if metadata.get("targetpath"):
        return _explicit(settings, source, metadata["targetpath"])
    if metadata.get("newfilesystem", "false").lower() == "true":
        return _new_folder(settings, source, request, metadata)
    return _inside_source(settings, source, request, metadata)


def open_target(target: Target, job_id: str) -> int:
    """The target folder, made if need be, open. A job that comes again gets its own folder again.

    Raises RestoreError when the folder is there already and another's, SourceDenied.
    """
    current = _open_root(target.root)
    try:
        for name in target.folders[:-1]:
            current = _step(current, name)
        if target.folders:
            name = _name_of_job(current, target.folders[-1], job_id)
            if target.is_fresh and not name.endswith(job_id.encode()):
                _claim(current, name, job_id)
            current = _step(current, name)
    except OSError as error:
        os.close(current)
        where = os.path.join(os.fsencode(target.root), *target.folders)
        denied = SourceDenied(f"cannot write to {printable(where)}: {os.strerror(error.errno or 0)}")
        denied.hint = "Symbolic links below a writable root are not followed; give the real path."
        raise denied from error
    except RestoreError:
        os.close(current)
        raise
    return current


def _open_root(root: str) -> int:
    try:
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise SourceDenied(f"the writable root {root} cannot be opened: {why}") from error


def _step(parent: int, name: bytes) -> int:
    """Into a folder, made if it is missing; `parent` is closed when that worked."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    child = os.open(name, FOLDER_FLAGS, dir_fd=parent)
    os.close(parent)
    return child


def _name_of_job(parent: int, name: bytes, job_id: str) -> bytes:
    """The name that an earlier attempt of this job used, whatever the time was then."""
    if not name.startswith(_INSIDE_SOURCE):
        return name
    ending = b"_" + job_id.encode()
    names = (os.fsencode(found) for found in os.listdir(parent))
    return min((n for n in names if n.startswith(_INSIDE_SOURCE) and n.endswith(ending)), default=name)


def _claim(parent: int, name: bytes, job_id: str) -> None:
    """Make a new folder this job's own. Raises RestoreError when it is somebody else's."""
    # The claim stays: a job may be asked for again even after everything is done.
    claim = b"." + name + b".restored-by"
    try:
        descriptor = os.open(
            claim, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent
        )
    except FileExistsError:
        descriptor = os.open(claim, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        claimed_by = os.read(descriptor, 1024)
        if claimed_by == job_id.encode():
            return
        if claimed_by or _exists(parent, name):
            raise RestoreError(f"{os.fsdecode(name)} is there already: take another CreationToken")
        os.write(descriptor, job_id.encode())
    finally:
        os.close(descriptor)


def _exists(parent: int, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _explicit(settings: FilesSettings, source: SourceSpec, wanted: str) -> Target:
    if not os.path.isabs(wanted) or "\0" in wanted or ".." in wanted.split("/"):
        raise RestoreError(f"targetPath needs an absolute path without '..', not {wanted!r}")
    path = os.path.normpath(wanted)
    root, folders = _beneath(settings, path)
    return Target(root, folders, False, file_system_arn(source, path))


def _new_folder(
    settings: FilesSettings, source: SourceSpec, request: RestoreRequest, metadata: Mapping[str, str]
) -> Target:
    if not settings.writable_roots:
        raise _not_writable("a new file system")
    name = metadata.get("creationtoken") or f"restore-{request.job_id}"
    if not _NAME.fullmatch(name):
        raise RestoreError(f"CreationToken cannot be the name of a folder: {name!r}")
    root = settings.writable_roots[0]
    return Target(root, (name.encode(),), True, file_system_arn(source, os.path.join(root, name)))


def _inside_source(
    settings: FilesSettings, source: SourceSpec, request: RestoreRequest, metadata: Mapping[str, str]
) -> Target:
    own = file_system_id(source, settings.path)
    wanted = metadata.get("file-system-id", own)
    if wanted != own:
        error = RestoreError(f"this source is the file system {own} and cannot restore into {wanted}")
        error.hint = "Give newFileSystem=true, or a targetPath beneath a writable root of the source."
        raise error
    root, folders = _beneath(settings, settings.path)
    time = request.now.strftime("%Y-%m-%dT%H-%M-%SZ").encode()
    name = _INSIDE_SOURCE + time + b"_" + request.job_id.encode()
    return Target(root, (*folders, name), True, request.resource_arn)


def _beneath(settings: FilesSettings, path: str) -> tuple[str, tuple[bytes, ...]]:
    for root in settings.writable_roots:
        if path == root:
            return root, ()
        if path.startswith(root.rstrip("/") + "/"):
            return root, tuple(os.fsencode(path[len(root.rstrip("/")) + 1 :]).split(b"/"))
    raise _not_writable(path)


def _not_writable(what: str) -> SourceDenied:
    denied = SourceDenied(f"the source declares no writable root for {what}")
    denied.hint = "Name a folder in the source's `writable_roots` that restores may write to."
    return denied
