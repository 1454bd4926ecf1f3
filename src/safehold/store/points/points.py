"""The point record: the one small write that makes a recovery point exist; and amendments to it.

Readers ignore facts that they do not know. Times are microseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from safehold.core.errors import Damaged
from safehold.domain.items import Item
from safehold.store.sealed.decoding import UNREADABLE

RECORD_VERSION = 1


class PointStats(msgspec.Struct, kw_only=True):
    """What one capture came to. Bytes are plain bytes but for `stored_bytes`."""

    items: int = 0  # everything in the tree, directories included
    files: int = 0  # items with bytes of their own
    total_bytes: int = 0  # of all files
    read_items: int = 0  # files that were read this time
    read_bytes: int = 0
    new_bytes: int = 0  # in chunks that the vault did not have
    new_chunks: int = 0
    stored_bytes: int = 0  # objects written for this point, whole
    skipped_items: int = 0  # told of in the job's message
    surprises: int = 0  # bytes differed although nothing else said so


class PointRecord(msgspec.Struct, kw_only=True):
    """One recovery point, as the vault itself knows it."""

    version: int
    point_id: str
    point_arn: str
    resource_arn: str
    resource_type: str
    resource_name: str
    job_id: str
    created_at: int  # the job's start: retention counts from here
    taken_at: int  # the moment that a restore gives back
    consistency: str
    previous_point_id: str | None
    root: Item  # its content is the root directory's first page
    stats: PointStats
    facts: dict[str, str]  # lifecycle, tags, plan, restore metadata: JSON where they are documents
    intent_id: str | None = None  # the writer's intent; None in records of writers that had none
    epoch: int = 0  # of that intent


class Amendment(msgspec.Struct, kw_only=True):
    """A later fact about a point; of one kind, the one with the latest `written_at` holds.

    written_at  when it was decided, not when this object came to be; microseconds since 1970
    """

    version: int
    point_id: str
    sequence: int
    kind: str  # "lifecycle", "tags", "deletion", ...
    written_at: int
    facts: dict[str, str]


DELETION, UNDELETION, HOLD = "deletion", "undeletion", "hold"
STATE = "state"  # the fact of an undeletion or a hold; none, or any other word: it is decided
ASKED, HELD, RELEASED = "asked", "held", "released"
STORAGE = "storage"  # of a point whose data lies in cold storage, whole; it never comes back
STORAGE_CLASS, COLD_CLASS = "storage_class", "COLD"  # the fact that it has


def is_deleted(amendments: Iterable[Amendment]) -> bool:
    """Is the point taken out of what is kept? Of `amendments`, in order, the last that says so holds."""
    told = [each.kind for each in amendments if each.kind in (DELETION, UNDELETION) and not _is_asked(each)]
    return bool(told) and told[-1] == DELETION


def deleted_since(amendments: Iterable[Amendment]) -> int | None:
    """When that was decided; to delete it once more changes nothing. None for a point that is not deleted."""
    since: int | None = None
    for each in amendments:
        if each.kind == UNDELETION and not _is_asked(each):
            since = None
        elif each.kind == DELETION and since is None:
            since = each.written_at
    return since


def is_held(amendments: Iterable[Amendment]) -> bool:
    """Does a legal hold keep the point, whatever else was decided? Of several the last one says."""
    told = [each for each in amendments if each.kind == HOLD and not _is_asked(each)]
    return bool(told) and told[-1].facts.get(STATE) != RELEASED


def is_asked_back(amendments: Iterable[Amendment]) -> bool:
    """Is a deleted point to be kept again, or held, and nobody has said yet whether that can be?"""
    told = list(amendments)
    undeletion = [each for each in told if each.kind in (DELETION, UNDELETION)][-1:]
    hold = [each for each in told if each.kind == HOLD][-1:]
    return any(_is_asked(each) for each in undeletion + hold)


def _is_asked(amendment: Amendment) -> bool:
    return amendment.kind in (UNDELETION, HOLD) and amendment.facts.get(STATE) == ASKED


def is_cold(amendments: Iterable[Amendment]) -> bool:
    """Does all that the point holds lie in cold storage? Its tree and record stay warm."""
    return any(a.kind == STORAGE and a.facts.get(STORAGE_CLASS) == COLD_CLASS for a in amendments)


def encode_record(record: PointRecord | Amendment) -> bytes:
    return msgspec.msgpack.encode(record)


def decode_point(data: bytes, name: str) -> PointRecord:
    """Raises Damaged when it is no point record of a version that we read."""
    try:
        record = msgspec.msgpack.decode(data, type=PointRecord)
    except UNREADABLE as error:
        raise Damaged(f"{name}: the point record cannot be read: {error}") from error
    if record.version != RECORD_VERSION:
        raise Damaged(f"{name}: a point record of version {record.version} is not known here")
    return record


def decode_amendment(data: bytes, name: str) -> Amendment:
    try:
        return msgspec.msgpack.decode(data, type=Amendment)
    except UNREADABLE as error:
        raise Damaged(f"{name}: the amendment cannot be read: {error}") from error
