"""What `keys recover` does: a kit and a vault, and nothing else of what there once was."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safehold.cli.rotating import uuid_text
from safehold.connectors.contract import RestoreRequest, SourceSpec
from safehold.connectors.registry import connector_of
from safehold.core import ids
from safehold.core.clock import SystemClock
from safehold.core.errors import KeyMismatch, RestoreError, StoreError, StoreUnavailable
from safehold.store.backends.contract import Backend
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.places import open_place
from safehold.store.custody.key_proof import check_they_open
from safehold.store.points.points import PointRecord
from safehold.store.sealed.keys import VaultKeys
from safehold.store.vault_store import VaultStore

FOLDER = "EFS"  # what a folder is called, whatever the point was taken of


def find_vault(keys: Mapping[bytes, VaultKeys], place: str) -> VaultStore:
    """The vault in that place that one of the kit's keys opens. Raises KeyMismatch, StoreUnavailable."""
    for vault_id, each in keys.items():
        with suppress(KeyMismatch, StoreUnavailable):
            backend = _backend(place, vault_id)
            check_they_open(backend, each, vault_id)
            return VaultStore(backend, each, vault_id)
    error = KeyMismatch(f"no vault of this kit is in {place}")
    error.hint = f"It opens {', '.join(map(uuid_text, keys))}: name the folder of one, or the storage's URL."
    raise error


def _backend(place: str, vault_id: bytes) -> Backend:
    if "://" in place:
        return open_place(place, uuid_text(vault_id), create=False)
    folder = Path(place)
    if (folder / uuid_text(vault_id)).is_dir():
        folder = folder / uuid_text(vault_id)
    if not any((folder / name).is_dir() for name in ("points", "packs", "keys")):
        raise StoreUnavailable(f"there is no vault in {folder}")
    return LocalBackend(folder)


def list_points(store: VaultStore) -> list[dict[str, Any]]:
    """All points of the vault, the oldest first; one that cannot be read says why."""
    is_void = store.void_check()
    rows = [_point_row(store, point_id, is_void) for point_id in store.points()]
    return sorted(rows, key=lambda row: str(row["created_at"]))


def _point_row(store: VaultStore, point_id: str, is_void: Callable[[PointRecord], bool]) -> dict[str, Any]:
    try:
        record = store.point(point_id)
        state = "deleted" if store.is_deleted(point_id) else "void" if is_void(record) else "whole"
    except StoreError as error:
        return {"id": point_id, "created_at": "", "resource": None, "name": None, "state": str(error)}
    created_at = datetime.fromtimestamp(record.created_at / 1_000_000, UTC)
    return {
        "id": point_id,
        "created_at": created_at.isoformat(timespec="seconds"),
        "resource": record.resource_arn,
        "name": record.resource_name,
        "size_bytes": record.stats.total_bytes,
        "state": state,
    }


def restore_point(store: VaultStore, point_id: str, to: Path, items: Sequence[str]) -> dict[str, Any]:
    """The point's items are in the folder `to`, made if need be. Raises StoreError, RestoreError."""
    record = store.point(point_id)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RestoreError(f"cannot make {to.parent}: {error.strerror}") from error
    settings = {"path": str(to), "writable_roots": [str(to.parent)]}
    source = SourceSpec("recovery", "recovery", "files", FOLDER, "", "", settings)
    request = RestoreRequest(
        resource_arn=record.resource_arn,
        resource_facts=record.facts,
        metadata={"targetPath": str(to)},
        items=[os.fsencode(item) for item in items],
        job_id=ids.new_id(),
        now=SystemClock().now(),
    )
    troubles: list[str] = []

    def skip(path: bytes, why: str) -> None:
        troubles.append(f"{os.fsdecode(path)}: {why}")

    connector = connector_of("files")
    connector.check_restore(source, request)
    with connector.restore(source, request, skip=skip) as target:
        if not request.items:
            target.make(b"", record.root)
        counts = store.restore(
            record, target, paths=request.items, advance=lambda items, size: None, skip=skip
        )
        target.finish()
    return {
        "point": point_id,
        "to": str(to),
        "files": counts.files,
        "bytes": counts.bytes,
        "troubles": troubles,
    }
