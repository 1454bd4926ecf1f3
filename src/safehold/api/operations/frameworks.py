"""Operations on frameworks. A framework is its row: it is deployed when that is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safehold.api.call import Call, operation
from safehold.api.once import once
from safehold.api.pages import page_by_name
from safehold.core.errors import AlreadyExists, Conflict
from safehold.core.ids import new_id
from safehold.domain import tags as tag_rules
from safehold.domain.control_rules import check_controls
from safehold.domain.frameworks import Control, ControlScope, DeploymentStatus, Framework
from safehold.domain.limits import AwsLimits
from safehold.domain.quotas import check_room
from safehold.records import frameworks, tags
from safehold.records.dialect import take_turns

Request = Mapping[str, Any]
Answer = dict[str, Any]

# Whether what the controls look at is being recorded. Nothing evaluates them yet, and that is what this says.
FRAMEWORK_STATUS = "INACTIVE"


@operation("CreateFramework")
def create_framework(call: Call, req: Request) -> Answer:
    """The framework is there; the same token again answers the first one.

    Source: model 2018-11-15 `CreateFramework`; docs/parity/frameworks.md, "create".
    """
    return once(call, req, lambda: _create(call, req))


@operation("DescribeFramework")
def describe_framework(call: Call, req: Request) -> Answer:
    """The whole framework. Source: model 2018-11-15 `DescribeFramework`."""
    found = _get(call, req)
    return {
        "FrameworkName": found.name,
        "FrameworkArn": found.arn,
        "FrameworkDescription": found.description,
        "FrameworkControls": [_shown_control(control) for control in found.controls],
        "CreationTime": found.created_at,
        "DeploymentStatus": found.deployment_status,
        "FrameworkStatus": FRAMEWORK_STATUS,
        "IdempotencyToken": found.idempotency_token,
    }


@operation("UpdateFramework")
def update_framework(call: Call, req: Request) -> Answer:
    """The description and the controls, as far as they are given, are these; controls as a whole.

    Source: model 2018-11-15 `UpdateFramework`; docs/parity/frameworks.md, "update".
    """
    return once(call, req, lambda: _update(call, req))


@operation("DeleteFramework")
def delete_framework(call: Call, req: Request) -> None:
    """The framework is gone, and its tags. Source: model 2018-11-15 `DeleteFramework`."""
    take_turns(call.tx, turn(call))
    found = _get_idle(call, req)
    frameworks.remove(call.tx, found.id)
    tags.delete_all(call.tx, found.arn)


@operation("ListFrameworks")
def list_frameworks(call: Call, req: Request) -> Answer:
    """Frameworks by name, without their controls. Source: model 2018-11-15 `ListFrameworks`."""

    def fetch(after: str | None, limit: int) -> list[Framework]:
        return frameworks.page(
            call.tx,
            account_id=call.account_id,
            site=call.site,
            after=after,
            limit=limit,
        )

    found, token = page_by_name(call, req, fetch, name=lambda framework: framework.name)
    return {"Frameworks": [_listed(framework) for framework in found], "NextToken": token}


def turn(call: Call) -> str:
    """Quotas count over all frameworks, so that those who change one go one after the other."""
    return f"frameworks {call.account_id} {call.site}"


def _create(call: Call, req: Request) -> Answer:
    controls = _read_controls(req["FrameworkControls"])
    check_controls(controls)
    new_tags = tag_rules.added({}, req.get("FrameworkTags") or {})
    take_turns(call.tx, turn(call))
    name, framework_id = req["FrameworkName"], new_id()
    earlier = frameworks.find(call.tx, name, account_id=call.account_id, site=call.site)
    if earlier is not None:
        raise AlreadyExists("Framework with the same name already exists", arn=earlier.arn)
    _check_new(call, controls, new_frameworks=1, new_controls=len(controls))
    framework = Framework(
        id=framework_id,
        account_id=call.account_id,
        site=call.site,
        name=name,
        arn=call.arn("framework", f"{name}-{framework_id}"),
        controls=controls,
        deployment_status=DeploymentStatus.COMPLETED,
        created_at=call.now,
        description=req.get("FrameworkDescription"),
        idempotency_token=req.get("IdempotencyToken"),
    )
    frameworks.insert_if_new(call.tx, framework)
    tags.put(call.tx, framework.arn, new_tags)
    return {"FrameworkName": framework.name, "FrameworkArn": framework.arn}


def _update(call: Call, req: Request) -> Answer:
    take_turns(call.tx, turn(call))
    found = _get_idle(call, req)
    controls = found.controls
    if req.get("FrameworkControls") is not None:
        controls = _read_controls(req["FrameworkControls"])
        check_controls(controls)
        more = len(controls) - len(found.controls)
        _check_new(call, controls, new_frameworks=0, new_controls=more, of=found.name)
    changed = replace(
        found,
        controls=controls,
        description=req.get("FrameworkDescription", found.description),
        updated_at=call.now,
    )
    frameworks.update_framework(call.tx, changed)
    return {
        "FrameworkName": changed.name,
        "FrameworkArn": changed.arn,
        "CreationTime": changed.created_at,
    }


def _check_new(
    call: Call,
    controls: tuple[Control, ...],
    *,
    new_frameworks: int,
    new_controls: int,
    of: str | None = None,
) -> None:
    """Raise LimitExceeded, or AlreadyExists where AWS has it that no two frameworks ask the same."""
    count, control_count = frameworks.counts(call.tx, account_id=call.account_id, site=call.site)
    quotas = call.config.quotas
    if new_frameworks:
        check_room(quotas.frameworks, count, "frameworks in a Region")
    if new_controls > 0:
        check_room(quotas.controls, control_count, "controls in a Region", more=new_controls)
    if call.config.aws_limits == AwsLimits.STRICT:
        others = frameworks.page(call.tx, account_id=call.account_id, site=call.site, limit=count)
        same = next((item for item in others if item.controls == controls and item.name != of), None)
        if same is not None:
            raise AlreadyExists("A framework with the same controls already exists", arn=same.arn)


def _get(call: Call, req: Request) -> Framework:
    return frameworks.get(call.tx, req["FrameworkName"], account_id=call.account_id, site=call.site)


def _get_idle(call: Call, req: Request) -> Framework:
    """The framework. Raises ResourceNotFound, and Conflict while something else is done to it."""
    found = _get(call, req)
    if found.deployment_status.is_busy:
        raise Conflict(
            "AWS Backup can't perform the action that you requested until it finishes performing a previous"
            f" action: framework {found.name} is {found.deployment_status}"
        )
    return found


def _read_controls(wire: list[Request]) -> tuple[Control, ...]:
    return tuple(
        Control(
            control["ControlName"],
            _read_parameters(control.get("ControlInputParameters")),
            _read_scope(control.get("ControlScope")),
        )
        for control in wire
    )


def _read_parameters(wire: list[Request] | None) -> tuple[tuple[str, str], ...] | None:
    if wire is None:
        return None
    return tuple((pair.get("ParameterName", ""), pair.get("ParameterValue", "")) for pair in wire)


def _read_scope(wire: Request | None) -> ControlScope | None:
    if wire is None:
        return None
    ids, types = wire.get("ComplianceResourceIds"), wire.get("ComplianceResourceTypes")
    return ControlScope(
        None if ids is None else tuple(ids), None if types is None else tuple(types), wire.get("Tags")
    )


def _shown_control(control: Control) -> Answer:
    parameters = None
    if control.parameters is not None:
        parameters = [{"ParameterName": name, "ParameterValue": value} for name, value in control.parameters]
    scope = None
    if control.scope is not None:
        scope = {
            "ComplianceResourceIds": control.scope.resource_ids,
            "ComplianceResourceTypes": control.scope.resource_types,
            "Tags": control.scope.tags,
        }
    return {
        "ControlName": control.name,
        "ControlInputParameters": parameters,
        "ControlScope": scope,
    }


def _listed(framework: Framework) -> Answer:
    return {
        "FrameworkName": framework.name,
        "FrameworkArn": framework.arn,
        "FrameworkDescription": framework.description,
        "NumberOfControls": len(framework.controls),
        "CreationTime": framework.created_at,
        "DeploymentStatus": framework.deployment_status,
    }
