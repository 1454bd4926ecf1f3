"""Makes a data folder: once, and never over another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from safehold.cli.installation import check_place
from safehold.core.clock import SystemClock
from safehold.core.config import DataFolder, Settings
from safehold.core.errors import AlreadyInstalled, ConfigError
from safehold.core.secrets import RootKey, create_root_key, read_root_key
from safehold.records import installation
from safehold.records.engine import Catalog
from safehold.store.backends.places import check_storage


def make(data: Path, settings: Settings) -> installation.Installation:
    """A data folder with its root key, catalog and `safehold.toml`; the settings are written last.

    Raises AlreadyInstalled when there is one, and changes nothing; ConfigError, RequestError,
    StoreUnavailable when the storage is not there.
    """
    folder = DataFolder(data)
    if folder.settings_file.exists():
        raise AlreadyInstalled(f"{data} holds an installation already")
    check_place(folder, settings)
    if settings.storage_url:
        check_storage(settings.storage_url)
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.cache.mkdir(exist_ok=True)
        if not settings.storage_url:
            folder.vaults.mkdir(exist_ok=True, mode=0o700)  # a place that is not there is never made later
        root_key = _root_key(folder)
    except OSError as error:
        raise ConfigError(f"cannot make {data}: {error.strerror}") from error
    catalog = Catalog(folder.catalog_url(settings))
    try:
        made = installation.create(
            catalog,
            root_key,
            region=settings.region,
            storage_url=folder.storage_url(settings),
            now=SystemClock().now(),
        )
    finally:
        catalog.close()
    folder.write_settings(replace(settings, account_id=made.account_id))
    return made


def _root_key(folder: DataFolder) -> RootKey:
    """A new one, or that of a try that did not end: a key is never overwritten."""
    try:
        return create_root_key(folder.root_key_file)
    except FileExistsError:
        return read_root_key(folder.root_key_file)
