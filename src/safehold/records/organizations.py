"""Organizations as rows: the tree, its accounts, policies, and what these are attached to."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, delete, func, insert, select, update

from safehold.domain.organizations import Member, Organization, OrgPolicy, Unit
from safehold.records.dialect import insert_if_new
from safehold.records.tables import account
from safehold.records.tables_organizations import (
    org_account,
    org_policy,
    org_policy_target,
    org_unit,
    organization,
)
from safehold.records.tx import Tx

T = TypeVar("T", Organization, Unit, Member, OrgPolicy)


def insert_organization(tx: Tx, new: Organization, root: Unit, management: Member) -> None:
    """Store a new organization with its root and the account that manages it."""
    tx.execute(insert(organization).values(asdict(new)))
    tx.execute(insert(org_unit).values(asdict(root)))
    tx.execute(insert(org_account).values(asdict(management)))


def of_account(tx: Tx, account_id: str) -> Organization | None:
    """The organization that the account is in."""
    query = select(organization).join(org_account, org_account.c.organization_id == organization.c.id)
    return _one(tx, Organization, query.where(org_account.c.account_id == account_id))


def set_has_backup_policies(tx: Tx, organization_id: str, *, has: bool) -> None:
    mine = organization.c.id == organization_id
    tx.execute(update(organization).where(mine).values(has_backup_policies=has))


def delete_organization(tx: Tx, organization_id: str) -> None:
    """It is gone, with its policies and units; accounts stay, as accounts of their own."""
    detach_all(tx, organization_id)
    tx.execute(delete(org_policy).where(org_policy.c.organization_id == organization_id))
    tx.execute(delete(org_account).where(org_account.c.organization_id == organization_id))
    left = {unit.id: unit.parent_id for unit in units(tx, organization_id)}
    while left:  # ORDER: children before parents
        leaves = left.keys() - set(left.values())
        tx.execute(delete(org_unit).where(org_unit.c.id.in_(leaves)))
        left = {unit_id: parent_id for unit_id, parent_id in left.items() if unit_id not in leaves}
    tx.execute(delete(organization).where(organization.c.id == organization_id))


def insert_account(tx: Tx, account_id: str, name: str, *, now: datetime) -> None:
    """A new account of the installation."""
    tx.execute(insert(account).values(id=account_id, name=name, created_at=now))


def insert_member(tx: Tx, member: Member) -> None:
    tx.execute(insert(org_account).values(asdict(member)))


def has_email(tx: Tx, email: str) -> bool:
    return tx.execute(select(org_account.c.email).where(org_account.c.email == email)).first() is not None


def find_member(tx: Tx, organization_id: str, account_id: str) -> Member | None:
    where = (org_account.c.organization_id == organization_id, org_account.c.account_id == account_id)
    return _one(tx, Member, select(org_account).where(*where))


def find_member_by_request(tx: Tx, organization_id: str, request_id: str) -> Member | None:
    where = (org_account.c.organization_id == organization_id, org_account.c.request_id == request_id)
    return _one(tx, Member, select(org_account).where(*where))


def members(
    tx: Tx,
    organization_id: str,
    *,
    parent_id: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> list[Member]:
    """Accounts by their ids, beyond `after`: all, or those right beneath a unit."""
    query = select(org_account).where(org_account.c.organization_id == organization_id)
    if parent_id is not None:
        query = query.where(org_account.c.parent_id == parent_id)
    if after is not None:
        query = query.where(org_account.c.account_id > after)
    return _many(tx, Member, query.order_by(org_account.c.account_id).limit(limit))


def move_member(tx: Tx, account_id: str, parent_id: str) -> None:
    mine = org_account.c.account_id == account_id
    tx.execute(update(org_account).where(mine).values(parent_id=parent_id))


def insert_unit(tx: Tx, unit: Unit) -> bool:
    """Store a new unit; False when its parent has one of that name."""
    return insert_if_new(tx, org_unit, asdict(unit))


def units(tx: Tx, organization_id: str) -> list[Unit]:
    """All units, the root among them, by their ids."""
    query = select(org_unit).where(org_unit.c.organization_id == organization_id)
    return _many(tx, Unit, query.order_by(org_unit.c.id))


def has_unit_of_name(tx: Tx, parent_id: str | None, name: str) -> bool:
    where = (org_unit.c.parent_id == parent_id, org_unit.c.name == name)
    return tx.execute(select(org_unit.c.id).where(*where)).first() is not None


def rename_unit(tx: Tx, unit_id: str, name: str) -> None:
    tx.execute(update(org_unit).where(org_unit.c.id == unit_id).values(name=name))


def delete_unit(tx: Tx, unit_id: str) -> None:
    tx.execute(delete(org_policy_target).where(org_policy_target.c.target_id == unit_id))
    tx.execute(delete(org_unit).where(org_unit.c.id == unit_id))


def insert_policy(tx: Tx, policy: OrgPolicy) -> bool:
    """Store a new policy; False when the organization has one of that name."""
    return insert_if_new(tx, org_policy, asdict(policy))


def find_policy(tx: Tx, organization_id: str, policy_id: str) -> OrgPolicy | None:
    where = (org_policy.c.organization_id == organization_id, org_policy.c.id == policy_id)
    return _one(tx, OrgPolicy, select(org_policy).where(*where))


def find_policy_by_name(tx: Tx, organization_id: str, name: str) -> OrgPolicy | None:
    where = (org_policy.c.organization_id == organization_id, org_policy.c.name == name)
    return _one(tx, OrgPolicy, select(org_policy).where(*where))


def policies(
    tx: Tx, organization_id: str, *, after: str | None = None, limit: int | None = None
) -> list[OrgPolicy]:
    """Policies by their ids, beyond `after`."""
    query = select(org_policy).where(org_policy.c.organization_id == organization_id)
    if after is not None:
        query = query.where(org_policy.c.id > after)
    return _many(tx, OrgPolicy, query.order_by(org_policy.c.id).limit(limit))


def update_policy(tx: Tx, policy_id: str, **values: Any) -> None:
    tx.execute(update(org_policy).where(org_policy.c.id == policy_id).values(values))


def delete_policy(tx: Tx, policy_id: str) -> None:
    tx.execute(delete(org_policy).where(org_policy.c.id == policy_id))


def attach(tx: Tx, policy_id: str, target_id: str) -> bool:
    """The policy is the last of the target's; False when it was attached already."""
    t = org_policy_target
    last = tx.execute(select(func.max(t.c.position)).where(t.c.target_id == target_id)).scalar() or 0
    row = {"target_id": target_id, "policy_id": policy_id, "position": last + 1}
    return insert_if_new(tx, t, row)


