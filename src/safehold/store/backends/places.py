"""Where vaults live, by URL: the one list of backends that can be named in a configuration."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from safehold.core.errors import ConfigError, StoreUnavailable
from safehold.store.backends.cache import CacheBackend
from safehold.store.backends.contract import Backend
from safehold.store.backends.limit import LimitBackend
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.backends.retry import RetryBackend
from safehold.store.backends.tiered import TieredBackend

if TYPE_CHECKING:
    from safehold.store.backends.s3_connection import S3Place


def open_place(storage_url: str, vault_id: str, *, create: bool) -> Backend:
    """The place of one vault below a site's storage. Raises ConfigError, StoreUnavailable.

    create  the vault was never written to, so its folder may be made; else its absence is an error: an
            unmounted disk must not look like an empty vault
    """
    if _scheme(storage_url) == "s3":
        return _open_s3(storage_url, vault_id, create=create)
    root = _check_folder(storage_url)
    if create:
        return LockingLocalBackend.create(root / vault_id)
    if not (root / vault_id).is_dir():
        raise StoreUnavailable(f"the vault's folder {root / vault_id} is not there")
    return LockingLocalBackend(root / vault_id)


def open_places(storage_url: str, cold_url: str | None, vault_id: str, *, create: bool) -> Backend:
    """As `open_place`, with the vault's cold place, where the site has one: opened when it is needed."""
    if cold_url is None:
        return open_place(storage_url, vault_id, create=create)
    if create:
        check_cold_storage(cold_url)
    return TieredBackend(
        open_place(storage_url, vault_id, create=create), partial(open_cold_place, cold_url, vault_id)
    )


def open_cold_place(cold_url: str, vault_id: str, create: bool) -> Backend | None:
    """Where one vault's cold objects lie; None when none were ever put there, unless it may be made.

    Raises ConfigError, StoreUnavailable.
    """
    if _scheme(cold_url) == "s3":
        return _open_cold_s3(cold_url, vault_id, create=create)
    root = _check_folder(cold_url)
    if create:
        return LockingLocalBackend.create(root / vault_id)
    return LockingLocalBackend(root / vault_id) if (root / vault_id).is_dir() else None


def _open_cold_s3(cold_url: str, vault_id: str, *, create: bool) -> Backend | None:
    from safehold.store.backends.s3_connection import parse_place
    from safehold.store.backends.s3_locks import open_s3

    site = parse_place(cold_url)
    backend = open_s3(site.below(vault_id))
    if create:
        _test(replace(site, storage_class=None))
    elif not backend.holds_anything():
        return None
    limited = LimitBackend(
        backend, bytes_per_second=site.bytes_per_second, requests_per_second=site.requests_per_second
    )
    return RetryBackend(limited)


def check_cold_storage(cold_url: str) -> None:
    """Vaults can have what is cold there. Raises ConfigError, StoreUnavailable."""
    if _scheme(cold_url) == "s3":
        from safehold.store.backends.s3_connection import parse_place

        # What the store promises is asked with objects that can be read at once.
        _test(replace(parse_place(cold_url), storage_class=None))
    else:
        _check_folder(cold_url)


def check_storage(storage_url: str) -> None:
    """Vaults can be put there. Raises ConfigError, StoreUnavailable."""
    if _scheme(storage_url) == "s3":
        _test(_warm_place(storage_url))
    else:
        _check_folder(storage_url)


def lock_trouble(storage_url: str, vault_id: str) -> str | None:
    """Why the vault's place does not keep objects as locks ask, asked now; None: it does.

    A bucket that locks everything by itself would keep working state, too, and fill up for ever.
    Raises ConfigError, StoreUnavailable.
    """
    if _scheme(storage_url) != "s3":
        root = _check_folder(storage_url)
        return (
            None if LockingLocalBackend(root / vault_id).can_lock else "its file system keeps no attributes"
        )
    from safehold.store.backends.s3_connection import parse_place
    from safehold.store.backends.s3_locks import open_s3
    from safehold.store.backends.selftest import default_retention

    backend = open_s3(parse_place(storage_url).below(vault_id))
    if not getattr(backend, "can_lock", False):
        return "its bucket has no object lock"
    default = default_retention(backend)
    return None if default is None else f"its bucket locks every object by itself ({default})"


@cache
def _test(place: S3Place) -> None:
    """The store can keep vaults: asked once in a process. Raises ConfigError, StoreUnavailable."""
    from safehold.store.backends.selftest import require, self_test

    require(self_test(place), place)


def _scheme(storage_url: str) -> str:
    """Raises ConfigError for a scheme that is not known."""
    scheme = urlsplit(storage_url).scheme
    if scheme not in ("file", "s3"):
        error = ConfigError(f"{storage_url}: storage of that kind is not known")
        error.hint = "Write file:///FOLDER or s3://BUCKET/PREFIX."
        raise error
    return scheme


def _open_s3(storage_url: str, vault_id: str, *, create: bool) -> Backend:
    from safehold.store.backends.s3_locks import open_s3

    site = _warm_place(storage_url)
    place = site.below(vault_id)
    backend = open_s3(place)
    if create:
        _test(site)
    elif not backend.holds_anything():
        raise StoreUnavailable(f"nothing of the vault is in {place}")
    limited = LimitBackend(
        backend, bytes_per_second=place.bytes_per_second, requests_per_second=place.requests_per_second
    )
    # ORDER: each attempt takes from the limit; what is kept in memory takes neither.
    return CacheBackend(RetryBackend(limited))


def _warm_place(storage_url: str) -> S3Place:
    """Raises ConfigError."""
    # boto3 takes a quarter of a second to import: only those pay who keep vaults there.
    from safehold.store.backends.s3_connection import parse_place

    place = parse_place(storage_url)
    if place.storage_class is not None:
        error = ConfigError(f"{place}: a vault's warm place has no storage class of its own")
        error.hint = (
            "Leave `storage_class` out of `storage_url`; in `cold_storage_url` it says where points go."
        )
        raise error
    return place


def _check_folder(storage_url: str) -> Path:
    """The folder that vaults live in. Raises StoreUnavailable when it is not there."""
    root = Path(unquote(urlsplit(storage_url).path))
    if not root.is_dir():
        raise StoreUnavailable(f"the site's storage {root} is not there")
    return root
