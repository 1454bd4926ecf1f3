"""An installation, opened for one command: its catalog, its root key, its operations in process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from safehold.api.assembly import api_config
from safehold.api.call import Principal
from safehold.api.local import LocalClient
from safehold.core.clock import Clock, SystemClock
from safehold.core.config import DataFolder, Settings
from safehold.core.errors import ConfigError, RootKeyError
from safehold.core.filesystems import check_is_local
from safehold.core.secrets import RootKey, read_root_key
from safehold.domain import arns
from safehold.domain.quotas import Quotas
from safehold.domain.roles import DEFAULT_ROLE_NAME, DEFAULT_ROLE_PATH
from safehold.records import installation, schema, sites
from safehold.records.engine import Catalog


@dataclass(frozen=True, slots=True)
class Installation:
    """account_id and site are those that the data folder was made with: whom a command speaks for."""

    folder: DataFolder
    settings: Settings
    root_key: RootKey
    catalog: Catalog
    account_id: str
    site: str
    clock: Clock

    @property
    def client(self) -> LocalClient:
        """The API's operations, called as the account's root."""
        principal = Principal(
            account_id=self.account_id, arn=arns.root_arn(self.account_id), user_id=self.account_id
        )
        config = api_config(self.root_key, aws_limits=self.settings.aws_limits, quotas=self.quotas)
        return LocalClient(self.catalog, config, principal=principal, site=self.site, clock=self.clock)

    @property
    def quotas(self) -> Quotas:
        """AWS's, but for those that `safehold.toml` sets. Raises ConfigError for what is no quota."""
        return Quotas.of(self.settings.quotas)

    @property
    def role_arn(self) -> str:
        """The role that is there from the start."""
        return arns.role_arn(self.account_id, DEFAULT_ROLE_PATH, DEFAULT_ROLE_NAME)


@contextmanager
def opened(data: Path) -> Iterator[Installation]:
    """The installation in that folder, its tables upgraded, its root key proved to be the right one.

    Raises ConfigError: DataFolderMissing, RootKeyError, CatalogVersionError, NetworkFileSystem.
    """
    folder = DataFolder(data)
    settings = folder.settings()
    check_place(folder, settings)
    root_key = read_root_key(folder.root_key_file)
    catalog = Catalog(folder.catalog_url(settings))
    try:
        schema.upgrade(catalog)
        _check_root_key(folder, catalog, root_key)
        _follow_move(catalog, folder.storage_url(settings))
        _set_cold_storage(catalog, settings.cold_storage_url)
        yield Installation(
            folder, settings, root_key, catalog, _account(catalog, settings), settings.region, SystemClock()
        )
    finally:
        catalog.close()


def _check_root_key(folder: DataFolder, catalog: Catalog, root_key: RootKey) -> None:
    try:
        installation.check_root_key(catalog, root_key)
    except RootKeyError as error:
        if folder.next_root_key_file.exists():
            error.hint = "A change of the root key was cut off: `safehold keys rotate-root` ends it."
        raise


def check_place(folder: DataFolder, settings: Settings) -> None:
    """Raise NetworkFileSystem when databases would be files on one."""
    if not (settings.catalog_url and settings.jobs_url):
        check_is_local(folder.path)


def _follow_move(catalog: Catalog, storage_url: str) -> None:
    """A data folder that was moved or copied takes its vaults along."""
    with catalog.read() as tx:
        known = {sites.storage_url(tx, name) for name in sites.names(tx)}
    if storage_url not in known:
        with catalog.begin() as tx:
            sites.follow_storage(tx, storage_url)


def _set_cold_storage(catalog: Catalog, url: str) -> None:
    if not url:
        return
    with catalog.read() as tx:
        is_known = all(sites.cold_storage_url(tx, name) == url for name in sites.names(tx))
    if not is_known:
        with catalog.begin() as tx:
            sites.set_cold_storage(tx, url)


def _account(catalog: Catalog, settings: Settings) -> str:
    if settings.account_id:
        return settings.account_id
    with catalog.read() as tx:
        found = installation.find_account(tx)
    if found is None:
        raise ConfigError("the catalog holds no installation")
    return found
