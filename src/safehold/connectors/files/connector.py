"""The files connector: a folder, local or mounted, as an EFS or FSx file system."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from safehold.connectors.contract import Capture, FoundResource, Restore, RestoreRequest, Skip, SourceSpec
from safehold.connectors.files import kernel
from safehold.connectors.files.capture import FilesCapture, open_root
from safehold.connectors.files.kernel import Kernel
from safehold.connectors.files.restoring import FilesRestore
from safehold.connectors.files.settings import parse_settings
from safehold.connectors.files.target import file_system_arn, file_system_id, open_target, plan_target
from safehold.connectors.files.walk import Gaps
from safehold.core.errors import ConfigError, RestoreError, SourceDenied, SourceMissing
from safehold.domain.items import PreviousTree

REREAD_RATE = 0.001  # so many of the files that seem unchanged are read all the same: it finds silent damage


class FilesConnector:
    """Implements connectors.contract.Connector.

    draw         answers a random number of [0, 1) each time; decides which unchanged files are read again
    load_kernel  gives the compiled library, or None to do everything one system call at a time
    """

    kind = "files"
    resource_types = frozenset({"EFS", "FSx"})

    def __init__(
        self,
        *,
        draw: Callable[[], float],
        reread_rate: float = REREAD_RATE,
        load_kernel: Callable[[], Kernel | None] = kernel.load,
    ) -> None:
        self._draw = draw
        self._reread_rate = reread_rate
        self._load_kernel = load_kernel

    def discover(self, source: SourceSpec) -> list[FoundResource]:
        """The folder itself. Raises SourceMissing, SourceDenied, ConfigError."""
        if source.resource_type not in self.resource_types:
            raise ConfigError(f"a file source is of type EFS or FSx, not {source.resource_type}")
        path = parse_settings(source.settings).path
        os.close(open_root(path))
        facts = {"path": path, "file_system_id": file_system_id(source, path)}
        arn = file_system_arn(source, path)
        return [FoundResource(arn, source.resource_type, source.name, None, facts)]

    @contextmanager
    def capture(
        self, source: SourceSpec, resource_arn: str, previous: PreviousTree, *, now: datetime, skip: Skip
    ) -> Iterator[Capture]:
        settings = parse_settings(source.settings)
        if resource_arn != file_system_arn(source, settings.path):
            raise SourceMissing(f"{source.name} does not hold {resource_arn} (any more)")
        gaps = Gaps(self._reread_rate, self._draw)
        capture = FilesCapture(
            settings, previous, now=now, reread=gaps, skip=skip, kernel=self._load_kernel()
        )
        try:
            yield capture
        finally:
            capture.close()

    def restore_metadata(self, source: SourceSpec, resource: FoundResource) -> dict[str, str]:
        """Source: AWS Backup Developer Guide, "Restore an Amazon EFS file system"."""
        del source
        return {
            "file-system-id": resource.facts["file_system_id"],
            "Encrypted": "true",
            "PerformanceMode": "generalPurpose",
            "newFileSystem": "false",
        }

    def check_restore(self, source: SourceSpec, request: RestoreRequest) -> None:
        target = plan_target(parse_settings(source.settings), source, request)
        if not os.path.isdir(target.root):
            raise SourceDenied(f"the writable root {target.root} is not a folder")
        if not os.access(target.root, os.W_OK | os.X_OK):
            raise SourceDenied(f"the writable root {target.root} may not be written to")

    @contextmanager
    def restore(self, source: SourceSpec, request: RestoreRequest, *, skip: Skip) -> Iterator[Restore]:
        if not request.job_id:
            raise RestoreError("a restore needs the id of its job")
        target = plan_target(parse_settings(source.settings), source, request)
        restore = FilesRestore(
            open_target(target, request.job_id),
            job_id=request.job_id,
            arn=target.arn,
            is_fresh=target.is_fresh,
            skip=skip,
            kernel=self._load_kernel(),
        )
        try:
            yield restore
        finally:
            restore.close()
