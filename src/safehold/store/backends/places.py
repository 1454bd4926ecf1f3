"""Where vaults live, by URL: the one list of backends that can be named in a configuration."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from safehold.core.errors import ConfigError, StoreUnavailable
from safehold.store.backends.contract import Backend
from safehold.store.backends.local import LocalBackend


def open_place(storage_url: str, vault_id: str, *, create: bool) -> Backend:
    """The place of one vault below a site's storage. Raises ConfigError, StoreUnavailable.

    create  the vault was never written to, so its folder may be made; else its absence is an error: an
            unmounted disk must not look like an empty vault
    """
    root = check_storage(storage_url)
    if create:
        return LocalBackend.create(root / vault_id)
    if not (root / vault_id).is_dir():
        raise StoreUnavailable(f"the vault's folder {root / vault_id} is not there")
    return LocalBackend(root / vault_id)


def check_storage(storage_url: str) -> Path:
    """The folder that vaults live in. Raises ConfigError, StoreUnavailable when it is not there."""
    scheme, _, path, *_ = urlsplit(storage_url)
    if scheme != "file":
        raise ConfigError(f"{storage_url}: only file:// storage is known")
    root = Path(unquote(path))
    if not root.is_dir():
        raise StoreUnavailable(f"the site's storage {root} is not there")
    return root