def detach(tx: Tx, policy_id: str, target_id: str) -> bool:
    t = org_policy_target
    where = (t.c.policy_id == policy_id, t.c.target_id == target_id)
    return tx.execute(delete(t).where(*where)).rowcount == 1


def detach_all(tx: Tx, organization_id: str) -> None:
    """No policy of the organization is attached to anything."""
    mine = select(org_policy.c.id).where(org_policy.c.organization_id == organization_id)
    tx.execute(delete(org_policy_target).where(org_policy_target.c.policy_id.in_(mine)))


def policies_of_target(tx: Tx, target_id: str) -> list[OrgPolicy]:
    """The target's own policies, in the order in which they were attached."""
    t = org_policy_target
    query = select(org_policy).join(t, t.c.policy_id == org_policy.c.id).where(t.c.target_id == target_id)
    return _many(tx, OrgPolicy, query.order_by(t.c.position))


def targets_of_policy(tx: Tx, policy_id: str) -> list[str]:
    t = org_policy_target
    query = select(t.c.target_id).where(t.c.policy_id == policy_id).order_by(t.c.target_id)
    return list(tx.execute(query).scalars())


def _one(tx: Tx, kind: type[T], query: Select[Any]) -> T | None:
    row = tx.execute(query).one_or_none()
    return None if row is None else kind(**row._mapping)


def _many(tx: Tx, kind: type[T], query: Select[Any]) -> list[T]:
    return [kind(**row._mapping) for row in tx.execute(query)]
