"""A search's two spellings: the wire's, and ours.

Source: model backupsearch 2018-05-10 `SearchScope`, `ItemFilters`; docs/parity/search.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from safehold.domain.item_filters import (
    Criteria,
    ItemFilter,
    NumberCondition,
    NumberOperator,
    TextCondition,
    TextOperator,
)
from safehold.domain.items import ItemRow
from safehold.domain.searches import SearchScope
from safehold.records.searches import SearchedPoint

Wire = Mapping[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def read_scope(wire: Wire) -> SearchScope:
    created = wire.get("BackupResourceCreationTime") or {}
    return SearchScope(
        resource_types=tuple(wire["BackupResourceTypes"]),
        created_after=created.get("CreatedAfter"),
        created_before=created.get("CreatedBefore"),
        resource_arns=tuple(wire.get("SourceResourceArns") or ()),
        point_arns=tuple(wire.get("BackupResourceArns") or ()),
        tags=dict(wire.get("BackupResourceTags") or {}),
    )


def read_files(wire: Sequence[Wire]) -> Criteria:
    """What `EBSItemFilters` say."""
    return Criteria(
        tuple(
            ItemFilter(
                paths=_texts(one.get("FilePaths")),
                sizes=_numbers(one.get("Sizes")),
                created=_times(one.get("CreationTimes")),
                modified=_times(one.get("LastModificationTimes")),
            )
            for one in wire
        )
    )


def read_objects(wire: Sequence[Wire]) -> Criteria:
    """What `S3ItemFilters` say."""
    return Criteria(
        tuple(
            ItemFilter(
                paths=_texts(one.get("ObjectKeys")),
                sizes=_numbers(one.get("Sizes")),
                created=_times(one.get("CreationTimes")),
                version_ids=_texts(one.get("VersionIds")),
                etags=_texts(one.get("ETags")),
            )
            for one in wire
        )
    )


def kept(wire: Any) -> Any:
    """Scope or filters as JSON holds them; `again` gives back what the client wrote."""
    if isinstance(wire, datetime):
        return {"at": wire.isoformat()}
    if isinstance(wire, Mapping):
        return {name: kept(value) for name, value in wire.items()}
    return [kept(value) for value in wire] if isinstance(wire, list | tuple) else wire


def again(stored: Any) -> Any:
    if isinstance(stored, Mapping):
        if stored.keys() == {"at"}:
            return datetime.fromisoformat(str(stored["at"]))
        return {name: again(value) for name, value in stored.items()}
    return [again(value) for value in stored] if isinstance(stored, list) else stored


def shown_file(point: SearchedPoint, row: ItemRow) -> dict[str, Any]:
    """An item with a path, of whatever type of resource, as an `EBSResultItem`."""
    found = {
        **_where(point),
        "FilePath": _text(row.path),
        "FileSize": row.size_bytes,
        "CreationTime": _time(row.created_us),
        "LastModifiedTime": _time(row.modified_us),
    }
    return {"EBSResultItem": found}


def shown_object(point: SearchedPoint, row: ItemRow) -> dict[str, Any]:
    found = {
        **_where(point),
        "ObjectKey": _text(row.path),
        "ObjectSize": row.size_bytes,
        "CreationTime": _time(row.created_us),
        "ETag": None if row.etag is None else _text(row.etag),
        "VersionId": None if row.version_id is None else _text(row.version_id),
    }
    return {"S3ResultItem": found}


def _where(point: SearchedPoint) -> dict[str, Any]:
    return {
        "BackupResourceArn": point.point_arn,
        "SourceResourceArn": point.resource_arn,
        "BackupVaultName": point.vault_name,
    }


def _text(raw: bytes) -> str:
    # Names need be no Unicode: what is none is shown as \xNN.
    return raw.decode("utf-8", "backslashreplace")


def _time(micros: int | None) -> datetime | None:
    """None, too, for a time outside the calendar, which a file may bear."""
    try:
        return None if micros is None else EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None


def _texts(wire: Sequence[Wire] | None) -> tuple[TextCondition, ...]:
    return tuple(
        TextCondition(one["Value"].encode(), TextOperator(one.get("Operator", TextOperator.EQUALS_TO)))
        for one in wire or ()
    )


def _numbers(wire: Sequence[Wire] | None) -> tuple[NumberCondition, ...]:
    return tuple(NumberCondition(one["Value"], _operator(one)) for one in wire or ())


def _times(wire: Sequence[Wire] | None) -> tuple[NumberCondition, ...]:
    return tuple(NumberCondition((one["Value"] - EPOCH) // MICROSECOND, _operator(one)) for one in wire or ())


def _operator(wire: Wire) -> NumberOperator:
    return NumberOperator(wire.get("Operator", NumberOperator.EQUALS_TO))
