"""Tag rules as rows."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import delete as delete_from
from sqlalchemy import insert, select

from safehold.domain.resources import Matches, TagRule
from safehold.records.tables import tag_rule as t
from safehold.records.tx import Tx


def insert_rule(tx: Tx, rule: TagRule) -> None:
    """Store a new rule."""
    tx.execute(insert(t).values(asdict(rule)))


def of_account(tx: Tx, account_id: str) -> list[TagRule]:
    """The account's rules, oldest first."""
    query = select(t).where(t.c.account_id == account_id).order_by(t.c.created_at, t.c.id)
    rows = tx.execute(query)
    return [TagRule(**{**row._mapping, "matches": Matches(row.matches)}) for row in rows]


def find(tx: Tx, wanted: TagRule) -> TagRule | None:
    """A rule that says the same as `wanted`."""
    said = (wanted.pattern, wanted.matches, wanted.tag_key, wanted.tag_value)
    rules = of_account(tx, wanted.account_id)
    same = (rule for rule in rules if (rule.pattern, rule.matches, rule.tag_key, rule.tag_value) == said)
    return next(same, None)


def delete(tx: Tx, rule_id: str, *, account_id: str) -> bool:
    """Forget the rule; tags that it gave stay. False when the account has no such rule."""
    query = delete_from(t).where(t.c.id == rule_id, t.c.account_id == account_id)
    return tx.execute(query).rowcount == 1
