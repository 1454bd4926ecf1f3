"""What an organization's backup policies come to: for an account, and as plans that are run.

Whoever changes a policy, what it is attached to, or where an account is, calls `apply` in the same
transaction; then plans are as the policies say, and the scheduler runs them as it runs all others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from safehold.core import ids, log
from safehold.core.errors import RequestError
from safehold.domain import arns
from safehold.domain.events import of_plan
from safehold.domain.limits import AwsLimits
from safehold.domain.org_plans import PREFIX, OrgPlan, plans_of, sites_of
from safehold.domain.org_policies import Document, merged
from safehold.domain.organizations import Member, Organization, Unit
from safehold.domain.plan_checks import check_plan
from safehold.domain.plans import PlanVersion, document_digest, with_rule_ids
from safehold.domain.selection import Selection
from safehold.domain.selection_checks import check_selection
from safehold.records import events, organizations, plans, selections, tags
from safehold.records.tx import Tx

_log = log.get(__name__)


def effective(tx: Tx, organization: Organization, member: Member) -> tuple[dict[str, Any], datetime] | None:
    """The policy that holds for the account, and since when; None when none does."""
    if not organization.has_backup_policies:
        return None
    units = {unit.id: unit for unit in organizations.units(tx, organization.id)}
    levels = [
        organizations.policies_of_target(tx, target) for target in [*path(units, member), member.account_id]
    ]
    if not any(levels):
        return None
    documents: list[list[Document]] = [[json.loads(each.content) for each in level] for level in levels]
    return merged(documents), max(each.updated_at for level in levels for each in level)


def path(units: Mapping[str, Unit], member: Member) -> list[str]:
    """Ids of the units that the account is in, the root first."""
    found: list[str] = []
    at: str | None = member.parent_id
    while at is not None:
        found.insert(0, at)
        at = units[at].parent_id
    return found


def apply(tx: Tx, organization: Organization, *, now: datetime) -> None:
    """Plans of all accounts of the organization are as its policies say."""
    for member in organizations.members(tx, organization.id):
        found = effective(tx, organization, member)
        _apply(tx, member.account_id, {} if found is None else found[0], now)


def withdraw(tx: Tx, account_id: str, *, now: datetime) -> None:
    """The account has no plans of an organization any more."""
    _apply(tx, account_id, {}, now)


def _apply(tx: Tx, account_id: str, policy: Mapping[str, Any], now: datetime) -> None:
    standing = {
        (plan.site, plan.document.name): plan
        for plan in plans.active_with_prefix(tx, PREFIX, account_id=account_id)
    }
    for site in sorted(sites_of(policy)):
        wanted, faults = plans_of(policy, account_id=account_id, site=site)
        for name, fault in faults.items():
            standing.pop((site, name), None)  # a plan that was good goes on until there is another good one
            _tell_fault(account_id, name, fault)
        for each in wanted:
            before = standing.pop((site, each.document.name), None)
            try:
                _check(each, before, now)
            except RequestError as error:
                _tell_fault(account_id, each.document.name, str(error))
                continue
            _put(tx, each, before, account_id=account_id, site=site, now=now)
    for plan in standing.values():
        _take_away(tx, plan, now)


def _check(wanted: OrgPlan, before: PlanVersion | None, now: datetime) -> None:
    previous = None if before is None else before.document
    check_plan(wanted.document, AwsLimits.EXTENDED, now=now, previous=previous)
    for selection in wanted.selections:
        check_selection(selection, AwsLimits.EXTENDED)


def _tell_fault(account_id: str, name: str, fault: str) -> None:
    said = {"account_id": account_id, "plan": name, "fault": fault}
    _log.warning("a plan of the organization's policies cannot be one", extra=said)


def _put(
    tx: Tx, wanted: OrgPlan, before: PlanVersion | None, *, account_id: str, site: str, now: datetime
) -> None:
    plan = _version(wanted, before, account_id=account_id, site=site, now=now)
    if before is None:
        plans.insert_plan(tx, plan)
        events.add(tx, of_plan(plan, "CREATED", at=now))
    elif document_digest(before.document) != document_digest(wanted.document):
        plans.replace_document(tx, plan)
        events.add(tx, of_plan(plan, "MODIFIED", at=now))
    _put_selections(tx, plan.id, wanted, now)
    if tags.of(tx, plan.arn) != wanted.tags:
        tags.delete_all(tx, plan.arn)
        tags.put(tx, plan.arn, wanted.tags)


def _version(
    wanted: OrgPlan, before: PlanVersion | None, *, account_id: str, site: str, now: datetime
) -> PlanVersion:
    plan_id = f"{PREFIX}{ids.new_id()}" if before is None else before.id
    document = with_rule_ids(
        wanted.document,
        None if before is None else before.document,
        new_ids=tuple(ids.new_id() for _ in wanted.document.rules),
        now=now,
    )
    return PlanVersion(
        id=plan_id,
        account_id=account_id,
        site=site,
        arn=arns.plan_arn(site, account_id, plan_id),
        version_id=ids.new_version_id(),
        document=document,
        created_at=now if before is None else before.created_at,
        version_created_at=now,
    )


def _put_selections(tx: Tx, plan_id: str, wanted: OrgPlan, now: datetime) -> None:
    standing = {each.document.name: each for each in selections.of_plan(tx, plan_id)}
    for document in wanted.selections:
        before = standing.pop(document.name, None)
        if before is not None and before.document == document:
            continue
        if before is not None:
            selections.remove(tx, plan_id, before.id)
        selections.insert_if_new(tx, Selection(ids.new_id(), plan_id, document, now))
    for each in standing.values():
        selections.remove(tx, plan_id, each.id)


def _take_away(tx: Tx, plan: PlanVersion, now: datetime) -> None:
    for each in selections.of_plan(tx, plan.id):
        selections.remove(tx, plan.id, each.id)
    plans.mark_deleted(tx, plan.id, now=now)
    tags.delete_all(tx, plan.arn)
    events.add(tx, of_plan(plan, "DELETED", at=now))
