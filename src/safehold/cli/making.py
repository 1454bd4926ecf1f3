"""Makes a data folder: once, and never over another one.

`safehold.toml` is written last: it says that the folder is whole. Without it the next try ends what the one
before began. Nothing is removed for that: a folder whose settings were lost looks just the same.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from safehold.cli.installation import check_place
from safehold.core.clock import SystemClock
from safehold.core.config import DataFolder, Settings
from safehold.core.errors import AlreadyInstalled, ConfigError
from safehold.core.filesystems import owner_only
from safehold.core.secrets import RootKey, create_root_key, read_root_key
from safehold.records import installation
from safehold.records.engine import Catalog
from safehold.store.backends.places import check_cold_storage, check_storage
from safehold.store.key_providers.urls import check_keys_url


def make(data: Path, settings: Settings) -> installation.Installation:
    """A data folder with its root key, catalog and `safehold.toml`, its files for their owner alone.

    May be called again after a crash, with the same settings: the key told is then that of the first try.
    Raises AlreadyInstalled when there is one, and changes nothing; ConfigError, RequestError,
    StoreUnavailable when the storage is not there.
    """
    folder = DataFolder(data)
    if folder.settings_file.exists():
        raise AlreadyInstalled(f"{data} holds an installation already")
    check_place(folder, settings)
    if settings.storage_url:
        check_storage(settings.storage_url)
    if settings.cold_storage_url:
        check_cold_storage(settings.cold_storage_url)
    check_keys_url(settings.keys_url)
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
        with owner_only():
            data.mkdir(exist_ok=True)
            folder.cache.mkdir(exist_ok=True)
            if not settings.storage_url:
                folder.vaults.mkdir(exist_ok=True)  # a place that is not there is never made later
            root_key = _root_key(folder)
            made = _fill_catalog(folder, settings, root_key)
            folder.write_settings(replace(settings, account_id=made.account_id))
    except OSError as error:
        raise ConfigError(f"cannot make {data}: {error.strerror}") from error
    return made


def _fill_catalog(folder: DataFolder, settings: Settings, root_key: RootKey) -> installation.Installation:
    region, storage_url = settings.region, folder.storage_url(settings)
    catalog = Catalog(folder.catalog_url(settings))
    try:
        now = SystemClock().now()
        return installation.create(catalog, root_key, region=region, storage_url=storage_url, now=now)
    except AlreadyInstalled:
        made = installation.find_made(catalog, root_key, region=region, storage_url=storage_url)
        if made is None:
            raise
        return made
    finally:
        catalog.close()


def _root_key(folder: DataFolder) -> RootKey:
    """A new one, or that of a try that did not end: a key is never overwritten."""
    try:
        return create_root_key(folder.root_key_file)
    except FileExistsError:
        return read_root_key(folder.root_key_file)
