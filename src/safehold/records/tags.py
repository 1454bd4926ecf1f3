"""Tags as rows, whatever they are on. The rules about them are in domain/tags.py."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import delete as delete_from
from sqlalchemy import select

from safehold.domain.tags import Tags
from safehold.records import tagging
from safehold.records.dialect import in_batches, insert_into
from safehold.records.tables import tag as t
from safehold.records.tx import Tx


def put(tx: Tx, arn: str, tags: Tags) -> None:
    """The thing has these tags too; a key that it had gets the new value."""
    if not tags:
        return
    rows = [{"arn": arn, "key": key, "value": value} for key, value in tags.items()]
    query = insert_into(tx, t).values(rows)
    newest = {"value": query.excluded.value}
    tx.execute(query.on_conflict_do_update(index_elements=["arn", "key"], set_=newest))
    tagging.note(tx, arn)


def of(tx: Tx, arn: str) -> dict[str, str]:
    """The thing's tags, by key; empty when it has none."""
    rows = tx.execute(select(t.c.key, t.c.value).where(t.c.arn == arn).order_by(t.c.key))
    return {row.key: row.value for row in rows}


def of_many(tx: Tx, arns: Iterable[str]) -> dict[str, dict[str, str]]:
    """Tags of several things: an entry for every ARN asked for, empty where there are none."""
    found: dict[str, dict[str, str]] = {arn: {} for arn in arns}
    for batch in in_batches(found):
        for row in tx.execute(select(t).where(t.c.arn.in_(batch)).order_by(t.c.arn, t.c.key)):
            found[row.arn][row.key] = row.value
    return found


def delete(tx: Tx, arn: str, keys: Collection[str]) -> None:
    """The thing has none of these tags; those it never had are no error."""
    tx.execute(delete_from(t).where(t.c.arn == arn, t.c.key.in_(list(keys))))


def delete_all(tx: Tx, arn: str) -> None:
    """The thing has no tags, as befits one that is gone."""
    tx.execute(delete_from(t).where(t.c.arn == arn))
    tagging.forget(tx, arn)
