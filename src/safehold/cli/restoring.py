"""What `restore` does: start the job, see to it that somebody runs it, show how far it is."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from safehold.api.local import LocalClient
from safehold.cli.children import kept_alive
from safehold.cli.declaring import allow_restores_to
from safehold.cli.installation import Installation
from safehold.cli.lifetime import start_child
from safehold.cli.listing import restore_job
from safehold.cli.options import size_text
from safehold.cli.summary import live_workers
from safehold.core.errors import ResourceNotFound, RestoreError
from safehold.domain.restore_requests import ITEMS_KEY, value_of
from safehold.records import recovery_points, resources, sources

POLL_SECONDS = 0.5
ENDED = frozenset({"COMPLETED", "FAILED", "ABORTED"})

Show = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """to: absolute, or None for a new folder beneath the source's first writable root."""

    point_arn: str
    to: Path | None
    items: tuple[str, ...]
    metadata: Mapping[str, str]


def restore(installation: Installation, wanted: Wanted, *, waits: bool, quiet: bool) -> dict[str, Any]:
    """The job as it is at the end: its own, or that of waiting. Raises RequestError, RestoreError."""
    metadata = _metadata(installation, wanted)
    client = installation.client
    job_id = client.call(
        "StartRestoreJob",
        RecoveryPointArn=wanted.point_arn,
        Metadata=metadata,
        IamRoleArn=installation.role_arn,
    )["RestoreJobId"]
    if waits:
        with somebody_working(installation), _shown(quiet) as show:
            return _wait(client, job_id, show)
    return restore_job(client.call("DescribeRestoreJob", RestoreJobId=job_id))


def _metadata(installation: Installation, wanted: Wanted) -> dict[str, str]:
    metadata = dict(wanted.metadata)
    if wanted.items:
        metadata[ITEMS_KEY] = json.dumps(wanted.items)
    if wanted.to is None:
        has_target = any(value_of(metadata, key) for key in ("targetPath", "newFileSystem"))
        return metadata if has_target else metadata | {"newFileSystem": "true"}
    _allow(installation, wanted.point_arn, wanted.to)
    return metadata | {"targetPath": str(wanted.to)}


def _allow(installation: Installation, point_arn: str, to: Path) -> None:
    """Whoever holds the data folder decides where restores may write: `--to` says so for this source."""
    with installation.catalog.read() as tx:
        point = recovery_points.find_by_arn(tx, point_arn, account_id=installation.account_id)
        if point is None:
            raise ResourceNotFound("Cannot find recovery point.", context=point_arn)
        resource = resources.find(tx, point.resource_arn)
        source = sources.find(tx, resource.source_id) if resource and resource.source_id else None
    if source is None:
        raise RestoreError(f"the source of {point.resource_arn} was removed; add it again to restore")
    roots = source.settings.get("writable_roots", [])
    assert isinstance(roots, list)
    if not any(to.is_relative_to(str(root)) for root in roots):
        try:
            to.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RestoreError(f"cannot make {to}: {error.strerror}") from error
        allow_restores_to(installation, source, str(to))


@contextmanager
def somebody_working(installation: Installation) -> Iterator[None]:
    """Without a server nobody would run the job: a worker of our own does, as long as the block runs."""
    if live_workers(installation):
        yield
        return
    arguments = ["work", "--data", str(installation.folder.path), "--child"]
    with kept_alive(lambda: start_child(arguments, quiet=True), count=1, clock=installation.clock):
        yield


def _wait(client: LocalClient, job_id: str, show: Show) -> dict[str, Any]:
    pause = threading.Event()
    while True:
        job = client.call("DescribeRestoreJob", RestoreJobId=job_id)
        show(job)
        if job["Status"] in ENDED:
            return restore_job(job)
        pause.wait(POLL_SECONDS)


@contextmanager
def _shown(quiet: bool) -> Iterator[Show]:
    """A bar on a terminal, a line for each tenth elsewhere, nothing when quiet. All on standard error."""
    if quiet:
        yield _say_nothing
    elif sys.stderr.isatty():
        with _bar() as bar:
            yield bar
    else:
        yield _Lines().show


@contextmanager
def _bar() -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:9}"), BarColumn(), TextColumn("{task.percentage:>5.1f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("PENDING", total=100.0)

        def show(job: Mapping[str, Any]) -> None:
            progress.update(task, description=job["Status"], completed=float(job["PercentDone"]))

        yield show


def _say_nothing(job: Mapping[str, Any]) -> None:
    """What `--json` shows while it waits."""


class _Lines:
    """Remembers what it said last."""

    def __init__(self) -> None:
        self._said: tuple[str, int] | None = None

    def show(self, job: Mapping[str, Any]) -> None:
        state, tenths = str(job["Status"]), int(float(job["PercentDone"])) // 10
        if (state, tenths) != self._said:
            self._said = (state, tenths)
            size = size_text(job.get("BackupSizeInBytes"))
            click.echo(f"{state} {job['PercentDone']} % of {size}", err=True)
