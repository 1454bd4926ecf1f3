"""Operations on the selections of restore testing plans, and what a test of a point would restore it with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safehold.api import existing
from safehold.api.call import Call, operation
from safehold.api.operations.restore_testing_plans import plan_of, turn
from safehold.api.pages import page_by_name
from safehold.api.pass_role import check_passable
from safehold.api.request_ids import creator_request_id
from safehold.core.errors import AlreadyExists
from safehold.domain.inferred_metadata import inferred_metadata
from safehold.domain.limits import AwsLimits
from safehold.domain.quotas import check_room
from safehold.domain.restore_testing import RestoreTestingPlan, RestoreTestingSelection, TagCondition
from safehold.domain.restore_testing_checks import check_testing_selection
from safehold.records import restore_testing
from safehold.records.dialect import take_turns

Request = Mapping[str, Any]
Answer = dict[str, Any]


@operation("CreateRestoreTestingSelection")
def create_restore_testing_selection(call: Call, req: Request) -> Answer:
    """The plan tests these resources too; the same request sent again answers the first one.

    Source: model 2018-11-15 `CreateRestoreTestingSelection`; docs/parity/restore-testing.md, "selections".
    """
    take_turns(call.tx, turn(call, req["RestoreTestingPlanName"]))
    plan = plan_of(call, req)
    wanted = _wanted(call, plan, req)
    _check(call, wanted)
    earlier = restore_testing.find_selection(call.tx, plan.id, wanted.name)
    if earlier is not None:
        return _made(plan, _replayed(earlier, wanted))
    quota = call.config.quotas.selections_per_restore_testing_plan
    there_are = restore_testing.count_selections(call.tx, plan.id)
    check_room(quota, there_are, "selections in a restore testing plan")
    restore_testing.insert_selection_if_new(call.tx, wanted)
    return _made(plan, wanted)


@operation("GetRestoreTestingSelection")
def get_restore_testing_selection(call: Call, req: Request) -> Answer:
    """The whole selection. Source: model 2018-11-15 `GetRestoreTestingSelection`."""
    plan = plan_of(call, req)
    selection = _selection_of(call, plan, req)
    shown = _listed(plan, selection) | {
        "CreatorRequestId": selection.creator_request_id,
        "ProtectedResourceArns": selection.resource_arns,
        "ProtectedResourceConditions": {
            "StringEquals": _shown_conditions(selection.equals),
            "StringNotEquals": _shown_conditions(selection.not_equals),
        },
        "RestoreMetadataOverrides": selection.overrides,
    }
    return {"RestoreTestingSelection": shown}


@operation("UpdateRestoreTestingSelection")
def update_restore_testing_selection(call: Call, req: Request) -> Answer:
    """The members given replace those of the selection; others stay, and its type always does.

    Source: model 2018-11-15 `UpdateRestoreTestingSelection`; docs/parity/restore-testing.md, "selections".
    """
    take_turns(call.tx, turn(call, req["RestoreTestingPlanName"]))
    plan = plan_of(call, req)
    selection = _selection_of(call, plan, req)
    given = req["RestoreTestingSelection"]
    equals, not_equals = _read_conditions(given, selection)
    changed = replace(
        selection,
        role_arn=given.get("IamRoleArn", selection.role_arn),
        resource_arns=tuple(given.get("ProtectedResourceArns", selection.resource_arns)),
        equals=equals,
        not_equals=not_equals,
        overrides=given.get("RestoreMetadataOverrides", selection.overrides),
        validation_window_hours=given.get("ValidationWindowHours", selection.validation_window_hours),
        updated_at=call.now,
    )
    _check(call, changed)
    restore_testing.update_selection(call.tx, changed)
    return _made(plan, changed) | {"UpdateTime": call.now}


@operation("DeleteRestoreTestingSelection")
def delete_restore_testing_selection(call: Call, req: Request) -> None:
    """The plan no longer tests what only this selection took. Source: `DeleteRestoreTestingSelection`."""
    take_turns(call.tx, turn(call, req["RestoreTestingPlanName"]))
    plan = plan_of(call, req)
    restore_testing.delete_selection(call.tx, plan.id, _selection_of(call, plan, req).name)


@operation("ListRestoreTestingSelections")
def list_restore_testing_selections(call: Call, req: Request) -> Answer:
    """The plan's selections by name. Source: model 2018-11-15 `ListRestoreTestingSelections`."""
    plan = plan_of(call, req)

    def fetch(after: str | None, limit: int) -> list[RestoreTestingSelection]:
        return restore_testing.page_of_selections(call.tx, plan.id, after=after, limit=limit)

    found, token = page_by_name(call, req, fetch, name=lambda selection: selection.name)
    return {"RestoreTestingSelections": [_listed(plan, item) for item in found], "NextToken": token}


