"""Operations on tags of vaults, plans and recovery points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from safehold.api import existing
from safehold.api.call import Call, operation
from safehold.api.operations.frameworks import turn as framework_turn
from safehold.api.operations.plans import plan_turn
from safehold.api.operations.reports import turn as report_turn
from safehold.api.operations.restore_testing_plans import turn as testing_turn
from safehold.api.pages import among, page_by_name
from safehold.core.errors import AccessDenied, InvalidParameterValue, ResourceNotFound
from safehold.domain import arns
from safehold.domain import tags as tag_rules
from safehold.domain.recovery_points import RecoveryPoint
from safehold.records import (
    amendments,
    frameworks,
    legal_holds,
    plans,
    recovery_points,
    reports,
    restore_testing,
    tags,
    tiering,
    vaults,
)
from safehold.records.amendments import AmendmentKind
from safehold.records.dialect import take_turns

# Kinds of AWS Backup's own that can have tags and that nobody can have made here yet.
_NOT_HERE = frozenset({"tiering-configuration"})


@operation("ListTags")
def list_tags(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The thing's tags, by key. Source: model 2018-11-15 `ListTags`; docs/parity/tags.md."""
    arn = req["ResourceArn"]
    _find_tagged(call, arn)
    every = tags.of(call.tx, arn)
    keys, token = page_by_name(call, req, among(every, name=str), name=str)
    return {"Tags": {key: every[key] for key in keys}, "NextToken": token}


@operation("TagResource")
def tag_resource(call: Call, req: Mapping[str, Any]) -> None:
    """The thing has these tags too; a key that it had gets the new value.

    Source: model 2018-11-15 `TagResource`; docs/parity/tags.md.
    """
    arn, new = req["ResourceArn"], req["Tags"]
    if not new:
        raise InvalidParameterValue("Tags must not be empty")
    point = _find_tagged(call, arn, to_change=True)
    tag_rules.added(tags.of(call.tx, arn), new)
    tags.put(call.tx, arn, new)
    _tell_vault(call, point)


@operation("UntagResource")
def untag_resource(call: Call, req: Mapping[str, Any]) -> None:
    """The thing has none of these tags; a key that it never had is no error.

    Source: model 2018-11-15 `UntagResource`; docs/parity/tags.md.
    """
    arn, keys = req["ResourceArn"], req["TagKeyList"]
    if not keys:
        raise InvalidParameterValue("TagKeyList must not be empty")
    point = _find_tagged(call, arn, to_change=True)
    tags.delete(call.tx, arn, keys)
    _tell_vault(call, point)


def _find_tagged(call: Call, arn: str, *, to_change: bool = False) -> RecoveryPoint | None:
    """Something of that ARN is there; the recovery point, if it is one.

    RACE: it may be on its way out. `to_change` keeps it from going until this request is done, so that no
    tags are left behind for the next thing of that name.
    Raises AccessDenied for a missing vault, ResourceNotFound for a missing plan or point, and
    InvalidParameterValue for what AWS Backup cannot tag.
    """
    parsed = arns.parse(arn)
    kind, _, name = parsed.resource.partition(":")
    is_own = parsed.service == "backup"
    if is_own and (parsed.region, parsed.account_id) != (call.site, call.account_id):
        raise AccessDenied
    if is_own and kind == "backup-vault":
        _check_vault(call, arn, to_change=to_change)
        return None
    if is_own and kind == "backup-plan":
        _check_plan(call, name, to_change=to_change)
        return None
    if is_own and kind in _OWN_KINDS:
        _OWN_KINDS[kind](call, arn, to_change)
        return None
    return _find_point(call, arn, own_kind=kind if is_own else None, to_change=to_change)


def _check_testing_plan(call: Call, arn: str, to_change: bool) -> None:
    plan = restore_testing.find_plan_by_arn(call.tx, arn)
    if plan is not None and to_change:
        take_turns(call.tx, testing_turn(call, plan.name))
        plan = restore_testing.find_plan_by_arn(call.tx, arn)
    _check_found(plan, arn)


def _check_framework(call: Call, arn: str, to_change: bool) -> None:
    if to_change:
        take_turns(call.tx, framework_turn(call))
    _check_found(frameworks.find_by_arn(call.tx, arn), arn)


def _check_report_plan(call: Call, arn: str, to_change: bool) -> None:
    if to_change:
        take_turns(call.tx, report_turn(call))
    _check_found(reports.find_plan_by_arn(call.tx, arn), arn)


def _check_found(found: object, arn: str) -> None:
    if found is None:
        raise ResourceNotFound(f"Cannot find {arn}", context=arn)


def _check_hold(call: Call, arn: str, to_change: bool) -> None:
    del to_change  # a hold's record goes after months; what is left behind then names nothing
    if legal_holds.find_by_arn(call.tx, arn) is None:
        raise ResourceNotFound(f"Cannot find {arn}", context=arn)


def _check_tiering(call: Call, arn: str, to_change: bool) -> None:
    del to_change  # as above
    if tiering.find_by_arn(call.tx, arn) is None:
        raise ResourceNotFound(f"Cannot find {arn}", context=arn)


# Raises ResourceNotFound unless that thing is there; it stays until the request is done if it is changed.
_OWN_KINDS: Mapping[str, Callable[[Call, str, bool], None]] = {
    "framework": _check_framework,
    "legal-hold": _check_hold,
    "report-plan": _check_report_plan,
    "restore-testing-plan": _check_testing_plan,
    "tiering-configuration": _check_tiering,
}


def _check_vault(call: Call, arn: str, *, to_change: bool) -> None:
    find = vaults.lock_by_arn if to_change else vaults.find_by_arn
    if find(call.tx, arn) is None:
        raise AccessDenied


def _check_plan(call: Call, plan_id: str, *, to_change: bool) -> None:
    if to_change:
        take_turns(call.tx, plan_turn(plan_id))
    if plans.find_active(call.tx, plan_id, account_id=call.account_id, site=call.site) is None:
        raise ResourceNotFound(f"Cannot find backup plan {plan_id}", context=plan_id)


def _find_point(call: Call, arn: str, *, own_kind: str | None, to_change: bool) -> RecoveryPoint:
    """Points with another service's ARN (FSx) count too: there is no such service here to tag them by."""
    point = recovery_points.find_by_arn(call.tx, arn, account_id=call.account_id)
    if point is not None and to_change:
        point = recovery_points.lock(call.tx, point.id)
    if point is not None and point.site == call.site:
        return point
    if own_kind == "recovery-point":
        raise existing.missing_point(arn)
    if own_kind in _NOT_HERE:
        raise ResourceNotFound(f"Cannot find {arn}", context=arn)
    raise InvalidParameterValue(f"Unsupported resource: {arn}")


def _tell_vault(call: Call, point: RecoveryPoint | None) -> None:
    """A point's tags are kept in its vault as well, so that they outlive the catalog."""
    if point is None:
        return
    fact = {"tags": tags.of(call.tx, point.arn)}
    amendments.add(call.tx, point, AmendmentKind.TAGS, fact, now=call.now)
