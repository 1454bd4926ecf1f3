"""Operations on restore testing plans. They say when and which points; what runs them reads their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.pages import page_by_name
from safehold.api.request_ids import creator_request_id
from safehold.core.errors import AlreadyExists, InvalidRequest, MissingParameterValue
from safehold.core.ids import new_id
from safehold.domain import tags as tag_rules
from safehold.domain.limits import AwsLimits
from safehold.domain.quotas import check_room
from safehold.domain.restore_testing import (
    DEFAULT_START_WINDOW_HOURS,
    DEFAULT_WINDOW_DAYS,
    Algorithm,
    PointChoice,
    RestoreTestingPlan,
)
from safehold.domain.restore_testing_checks import check_testing_plan
from safehold.domain.schedule import DEFAULT_TIMEZONE
from safehold.records import restore_testing, tags
from safehold.records.dialect import take_turns

Request = Mapping[str, Any]
Answer = dict[str, Any]


@operation("CreateRestoreTestingPlan")
def create_restore_testing_plan(call: Call, req: Request) -> Answer:
    """The plan is there; the same request sent again answers the first one.

    Source: model 2018-11-15 `CreateRestoreTestingPlan`; docs/parity/restore-testing.md, "plans".
    """
    wanted = _wanted(call, req)
    check_testing_plan(wanted, AwsLimits(call.config.aws_limits), now=call.now)
    new_tags = tag_rules.added({}, req.get("Tags") or {})
    take_turns(call.tx, turn(call, wanted.name))
    earlier = restore_testing.find_plan(call.tx, wanted.name, account_id=call.account_id, site=call.site)
    if earlier is not None:
        return _made(_replayed(earlier, wanted))
    _check_quota(call)
    restore_testing.insert_plan_if_new(call.tx, wanted)
    tags.put(call.tx, wanted.arn, new_tags)
    return _made(wanted)


@operation("GetRestoreTestingPlan")
def get_restore_testing_plan(call: Call, req: Request) -> Answer:
    """The whole plan. Source: model 2018-11-15 `GetRestoreTestingPlan`."""
    plan = plan_of(call, req)
    shown = _listed(plan) | {
        "CreatorRequestId": plan.creator_request_id,
        "RecoveryPointSelection": _shown_points(plan.points),
    }
    return {"RestoreTestingPlan": shown}


@operation("UpdateRestoreTestingPlan")
def update_restore_testing_plan(call: Call, req: Request) -> Answer:
    """The members given replace those of the plan, also within its choice of points; others stay.

    Source: model 2018-11-15 `UpdateRestoreTestingPlan`; docs/parity/restore-testing.md, "plans".
    """
    take_turns(call.tx, turn(call, req["RestoreTestingPlanName"]))
    plan = plan_of(call, req)
    given = req["RestoreTestingPlan"]
    changed = replace(
        plan,
        schedule_expression=given.get("ScheduleExpression", plan.schedule_expression),
        timezone=given.get("ScheduleExpressionTimezone", plan.timezone),
        start_window_hours=given.get("StartWindowHours", plan.start_window_hours),
        points=_read_points(given.get("RecoveryPointSelection") or {}, plan.points),
        updated_at=call.now,
    )
    is_rescheduled = (changed.schedule_expression, changed.timezone) != (
        plan.schedule_expression,
        plan.timezone,
    )
    limits = AwsLimits(call.config.aws_limits)
    check_testing_plan(changed, limits, now=call.now, is_rescheduled=is_rescheduled)
    restore_testing.update_plan(call.tx, changed)
    return _made(changed) | {"UpdateTime": call.now}


@operation("DeleteRestoreTestingPlan")
def delete_restore_testing_plan(call: Call, req: Request) -> None:
    """The plan is gone, and its tags. Raises InvalidRequest while it has selections.

    Source: model 2018-11-15 `DeleteRestoreTestingPlan`; docs/parity/restore-testing.md, "plans".
    """
    take_turns(call.tx, turn(call, req["RestoreTestingPlanName"]))
    plan = plan_of(call, req)
    if restore_testing.count_selections(call.tx, plan.id):
        raise InvalidRequest(
            "Related restore testing selections must be deleted prior to restore testing plan deletion"
        )
    restore_testing.delete_plan(call.tx, plan.id)
    tags.delete_all(call.tx, plan.arn)


@operation("ListRestoreTestingPlans")
def list_restore_testing_plans(call: Call, req: Request) -> Answer:
    """Plans by name, without their choice of points. Source: `ListRestoreTestingPlans`."""

    def fetch(after: str | None, limit: int) -> list[RestoreTestingPlan]:
        return restore_testing.page_of_plans(
            call.tx,
            account_id=call.account_id,
            site=call.site,
            after=after,
            limit=limit,
        )

    found, token = page_by_name(call, req, fetch, name=lambda plan: plan.name)
    return {"RestoreTestingPlans": [_listed(plan) for plan in found], "NextToken": token}


def plan_of(call: Call, req: Request) -> RestoreTestingPlan:
    """The plan that the request names. Raises ResourceNotFound."""
    name = req["RestoreTestingPlanName"]
    return restore_testing.get_plan(call.tx, name, account_id=call.account_id, site=call.site)


def turn(call: Call, name: str) -> str:
    """Those who change one plan, or what hangs on it, do it one after the other."""
    return f"restore testing plan {call.account_id} {call.site} {name}"


def _wanted(call: Call, req: Request) -> RestoreTestingPlan:
    given, plan_id = req["RestoreTestingPlan"], new_id()
    name = given["RestoreTestingPlanName"]
    return RestoreTestingPlan(
        id=plan_id,
        account_id=call.account_id,
        site=call.site,
        name=name,
        arn=call.arn("restore-testing-plan", f"{name}-{plan_id}"),
        schedule_expression=given["ScheduleExpression"],
        timezone=given.get("ScheduleExpressionTimezone") or DEFAULT_TIMEZONE,
        start_window_hours=given.get("StartWindowHours", DEFAULT_START_WINDOW_HOURS),
        points=_read_points(given["RecoveryPointSelection"], None),
        created_at=call.now,
        creator_request_id=creator_request_id(req),
    )


def _read_points(given: Request, before: PointChoice | None) -> PointChoice:
    """The choice as given, over the one before; without one, three of its members are required."""
    if before is None:
        for name in ("Algorithm", "IncludeVaults", "RecoveryPointTypes"):
            if given.get(name) is None:
                raise MissingParameterValue(f"RecoveryPointSelection.{name} is required")
        before = PointChoice(Algorithm(given["Algorithm"]), (), ())
    return PointChoice(
        algorithm=Algorithm(given.get("Algorithm", before.algorithm)),
        include=tuple(given.get("IncludeVaults", before.include)),
        types=tuple(dict.fromkeys(given.get("RecoveryPointTypes", before.types))),
        exclude=tuple(given.get("ExcludeVaults", before.exclude)),
        window_days=given.get("SelectionWindowDays", before.window_days or DEFAULT_WINDOW_DAYS),
    )


def _replayed(earlier: RestoreTestingPlan, wanted: RestoreTestingPlan) -> RestoreTestingPlan:
    """The plan that is there, when it is this very request that made it. Raises AlreadyExists."""
    is_same_request = wanted.creator_request_id is not None and (
        wanted.creator_request_id == earlier.creator_request_id
    )
    if not is_same_request or _content(wanted) != _content(earlier):
        raise AlreadyExists(
            "Restore testing plan with the same name already exists",
            arn=earlier.arn,
            creator_request_id=earlier.creator_request_id,
        )
    return earlier


def _content(plan: RestoreTestingPlan) -> tuple[object, ...]:
    return (plan.schedule_expression, plan.timezone, plan.start_window_hours, plan.points)


def _check_quota(call: Call) -> None:
    there_are = restore_testing.count_plans(call.tx, account_id=call.account_id, site=call.site)
    check_room(call.config.quotas.restore_testing_plans, there_are, "restore testing plans in a Region")


def _made(plan: RestoreTestingPlan) -> Answer:
    return {
        "RestoreTestingPlanArn": plan.arn,
        "RestoreTestingPlanName": plan.name,
        "CreationTime": plan.created_at,
    }


def _listed(plan: RestoreTestingPlan) -> Answer:
    return _made(plan) | {
        "ScheduleExpression": plan.schedule_expression,
        "ScheduleExpressionTimezone": plan.timezone,
        "StartWindowHours": plan.start_window_hours,
        "LastUpdateTime": plan.updated_at,
        "LastExecutionTime": plan.last_execution_at,
    }


def _shown_points(points: PointChoice) -> Answer:
    return {
        "Algorithm": points.algorithm,
        "IncludeVaults": points.include,
        "ExcludeVaults": points.exclude,
        "RecoveryPointTypes": points.types,
        "SelectionWindowDays": points.window_days,
    }
