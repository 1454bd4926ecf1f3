"""Where a point's content comes from, as the records of copies tell it."""

from __future__ import annotations

from typing import NamedTuple

from safehold.store.points.points import PointRecord

FROM_VAULT, FROM_POINT = "copied_from_vault", "copied_from_point"
ORIGIN_VAULT, ORIGIN_POINT = "origin_vault", "origin_point"


class Origin(NamedTuple):
    """vault_id: 32 hex digits"""

    vault_id: str
    point_id: str


def copied_from(record: PointRecord) -> Origin | None:
    """The point that this one is a copy of; None for one that a backup made."""
    facts = record.facts
    if FROM_VAULT not in facts or FROM_POINT not in facts:
        return None
    return Origin(facts[FROM_VAULT], facts[FROM_POINT])


def origin_of(record: PointRecord, vault_id: bytes) -> Origin:
    """The point that a backup made, of which the one in that vault is a copy, or a copy of a copy; or itself.

    Points of one origin hold the same, to the last bit.
    """
    facts = record.facts
    if copied_from(record) is None:
        return Origin(vault_id.hex(), record.point_id)
    return Origin(facts.get(ORIGIN_VAULT, ""), facts.get(ORIGIN_POINT, ""))


def facts_of_copy(source: PointRecord, source_vault_id: bytes) -> dict[str, str]:
    """What a copy's record says of where it comes from."""
    origin = origin_of(source, source_vault_id)
    return {
        FROM_VAULT: source_vault_id.hex(),
        FROM_POINT: source.point_id,
        ORIGIN_VAULT: origin.vault_id,
        ORIGIN_POINT: origin.point_id,
    }
