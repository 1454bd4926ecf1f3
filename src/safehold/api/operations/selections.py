"""Operations on a plan's selections: what it backs up, and as whom. A selection is never changed.

An unknown plan or selection is an InvalidParameterValueException here, not a ResourceNotFoundException.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.operations.plans import plan_turn
from safehold.api.pages import page
from safehold.api.pass_role import check_passable
from safehold.api.request_ids import creator_request_id
from safehold.core.errors import AlreadyExists, InvalidParameterValue
from safehold.core.ids import new_id
from safehold.domain.limits import AwsLimits
from safehold.domain.org_plans import check_own
from safehold.domain.plans import PlanVersion
from safehold.domain.quotas import check_room
from safehold.domain.selection import Condition, Operator, Selection, SelectionDocument, TagEntry
from safehold.domain.selection_checks import check_selection
from safehold.records import plans, selections
from safehold.records.dialect import take_turns

Request = Mapping[str, Any]
Answer = dict[str, Any]


@operation("CreateBackupSelection")
def create_backup_selection(call: Call, req: Request) -> Answer:
    """The plan backs up what the selection takes, from its next run on.

    The same CreatorRequestId and name again answer the first selection; another request for a taken name
    raises AlreadyExists.

    Source: model 2018-11-15 `CreateBackupSelection`; docs/parity/selections.md.
    """
    request_id = creator_request_id(req)
    check_own(req["BackupPlanId"], "updated")
    take_turns(call.tx, plan_turn(req["BackupPlanId"]))
    plan = _plan(call, req)
    limits = AwsLimits(call.config.aws_limits)
    document = _read(req["BackupSelection"])
    check_selection(document, limits)
    check_passable(call, document.role_arn)
    earlier = selections.find_by_name(call.tx, plan.id, document.name)
    if earlier is not None:
        return _made(_replayed(earlier, request_id))
    quota = call.config.quotas.selections_per_plan
    check_room(quota, selections.count(call.tx, plan.id), "selections in a backup plan")
    selection = Selection(new_id(), plan.id, document, call.now, request_id)
    selections.insert_if_new(call.tx, selection)
    return _made(selection)


@operation("GetBackupSelection")
def get_backup_selection(call: Call, req: Request) -> Answer:
    """The selection as it was written. Source: model 2018-11-15 `GetBackupSelection`."""
    plan = _plan(call, req)
    selection = selections.find(call.tx, plan.id, req["SelectionId"])
    if selection is None:
        raise _missing_selection(req)
    return _given(
        BackupSelection=_shown(selection.document),
        SelectionId=selection.id,
        BackupPlanId=plan.id,
        CreationDate=selection.created_at,
        CreatorRequestId=selection.creator_request_id,
    )


@operation("DeleteBackupSelection")
def delete_backup_selection(call: Call, req: Request) -> None:
    """The plan no longer backs up what only this selection took. Source: `DeleteBackupSelection`."""
    check_own(req["BackupPlanId"], "updated")
    take_turns(call.tx, plan_turn(req["BackupPlanId"]))
    plan = _plan(call, req)
    if not selections.remove(call.tx, plan.id, req["SelectionId"]):
        raise _missing_selection(req)


@operation("ListBackupSelections")
def list_backup_selections(call: Call, req: Request) -> Answer:
    """The plan's selections, oldest first, without what they select. Source: `ListBackupSelections`."""
    plan = _plan(call, req)

    def fetch(after: Any, limit: int) -> list[Selection]:
        return selections.page(call.tx, plan.id, after=after, limit=limit)

    found, token = page(call, req, fetch, position=lambda item: (item.created_at, item.id))
    return _given(BackupSelectionsList=[_listed(selection) for selection in found], NextToken=token)


def _plan(call: Call, req: Request) -> PlanVersion:
    plan_id = req["BackupPlanId"]
    plan = plans.find_active(call.tx, plan_id, account_id=call.account_id, site=call.site)
    if plan is None:
        raise InvalidParameterValue(f"Cannot find Backup plan with ID {plan_id}")
    return plan


def _missing_selection(req: Request) -> InvalidParameterValue:
    plan_id, selection_id = req["BackupPlanId"], req["SelectionId"]
    return InvalidParameterValue(
        f"Cannot find Backup plan with ID {plan_id} and selection with ID {selection_id}"
    )


def _replayed(earlier: Selection, request_id: str | None) -> Selection:
    if request_id is None or request_id != earlier.creator_request_id:
        raise AlreadyExists(
            f"Backup selection with the name {earlier.document.name} already exists in this backup plan",
            creator_request_id=earlier.creator_request_id,
        )
    return earlier


def _read(wire: Request) -> SelectionDocument:
    tags, conditions = wire.get("ListOfTags"), wire.get("Conditions")
    return SelectionDocument(
        name=wire["SelectionName"],
        role_arn=wire["IamRoleArn"],
        resources=_tuple(wire.get("Resources")),
        not_resources=_tuple(wire.get("NotResources")),
        tags=None
        if tags is None
        else tuple(
            TagEntry(tag["ConditionKey"], tag["ConditionValue"], tag["ConditionType"]) for tag in tags
        ),
        conditions=None if conditions is None else _read_conditions(conditions),
    )


def _read_conditions(wire: Request) -> tuple[Condition, ...]:
    return tuple(
        Condition(operator, entry.get("ConditionKey") or "", entry.get("ConditionValue") or "")
        for operator in Operator
        for entry in wire.get(operator) or ()
    )


def _shown(document: SelectionDocument) -> Answer:
    tags = None
    if document.tags is not None:
        tags = [
            {"ConditionType": tag.condition_type, "ConditionKey": tag.key, "ConditionValue": tag.value}
            for tag in document.tags
        ]
    return _given(
        SelectionName=document.name,
        IamRoleArn=document.role_arn,
        Resources=document.resources,
        NotResources=document.not_resources,
        ListOfTags=tags,
        Conditions=None if document.conditions is None else _shown_conditions(document.conditions),
    )


def _shown_conditions(conditions: tuple[Condition, ...]) -> Answer:
    shown: dict[str, list[dict[str, str]]] = {}
    for condition in conditions:
        entry = {"ConditionKey": condition.key, "ConditionValue": condition.value}
        shown.setdefault(condition.operator, []).append(entry)
    return shown


def _made(selection: Selection) -> Answer:
    return {
        "SelectionId": selection.id,
        "BackupPlanId": selection.plan_id,
        "CreationDate": selection.created_at,
    }


def _listed(selection: Selection) -> Answer:
    return _made(selection) | _given(
        SelectionName=selection.document.name,
        IamRoleArn=selection.document.role_arn,
        CreatorRequestId=selection.creator_request_id,
    )


def _tuple(items: list[str] | None) -> tuple[str, ...] | None:
    return None if items is None else tuple(items)


def _given(**members: Any) -> Answer:
    return {name: value for name, value in members.items() if value is not None}