@operation("GetRestoreTestingInferredMetadata")
def get_restore_testing_inferred_metadata(call: Call, req: Request) -> Answer:
    """What a test would restore that point with; good as StartRestoreJob's Metadata.

    Source: model 2018-11-15 `GetRestoreTestingInferredMetadata`; docs/parity/restore-testing.md.
    """
    vault = existing.vault(call, req)
    point = existing.point(call, vault, req)
    return {"InferredMetadata": inferred_metadata(point, unique=call.request_id[:8])}


def _selection_of(call: Call, plan: RestoreTestingPlan, req: Request) -> RestoreTestingSelection:
    return restore_testing.get_selection(call.tx, plan.id, req["RestoreTestingSelectionName"])


def _wanted(call: Call, plan: RestoreTestingPlan, req: Request) -> RestoreTestingSelection:
    given = req["RestoreTestingSelection"]
    equals, not_equals = _read_conditions(given, None)
    return RestoreTestingSelection(
        plan_id=plan.id,
        name=given["RestoreTestingSelectionName"],
        resource_type=given["ProtectedResourceType"],
        role_arn=given["IamRoleArn"],
        created_at=call.now,
        resource_arns=tuple(given.get("ProtectedResourceArns") or ()),
        equals=equals,
        not_equals=not_equals,
        overrides=given.get("RestoreMetadataOverrides"),
        validation_window_hours=given.get("ValidationWindowHours", 0),
        creator_request_id=creator_request_id(req),
    )


def _read_conditions(
    given: Request, before: RestoreTestingSelection | None
) -> tuple[tuple[TagCondition, ...], tuple[TagCondition, ...]]:
    """Both kinds of condition as given; those from before when none are."""
    wire = given.get("ProtectedResourceConditions")
    if wire is None:
        return ((), ()) if before is None else (before.equals, before.not_equals)
    kinds = (wire.get(kind) or () for kind in ("StringEquals", "StringNotEquals"))
    equals, not_equals = (tuple(TagCondition(pair["Key"], pair["Value"]) for pair in kind) for kind in kinds)
    return equals, not_equals


def _check(call: Call, selection: RestoreTestingSelection) -> None:
    check_testing_selection(selection, AwsLimits(call.config.aws_limits))
    check_passable(call, selection.role_arn)


def _replayed(earlier: RestoreTestingSelection, wanted: RestoreTestingSelection) -> RestoreTestingSelection:
    """The selection that is there, when it is this very request that made it. Raises AlreadyExists."""
    is_same_request = wanted.creator_request_id is not None and (
        replace(wanted, created_at=earlier.created_at, updated_at=earlier.updated_at) == earlier
    )
    if not is_same_request:
        raise AlreadyExists(
            "Restore testing selection with the same name already exists",
            creator_request_id=earlier.creator_request_id,
        )
    return earlier


def _made(plan: RestoreTestingPlan, selection: RestoreTestingSelection) -> Answer:
    return {
        "RestoreTestingPlanArn": plan.arn,
        "RestoreTestingPlanName": plan.name,
        "RestoreTestingSelectionName": selection.name,
        "CreationTime": selection.created_at,
    }


def _listed(plan: RestoreTestingPlan, selection: RestoreTestingSelection) -> Answer:
    return {
        "RestoreTestingPlanName": plan.name,
        "RestoreTestingSelectionName": selection.name,
        "CreationTime": selection.created_at,
        "ProtectedResourceType": selection.resource_type,
        "IamRoleArn": selection.role_arn,
        "ValidationWindowHours": selection.validation_window_hours,
    }


def _shown_conditions(conditions: tuple[TagCondition, ...]) -> list[dict[str, str]]:
    return [{"Key": condition.key, "Value": condition.value} for condition in conditions]
