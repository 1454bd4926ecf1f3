"""Users, policies, and what is attached to whom, as rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from safehold.domain.identities import ManagedPolicy, PolicyVersion, User
from safehold.records.dialect import insert_if_new, insert_into
from safehold.records.tables_identity import (
    iam_user,
    inline_policy,
    managed_policy,
    managed_policy_version,
    policy_attachment,
)
from safehold.records.tx import Tx

_POLICY = tuple(managed_policy.c[field.name] for field in fields(ManagedPolicy))


def insert_user(tx: Tx, user: User) -> bool:
    """Store a new user; False when the account has one of that name."""
    return insert_if_new(tx, iam_user, asdict(user))


def find_user(tx: Tx, *, account_id: str, name: str) -> User | None:
    where = (iam_user.c.account_id == account_id, iam_user.c.name == name)
    row = tx.execute(select(iam_user).where(*where)).one_or_none()
    return None if row is None else User(**row._mapping)


def find_user_by_arn(tx: Tx, arn: str) -> User | None:
    row = tx.execute(select(iam_user).where(iam_user.c.arn == arn)).one_or_none()
    return None if row is None else User(**row._mapping)


def page_of_users(
    tx: Tx, *, account_id: str, path_prefix: str = "/", after: str | None = None, limit: int
) -> list[User]:
    """Users by name, at most `limit`, beyond the name `after`."""
    query = select(iam_user).where(iam_user.c.account_id == account_id, iam_user.c.name > (after or ""))
    query = query.where(iam_user.c.path.startswith(path_prefix, autoescape=True))
    return [User(**row._mapping) for row in tx.execute(query.order_by(iam_user.c.name).limit(limit))]


def delete_user(tx: Tx, arn: str) -> None:
    tx.execute(delete(iam_user).where(iam_user.c.arn == arn))


def put_inline(tx: Tx, owner_arn: str, name: str, document: str) -> None:
    """The user or role has this policy, in place of an earlier one of that name."""
    query = insert_into(tx, inline_policy).values(owner_arn=owner_arn, name=name, document=document)
    newest = {"document": query.excluded.document}
    tx.execute(query.on_conflict_do_update(index_elements=["owner_arn", "name"], set_=newest))


def find_inline(tx: Tx, owner_arn: str, name: str) -> str | None:
    where = (inline_policy.c.owner_arn == owner_arn, inline_policy.c.name == name)
    return tx.execute(select(inline_policy.c.document).where(*where)).scalar()


def inline_names(tx: Tx, owner_arn: str) -> list[str]:
    query = select(inline_policy.c.name).where(inline_policy.c.owner_arn == owner_arn)
    return list(tx.execute(query.order_by(inline_policy.c.name)).scalars())


def delete_inline(tx: Tx, owner_arn: str, name: str) -> bool:
    where = (inline_policy.c.owner_arn == owner_arn, inline_policy.c.name == name)
    return tx.execute(delete(inline_policy).where(*where)).rowcount == 1


def attach(tx: Tx, owner_arns: Iterable[str], policy_arns: Iterable[str]) -> None:
    """Each policy is attached to each owner; one that was already is no error."""
    policies = list(policy_arns)
    for owner_arn in owner_arns:
        for policy_arn in policies:
            row = {"owner_arn": owner_arn, "policy_arn": policy_arn}
            insert_if_new(tx, policy_attachment, row)


def detach(tx: Tx, owner_arn: str, policy_arn: str) -> bool:
    t = policy_attachment
    where = (t.c.owner_arn == owner_arn, t.c.policy_arn == policy_arn)
    return tx.execute(delete(t).where(*where)).rowcount == 1


def attached(tx: Tx, owner_arn: str) -> list[str]:
    """ARNs of the policies that are attached to the user or role."""
    t = policy_attachment
    query = select(t.c.policy_arn).where(t.c.owner_arn == owner_arn).order_by(t.c.policy_arn)
    return list(tx.execute(query).scalars())


def count_attachments(tx: Tx, policy_arn: str, *, account_id: str) -> int:
    """To how many of the account's users and roles the policy is attached."""
    t = policy_attachment
    mine = t.c.owner_arn.like(f"arn:%:iam::{account_id}:%")
    query = select(func.count()).select_from(t).where(t.c.policy_arn == policy_arn, mine)
    return tx.execute(query).scalar_one()


def insert_policy(tx: Tx, policy: ManagedPolicy, document: str) -> bool:
    """Store a new policy with its first version; False when the account has one of that name."""
    if not insert_if_new(tx, managed_policy, asdict(policy)):
        return False
    _insert_version(tx, policy.arn, PolicyVersion(1, document, policy.created_at))
    return True


def find_policy(tx: Tx, arn: str) -> ManagedPolicy | None:
    row = tx.execute(select(*_POLICY).where(managed_policy.c.arn == arn)).one_or_none()
    return None if row is None else ManagedPolicy(**row._mapping)


def page_of_policies(
    tx: Tx, *, account_id: str, path_prefix: str = "/", after: str | None = None, limit: int
) -> list[ManagedPolicy]:
    """The account's own policies by ARN, at most `limit`, beyond the ARN `after`."""
    t = managed_policy
    query = select(*_POLICY).where(t.c.account_id == account_id, t.c.arn > (after or ""))
    query = query.where(t.c.path.startswith(path_prefix, autoescape=True))
    return [ManagedPolicy(**row._mapping) for row in tx.execute(query.order_by(t.c.arn).limit(limit))]


def add_version(tx: Tx, arn: str, version: PolicyVersion, *, is_default: bool) -> None:
    """The policy has a further version."""
    values: dict[str, Any] = {"last_version": version.number, "updated_at": version.created_at}
    if is_default:
        values["default_version"] = version.number
    tx.execute(update(managed_policy).where(managed_policy.c.arn == arn).values(values))
    _insert_version(tx, arn, version)


def set_default_version(tx: Tx, arn: str, number: int) -> None:
    tx.execute(update(managed_policy).where(managed_policy.c.arn == arn).values(default_version=number))


def versions(tx: Tx, arn: str) -> list[PolicyVersion]:
    """All versions of the policy, newest first."""
    t = managed_policy_version
    rows = tx.execute(select(t).where(t.c.policy_arn == arn).order_by(t.c.number.desc()))
    return [_version(row) for row in rows]


def delete_version(tx: Tx, arn: str, number: int) -> None:
    t = managed_policy_version
    tx.execute(delete(t).where(t.c.policy_arn == arn, t.c.number == number))


def delete_policy(tx: Tx, arn: str) -> None:
    tx.execute(delete(managed_policy_version).where(managed_policy_version.c.policy_arn == arn))
    tx.execute(delete(managed_policy).where(managed_policy.c.arn == arn))


def _insert_version(tx: Tx, arn: str, version: PolicyVersion) -> None:
    tx.execute(insert(managed_policy_version).values(policy_arn=arn, **asdict(version)))


def _version(row: Row[Any]) -> PolicyVersion:
    return PolicyVersion(row.number, row.document, row.created_at)
