"""What a search can ask of an item, by the type of its resource. Pure.

A connector of a new type adds how its items' facts are read here, and its points can be searched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from safehold.domain.items import Item, ItemKind, ItemRow

NANOSECONDS_PER_MICROSECOND = 1_000
BUCKET_TYPE = "S3"

ToRow: TypeAlias = Callable[[bytes, Item], ItemRow]


def is_searched(item: Item) -> bool:
    """A folder is found by what is in it."""
    return item.kind != ItemKind.DIRECTORY


def row_of(resource_type: str) -> ToRow:
    """How items of that type become rows, from their path in the point and themselves."""
    return _ROWS.get(resource_type, _of_file)


def _of_file(path: bytes, item: Item) -> ItemRow:
    """Facts as `connectors/files/facts.py` names them: `t`, and `b` where a file system tells it."""
    return ItemRow(
        b"/" + path,
        item.size_bytes,
        modified_us=_micros(item.facts.get("t")),
        created_us=_micros(item.facts.get("b")),
    )


def _of_object(path: bytes, item: Item) -> ItemRow:
    """An object's one time is that of its creation; AWS answers it as such, too.

    Source: model backupsearch 2018-05-10, `S3ResultItem`.
    """
    created = _micros(item.facts.get("t"))
    etag, version = item.facts.get("etag"), item.facts.get("version_id")
    return ItemRow(
        path,
        item.size_bytes,
        created_us=created,
        etag=etag if isinstance(etag, bytes) else None,
        version_id=version if isinstance(version, bytes) else None,
    )


def _micros(nanoseconds: object) -> int | None:
    return nanoseconds // NANOSECONDS_PER_MICROSECOND if isinstance(nanoseconds, int) else None


_ROWS: Mapping[str, ToRow] = {BUCKET_TYPE: _of_object}
