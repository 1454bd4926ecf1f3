"""AWS's eleven controls: what each is told, and what a framework may not ask. Pure.

All values are text on the wire. Source: AWS Backup Developer Guide, "Controls and remediation", "Creating
frameworks using the API"; docs/parity/frameworks.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from safehold.core.errors import InvalidParameterValue
from safehold.domain import arns
from safehold.domain.frameworks import Control, ControlScope
from safehold.domain.resource_types import AWS_TYPES

Parameters = Mapping[str, str]
BACKUP_TYPES = ("AWS::Backup::BackupPlan", "AWS::Backup::BackupVault", "AWS::Backup::RecoveryPoint")
MAX_DAYS = 36_500
MAX_LISTED = 5
MAX_RESTORE_MINUTES = 525_600  # a year; ours: AWS names no bound
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ControlRule:
    """defaults  parameters that have one; names: all that there are; check: what they may not be together"""

    names: tuple[str, ...] = ()
    defaults: Parameters = field(default_factory=dict)
    check: Callable[[Parameters], None] = lambda parameters: None


def check_controls(controls: Sequence[Control]) -> None:
    """Raise InvalidParameterValue unless a framework can have these controls."""
    if not controls:
        raise InvalidParameterValue("FrameworkControls must hold at least one control")
    for control in controls:
        _check(control)
    if len({(control.name, control.parameters, _key(control.scope)) for control in controls}) < len(controls):
        raise InvalidParameterValue("FrameworkControls holds the same control twice")


def parameters_of(control: Control) -> dict[str, str]:
    """What the control is told, with AWS's defaults where nothing was said."""
    return {**RULES[control.name].defaults, **dict(control.parameters or ())}


def _check(control: Control) -> None:
    rule = RULES.get(control.name)
    if rule is None:
        raise InvalidParameterValue(
            f"Invalid control name: {control.name[:100]}. It must be one of {', '.join(RULES)}"
        )
    given = dict(control.parameters or ())
    if len(given) < len(control.parameters or ()):
        raise InvalidParameterValue(f"{control.name}: a parameter is given twice")
    for name in given:
        if name not in rule.names:
            known = ", ".join(rule.names) or "none"
            raise InvalidParameterValue(f"{control.name} has no parameter {name[:100]!r}; it has {known}")
    rule.check(parameters_of(control))
    if control.scope is not None:
        _check_scope(control.name, control.scope)


def _check_scope(name: str, scope: ControlScope) -> None:
    for kind in scope.resource_types or ():
        if kind not in AWS_TYPES and kind not in BACKUP_TYPES:
            raise InvalidParameterValue(f"{name}: unknown type in ComplianceResourceTypes: {kind[:100]}")
    if len(scope.tags or ()) > 1:
        raise InvalidParameterValue(f"{name}: a control's scope has at most one tag")


def _key(scope: ControlScope | None) -> object:
    if scope is None:
        return None
    return (scope.resource_ids, scope.resource_types, tuple((scope.tags or {}).items()))


def _number(parameters: Parameters, name: str, least: int, most: int) -> int:
    text = parameters[name]
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise InvalidParameterValue(f"{name} must be a whole number from {least} to {most}")
    return int(text)


def _age(
    value: str, unit: str, *, hours: tuple[int, int], days: tuple[int, int]
) -> Callable[[Parameters], None]:
    """A time in hours or in days, each within its own bounds."""

    def check(parameters: Parameters) -> None:
        bounds = {"hours": hours, "days": days}.get(parameters[unit])
        if bounds is None:
            raise InvalidParameterValue(f"{unit} is either hours or days")
        _number(parameters, value, *bounds)

    return check


def _frequency(parameters: Parameters) -> None:
    check = _age("requiredFrequencyValue", "requiredFrequencyUnit", hours=(1, 24), days=(1, 31))
    check(parameters)
    _whole("requiredRetentionDays", most=MAX_DAYS)(parameters)


def _whole(name: str, *, most: int) -> Callable[[Parameters], None]:
    def check(parameters: Parameters) -> None:
        _number(parameters, name, 1, most)

    return check


def _listed(name: str, is_one: Callable[[str], bool], *, most: int | None) -> Callable[[Parameters], None]:
    """A list in one text, separated by commas, if it is given at all."""

    def check(parameters: Parameters) -> None:
        items = [item.strip() for item in parameters.get(name, "").split(",")] if parameters.get(name) else []
        if most is not None and len(items) > most:
            raise InvalidParameterValue(f"{name} holds at most {most}")
        if not all(is_one(item) for item in items):
            raise InvalidParameterValue(f"{name} holds something else than it should, separated by commas")

    return check


def _is_principal(text: str) -> bool:
    try:
        return arns.parse(text).service in ("iam", "sts")
    except InvalidParameterValue:
        return False


def _lock(parameters: Parameters) -> None:
    bounds = [
        _number(parameters, name, 1, MAX_DAYS)
        for name in ("minRetentionDays", "maxRetentionDays")
        if name in parameters
    ]
    if bounds != sorted(bounds):
        raise InvalidParameterValue("minRetentionDays must not be more than maxRetentionDays")


_POINT_AGE = ("recoveryPointAgeValue", "recoveryPointAgeUnit")
RULES: Mapping[str, ControlRule] = {
    "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN": ControlRule(),
    "BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK": ControlRule(
        ("requiredFrequencyValue", "requiredFrequencyUnit", "requiredRetentionDays"),
        {"requiredFrequencyValue": "1", "requiredFrequencyUnit": "days", "requiredRetentionDays": "35"},
        _frequency,
    ),
    "BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED": ControlRule(
        ("principalArnList",), {}, _listed("principalArnList", _is_principal, most=MAX_LISTED)
    ),
    "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK": ControlRule(
        ("requiredRetentionDays",),
        {"requiredRetentionDays": "35"},
        _whole("requiredRetentionDays", most=MAX_DAYS),
    ),
    "BACKUP_RECOVERY_POINT_ENCRYPTED": ControlRule(),
    "BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION": ControlRule(
        ("crossRegionList",),
        {},
        _listed("crossRegionList", lambda text: _REGION.fullmatch(text) is not None, most=None),
    ),
    "BACKUP_RESOURCES_PROTECTED_BY_CROSS_ACCOUNT": ControlRule(
        ("crossAccountList",),
        {},
        _listed("crossAccountList", lambda text: _ACCOUNT.fullmatch(text) is not None, most=MAX_LISTED),
    ),
    "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK": ControlRule(
        ("minRetentionDays", "maxRetentionDays"), {}, _lock
    ),
    "BACKUP_LAST_RECOVERY_POINT_CREATED": ControlRule(
        _POINT_AGE,
        {"recoveryPointAgeValue": "1", "recoveryPointAgeUnit": "days"},
        _age(*_POINT_AGE, hours=(1, 744), days=(1, 31)),
    ),
    "RESTORE_TIME_FOR_RESOURCES_MEET_TARGET": ControlRule(
        ("maxRestoreTime",),
        {"maxRestoreTime": "720"},
        _whole("maxRestoreTime", most=MAX_RESTORE_MINUTES),
    ),
    "RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT": ControlRule(
        _POINT_AGE,
        {"recoveryPointAgeValue": "1", "recoveryPointAgeUnit": "days"},
        _age(*_POINT_AGE, hours=(24, 2184), days=(1, 91)),
    ),
}
