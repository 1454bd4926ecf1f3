"""Everything that has or had tags, over all services: pages of it, and which keys and values there are.

A page costs what its rows cost, however many there are before it: rows come in the order of the primary key
(account, site, ARN), and keys and values one after another from an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select

from safehold.core.errors import InvalidParameterValue
from safehold.domain import arns
from safehold.records.dialect import insert_if_new
from safehold.records.tables import recovery_point, resource, tag
from safehold.records.tables_tagging import tagged as t
from safehold.records.tx import Tx


@dataclass(frozen=True, slots=True)
class TypeFilter:
    """`ec2`, or `ec2:volume`; kind is None for all of a service."""

    service: str
    kind: str | None = None


def note(tx: Tx, arn: str) -> None:
    """The thing has tags: the tagging API lists it from now on, until `forget`; what is IAM's it does not."""
    for account_id, site in _owners(tx, arn):
        insert_if_new(tx, t, {"account_id": account_id, "site": site, "arn": arn})


def forget(tx: Tx, arn: str) -> None:
    tx.execute(delete(t).where(t.c.arn == arn))


def page(
    tx: Tx,
    *,
    account_id: str,
    site: str,
    tags: Mapping[str, Sequence[str]] | None = None,
    types: Sequence[TypeFilter] = (),
    after: str | None = None,
    limit: int,
) -> list[str]:
    """ARNs beyond `after`, at most `limit`, of what is there and has all of `tags` and one of `types`.

    tags  by key the values of which one must be there; no values: any will do
    """
    query = select(t.c.arn).where(t.c.account_id == account_id, t.c.site == site, t.c.arn > (after or ""))
    for key, values in (tags or {}).items():
        query = query.where(_has_tag(key, values))
    if types:
        query = query.where(or_(*map(_is_of, types)))
    query = query.where(~_is_lost(t.c.arn)).order_by(t.c.arn).limit(limit)
    return list(tx.execute(query).scalars())


def among(tx: Tx, wanted: Sequence[str], *, account_id: str, site: str) -> set[str]:
    """Those of a hundred ARNs at most that are there, tagged or found by a source."""
    mine = select(t.c.arn).where(t.c.account_id == account_id, t.c.site == site, t.c.arn.in_(wanted))
    known = select(resource.c.arn).where(
        resource.c.account_id == account_id,
        resource.c.site == site,
        resource.c.arn.in_(wanted),
        resource.c.lost_at.is_(None),
    )
    return {
        *tx.execute(mine.where(~_is_lost(t.c.arn))).scalars(),
        *tx.execute(known).scalars(),
    }


def keys(tx: Tx, *, account_id: str, site: str, after: str | None = None, limit: int) -> list[str]:
    """Keys of tags beyond `after`, in their order, each once."""
    found: list[str] = []
    while len(found) < limit:
        following = tag.c.key > (found[-1] if found else after or "")
        query = select(tag.c.key).where(following, _is_mine(account_id, site)).order_by(tag.c.key)
        key = tx.execute(query.limit(1)).scalar()
        if key is None:
            break
        found.append(key)
    return found


def values(
    tx: Tx, key: str, *, account_id: str, site: str, after: str | None = None, limit: int
) -> list[str]:
    """Values of that tag beyond `after` (None: all, the empty one too), in their order, each once."""
    found: list[str] = []
    last = after
    while len(found) < limit:
        where = [tag.c.key == key, _is_mine(account_id, site)]
        if last is not None:
            where.append(tag.c.value > last)
        query = select(tag.c.value).where(*where).order_by(tag.c.value).limit(1)
        last = tx.execute(query).scalar()
        if last is None:
            break
        found.append(last)
    return found


def _owners(tx: Tx, arn: str) -> list[tuple[str, str]]:
    """Accounts and sites that the thing is in: as its ARN says, else as the catalog knows it."""
    try:
        parsed = arns.parse(arn)
    except InvalidParameterValue:
        return []
    if parsed.region and parsed.account_id:
        return [(parsed.account_id, parsed.region)]
    if parsed.service in ("iam", "organizations"):
        return []
    found = set()
    for table in (resource, recovery_point):
        query = select(table.c.account_id, table.c.site).where(table.c.arn == arn).distinct()
        found |= {(row.account_id, row.site) for row in tx.execute(query)}
    return sorted(found)


def _has_tag(key: str, values: Sequence[str]) -> ColumnElement[bool]:
    where = [tag.c.arn == t.c.arn, tag.c.key == key]
    if values:
        where.append(tag.c.value.in_(list(values)))
    return exists().where(*where)


def _is_of(wanted: TypeFilter) -> ColumnElement[bool]:
    head = f"arn:{arns.PARTITION}:{wanted.service}:"
    if wanted.kind is None or (wanted.service, wanted.kind) == ("s3", "bucket"):
        return t.c.arn.startswith(head, autoescape=True)
    kinds = (t.c.arn.like(f"{_escaped(head)}%:%:{_escaped(wanted.kind + end)}%", escape="\\") for end in "/:")
    return or_(*kinds)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _is_lost(arn: ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(resource.c.arn == arn, resource.c.lost_at.is_not(None))


def _is_mine(account_id: str, site: str) -> ColumnElement[bool]:
    mine = and_(t.c.account_id == account_id, t.c.site == site, t.c.arn == tag.c.arn)
    return and_(exists().where(mine), ~_is_lost(tag.c.arn))
