"""What `points ls`, `points find` and `points diff` do: look into points where they lie."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from safehold.cli.installation import Installation
from safehold.cli.working import vault_access
from safehold.core.errors import InvalidRequest, ResourceNotFound
from safehold.domain.items import Item, ItemKind
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.vaults import Vault
from safehold.records import recovery_points, vaults
from safehold.store.points.points import PointRecord
from safehold.store.trees.diff import Change, diff
from safehold.store.trees.search import Looks, find_names, list_folder, matcher
from safehold.store.vault_store import VaultStore

NANOSECONDS = 1_000_000_000
ESCAPED = re.compile(rb"\\(\\|x[0-9a-fA-F]{2})")
NO_FOLDER = Item(b"", ItemKind.DIRECTORY, 0, {}, b"")


class Opened(NamedTuple):
    """A point, ready to be looked into."""

    point: RecoveryPoint
    store: VaultStore
    record: PointRecord


def open_point(installation: Installation, name: str) -> Opened:
    """The point of that ARN, or of the id at an ARN's end. Raises ResourceNotFound, StoreError."""
    point, vault = named_point(installation, name)
    store = vault_access(installation).for_reading(vault)
    return Opened(point, store, store.point(point.id))


def named_point(installation: Installation, name: str) -> tuple[RecoveryPoint, Vault]:
    """The point of that ARN, or of the id at an ARN's end, and its vault. Raises ResourceNotFound."""
    with installation.catalog.read() as tx:
        point = recovery_points.find_by_arn(tx, name, account_id=installation.account_id)
        point = point or recovery_points.find_by_id(tx, name.rpartition(":")[2].lower())
        vault = vaults.find_by_id(tx, point.vault_id) if point else None
    if point is None or vault is None or point.account_id != installation.account_id:
        raise ResourceNotFound("Cannot find recovery point.", context=name)
    return point, vault


def set_index(installation: Installation, name: str, *, is_wanted: bool) -> dict[str, Any]:
    """The point gets a search index, or loses it; what its index is now. Raises RequestError."""
    point, vault = named_point(installation, name)
    where = {"BackupVaultName": vault.name, "RecoveryPointArn": point.arn}
    client = installation.client
    client.call("UpdateRecoveryPointIndexSettings", **where, Index="ENABLED" if is_wanted else "DISABLED")
    now = client.call("GetRecoveryPointIndexDetails", **where)
    return {
        "recovery_point_arn": point.arn,
        "status": now.get("IndexStatus"),
        "message": now.get("IndexStatusMessage"),
        "items": now.get("TotalItemsIndexed"),
    }


def folder_rows(opened: Opened, path: str, *, after: str, limit: int) -> dict[str, Any]:
    """One page of a folder's list; `next` goes into the next call's `after`, None at the end."""
    store = opened.store
    here = _path(path)
    found = list_folder(
        store.tree(opened.record), here, store.chunks().read, after=name_of(after), limit=limit + 1
    )
    items = found[:limit]
    more = shown(items[-1].name) if len(found) > limit else None
    return {"path": shown(here), "items": [_row(item.name, item) for item in items], "next": more}


def find_rows(
    opened: Opened, pattern: str, *, looks: Looks, beneath: str, ignores_case: bool, limit: int
) -> dict[str, Any]:
    """The first items that match, in path order; folders that could not be read are named."""
    unread: list[str] = []
    match = matcher(name_of(pattern), looks, ignores_case=ignores_case)
    found = find_names(
        opened.store.tree(opened.record),
        match,
        beneath=_path(beneath),
        unreadable=lambda path, error: unread.append(f"{shown(path)}: {error}"),
    )
    first = list(islice(found, limit + 1))
    return {
        "items": [_row(each.path, each.item) for each in first[:limit]],
        "is_cut_off": len(first) > limit,
        "unreadable": unread,
    }


def diff_rows(earlier: Opened, later: Opened, *, path: str, limit: int) -> dict[str, Any]:
    """The first changes between two points of one vault. Raises InvalidRequest for points of two."""
    if earlier.point.vault_id != later.point.vault_id:
        raise InvalidRequest("These points lie in different vaults, which have no names in common.")
    store, here = later.store, _path(path)
    before, after = (store.tree(opened.record).find(here) or NO_FOLDER for opened in (earlier, later))
    changes: Iterator[Change] = diff(before, after, store.chunks().read, path=here)
    first = list(islice(changes, limit + 1))
    return {"changes": [_change(each) for each in first[:limit]], "is_cut_off": len(first) > limit}


def _change(change: Change) -> dict[str, Any]:
    item = change.after or change.before
    assert item is not None
    row = {"change": str(change.kind), **_row(change.path, item)}
    if change.before is not None and change.after is not None:
        row["is_content_changed"] = change.before.content != change.after.content
    return row | ({"old_path": shown(change.old_path)} if change.old_path else {})


def _row(name: bytes, item: Item) -> dict[str, Any]:
    modified = item.facts.get("t")
    target = item.facts.get("l") or item.facts.get("link_to")
    row = {
        "path": shown(name),
        "kind": ItemKind(item.kind).name.lower(),
        "size_bytes": item.size_bytes,
        "modified_at": datetime.fromtimestamp(modified / NANOSECONDS, UTC)
        if isinstance(modified, int)
        else None,
    }
    return row | ({"target": shown(target)} if isinstance(target, bytes) else {})


def shown(name: bytes) -> str:
    r"""A name as text that leads back to it: what is no UTF-8 or would not print is `\xNN`, `\` is `\\`."""
    text = name.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in character.encode())


def name_of(text: str) -> bytes:
    """The bytes of a name as the command line gives it, or as `shown` shows it."""
    return ESCAPED.sub(_unescaped, os.fsencode(text))


def _unescaped(found: re.Match[bytes]) -> bytes:
    return b"\\" if found[1] == b"\\" else bytes([int(found[1][1:], 16)])


def _path(text: str) -> bytes:
    return name_of(text).strip(b"/")
