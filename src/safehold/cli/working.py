"""Puts a worker together: connectors, stores, runners, upkeep."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from safehold.cli.installation import Installation
from safehold.cli.lifetime import end_with_parent
from safehold.connectors.registry import connector_of
from safehold.core import log, memory
from safehold.core.config import Settings
from safehold.jobs.collecting import Collecting
from safehold.jobs.engine import EngineSettings
from safehold.jobs.looking import Looking
from safehold.jobs.runners import all_runners
from safehold.jobs.upkeep import all_upkeep
from safehold.jobs.vaults import VaultAccess
from safehold.jobs.worker import Worker, WorkerSettings, work_until_told
from safehold.records import searches
from safehold.store.collect.settings import CollectionSettings
from safehold.store.key_providers.retry import RetryProvider
from safehold.store.key_providers.urls import open_provider


def work(
    installation: Installation,
    *,
    is_child: bool = False,
    ready: Callable[[str], None] = lambda worker_id: None,
) -> NoReturn:
    """Run jobs until SIGTERM, SIGINT or, as a child, the parent's end; then end this process.

    ready  called once, when jobs are taken from now on
    """
    log.configure()
    memory.keep_freed_memory()
    worker = worker_of(installation)
    if is_child:
        end_with_parent(worker.stopping.set)
    ending = work_until_told(worker, ready=ready)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ending)  # a job that does not let go in time must not keep the process


def worker_of(installation: Installation) -> Worker:
    """A worker of the installation, not yet running."""
    settings = installation.settings
    engine = EngineSettings(url=installation.folder.jobs_url(settings))
    access = VaultAccess(installation.catalog, RetryProvider(vault_access(installation).provider))
    assembled = (installation.catalog, access, connector_of, installation.clock)
    return Worker(
        WorkerSettings(
            engine=engine,
            lease_seconds=settings.lease_seconds,
            lifelines=installation.folder.lifelines if installation.catalog.is_sqlite else None,
        ),
        installation.catalog,
        all_runners(*assembled, looking_of(installation), checkpoint_seconds=settings.checkpoint_seconds),
        installation.clock,
        upkeep=all_upkeep(
            *assembled,
            discovery_seconds=settings.discovery_seconds,
            scrub_bytes_per_day=settings.scrub_bytes_per_day,
            collecting=collecting(installation, access),
        ),
        let_go=access.close,
    )


def looking_of(installation: Installation) -> Looking:
    """What jobs need that look into points."""
    settings, folder = installation.settings, installation.folder
    folder.cache.mkdir(mode=0o700, exist_ok=True)
    return Looking(
        results=searches.box(installation.root_key),
        scratch=folder.cache,
        delivery_endpoint=settings.delivery_endpoint or None,
        rules=Path(settings.scan_rules) if settings.scan_rules else folder.path / "rules",
        largest_bytes=settings.scan_largest_bytes,
    )


def collecting(installation: Installation, access: VaultAccess) -> Collecting | None:
    """What collects all vaults, as the installation is set."""
    hours = installation.settings.collection_hours
    if hours <= 0:
        return None
    return Collecting(
        installation.catalog,
        access,
        installation.clock,
        every=timedelta(hours=hours),
        settings=collection_settings(installation.settings),
        who=f"{socket.gethostname()} {os.getpid()}",
    )


def collection_settings(settings: Settings) -> CollectionSettings:
    return CollectionSettings(
        grace_seconds=settings.collection_grace_hours * 3600,
        trash_seconds=settings.collection_trash_days * 86_400,
        most_dead_percent=settings.collection_most_percent,
    )


def vault_access(installation: Installation) -> VaultAccess:
    """Opens the installation's vaults."""
    provider = open_provider(installation.settings.keys_url, installation.root_key)
    return VaultAccess(installation.catalog, provider)
