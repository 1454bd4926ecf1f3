"""What `keys rotate-root` does: a new root key for an installation, in steps that may be cut off anywhere.

# ORDER: the new key lies on disk before anything is wrapped under it. Vaults first: as long as the old key is
# in place, it opens them, since their old key objects stay. Then the catalog, in one transaction. Then all of
# it is opened with the new key; then the old one is kept under another name; and last the new one takes its
# place. Whoever dies before the catalog's turn has changed nothing that matters; after it, the old key no
# longer opens the catalog, and every command says to run this one again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from safehold.cli.installation import check_place
from safehold.cli.rotating import Row, rewrap_all
from safehold.core.clock import SystemClock
from safehold.core.config import DataFolder, Settings
from safehold.core.errors import DataFolderLocked
from safehold.core.filesystems import sync_folder
from safehold.core.secrets import RootKey, create_root_key, read_root_key
from safehold.records import access_keys, installation, nodes, schema, searches
from safehold.records.engine import Catalog
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.key_providers.urls import is_root_key, key_file_of

Told = Callable[[str], None]


def rotate(data: Path, *, told: Told) -> dict[str, Any]:
    """The installation has a new root key, which was seen to open everything; the old one is kept.

    told  hears of each step when it is done

    Raises DataFolderLocked when something of the installation runs, RootKeyError, StoreError.
    """
    folder = DataFolder(data)
    settings = folder.settings()
    check_place(folder, settings)
    with folder.locked():
        old = read_root_key(folder.root_key_file)
        catalog = Catalog(folder.catalog_url(settings))
        try:
            schema.upgrade(catalog)
            _check_alone(catalog, settings)
            new = _next(folder)
            told(f"new root key {new.fingerprint} made")
            rows = _rewrap(folder, settings, catalog, old=old, new=new)
            told(f"{len(rows)} vaults opened with the new root key")
            with catalog.begin() as tx:
                access_keys.reseal(tx, old=access_keys.box(old), new=access_keys.box(new))
                searches.forget_all_found(tx)  # kept for days at most; whoever wants them searches again
            installation.check_root_key(catalog, new)
            told("catalog opened with the new root key")
        finally:
            catalog.close()
        kept = _keep(folder, old)
        told(f"old root key {old.fingerprint} kept")
        os.replace(folder.next_root_key_file, folder.root_key_file)
        sync_folder(folder.path)
    return {"fingerprint": new.fingerprint, "kept": str(kept), "vaults": rows}


def _next(folder: DataFolder) -> RootKey:
    """The new root key: a fresh one, or that of a try that did not end."""
    with suppress(FileExistsError):
        key = create_root_key(folder.next_root_key_file)
        sync_folder(folder.path)
        return key
    return read_root_key(folder.next_root_key_file)


def _check_alone(catalog: Catalog, settings: Settings) -> None:
    """Other processes hold the old root key in memory. Raises DataFolderLocked when one lives."""
    now = SystemClock().now()
    with catalog.read() as tx:
        known = nodes.list_nodes(tx)
    silent_for = timedelta(seconds=settings.lease_seconds)
    living = [node for node in known if node.reaped_at is None and now - node.seen_at < silent_for]
    if living:
        running = ", ".join(f"{node.role} on {node.host} (pid {node.pid})" for node in living)
        error = DataFolderLocked(f"the root key cannot change while this installation runs: {running}")
        error.hint = "Stop them first."
        raise error


def _rewrap(
    folder: DataFolder, settings: Settings, catalog: Catalog, *, old: RootKey, new: RootKey
) -> list[Row]:
    path = key_file_of(settings.keys_url)
    is_ours = is_root_key(settings.keys_url) or (
        path is not None and path.resolve() == folder.root_key_file.resolve()
    )
    return rewrap_all(catalog, old=KeyFile(old), new=KeyFile(new)) if is_ours else []


def _keep(folder: DataFolder, old: RootKey) -> Path:
    """The old root key has a second name, under which it stays."""
    kept = folder.root_key_file.with_name(f"root.key.{old.fingerprint}")
    with suppress(FileExistsError):
        os.link(folder.root_key_file, kept)
        sync_folder(folder.path)
    return kept
