"""What a restore testing plan or selection may not say. Pure.

Source: AWS Backup Developer Guide, "Restore testing"; model 2018-11-15; docs/parity/restore-testing.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from safehold.core.errors import InvalidParameterValue
from safehold.domain import arns
from safehold.domain.inferred_metadata import OVERRIDABLE
from safehold.domain.limits import AwsLimits
from safehold.domain.resource_types import AWS_TYPES
from safehold.domain.restore_requests import MAX_METADATA_BYTES
from safehold.domain.restore_testing import PointChoice, RestoreTestingPlan, RestoreTestingSelection
from safehold.domain.schedule import parse_schedule, schedule_fault

NAME = re.compile(r"[A-Za-z0-9_]{1,50}", re.ASCII)
STRICT_TYPES = ("Aurora", "DocumentDB", "DynamoDB", "EBS", "EC2", "EFS", "FSx", "Neptune", "RDS", "S3")
MAX_VAULT_SELECTORS = 30
MAX_ARNS = 30
MAX_CONDITIONS = 30
MAX_START_WINDOW_HOURS = 168
MAX_WINDOW_DAYS = 365
MAX_VALIDATION_WINDOW_HOURS = 168
POINT_TYPES = ("SNAPSHOT", "CONTINUOUS")
# Types whose resources' ARNs look alike.
_CLUSTERS = frozenset({"Aurora", "DocumentDB", "Neptune", "RDS"})


def check_name(name: str, of: str) -> None:
    """Raise InvalidParameterValue for what cannot name a plan or selection."""
    if not NAME.fullmatch(name):
        raise InvalidParameterValue(
            f"Invalid {of} name. It must satisfy regular expression pattern: {NAME.pattern}"
        )


def check_testing_plan(
    plan: RestoreTestingPlan, limits: AwsLimits, *, now: datetime, is_rescheduled: bool = True
) -> None:
    """Raise InvalidParameterValue unless a plan can say this.

    A schedule that the plan had before may stay, even if all its due times are past by now.
    """
    check_name(plan.name, "restore testing plan")
    schedule = parse_schedule(plan.schedule_expression, plan.timezone)
    fault = schedule_fault(schedule, limits, now=now) if is_rescheduled else None
    if fault is not None:
        raise InvalidParameterValue(fault)
    _check_range("StartWindowHours", plan.start_window_hours, 1, MAX_START_WINDOW_HOURS)
    _check_points(plan.points)


def check_testing_selection(selection: RestoreTestingSelection, limits: AwsLimits) -> None:
    """Raise InvalidParameterValue unless a selection can say this."""
    check_name(selection.name, "restore testing selection")
    known = STRICT_TYPES if limits is AwsLimits.STRICT else AWS_TYPES
    if selection.resource_type not in known:
        raise InvalidParameterValue(
            f"Invalid ProtectedResourceType: {selection.resource_type[:60]}. It must be one of"
            f" {', '.join(known)}"
        )
    _check_range("ValidationWindowHours", selection.validation_window_hours, 0, MAX_VALIDATION_WINDOW_HOURS)
    _check_resources(selection)
    check_overrides(selection.resource_type, selection.overrides or {}, limits)


def check_overrides(resource_type: str, overrides: Mapping[str, str], limits: AwsLimits) -> None:
    """Raise InvalidParameterValue for overrides that no restore of that type can mean.

    Messages name keys, never values: those may be secrets.
    """
    if len({key.lower() for key in overrides}) < len(overrides):
        raise InvalidParameterValue("RestoreMetadataOverrides holds a key twice; case makes no difference")
    if sum(len(key) + len(value) for key, value in overrides.items()) > MAX_METADATA_BYTES:
        raise InvalidParameterValue(f"RestoreMetadataOverrides is larger than {MAX_METADATA_BYTES} bytes")
    allowed = OVERRIDABLE.get(resource_type)
    if limits is not AwsLimits.STRICT or allowed is None:
        return
    for key in overrides:
        if key.lower() not in {name.lower() for name in allowed}:
            raise InvalidParameterValue(
                f"RestoreMetadataOverrides cannot hold {key[:60]!r} for {resource_type}; it can hold"
                f" {', '.join(sorted(allowed))}"
            )


def _check_points(points: PointChoice) -> None:
    _check_range("SelectionWindowDays", points.window_days, 1, MAX_WINDOW_DAYS)
    if not points.include:
        raise InvalidParameterValue("IncludeVaults must name at least one vault, or be '*'")
    if not points.types:
        raise InvalidParameterValue(f"RecoveryPointTypes must hold one of {', '.join(POINT_TYPES)}")
    if len(points.include) + len(points.exclude) > MAX_VAULT_SELECTORS:
        raise InvalidParameterValue(
            f"IncludeVaults and ExcludeVaults hold at most {MAX_VAULT_SELECTORS} in sum"
        )
    for pattern in (*points.include, *points.exclude):
        if pattern != "*":
            _check_vault(pattern)


def _check_vault(pattern: str) -> None:
    parsed = arns.parse(pattern)
    if parsed.service != "backup" or not parsed.resource.startswith("backup-vault:"):
        raise InvalidParameterValue(f"{pattern[:200]} is not the ARN of a backup vault")


def _check_resources(selection: RestoreTestingSelection) -> None:
    conditions = (*selection.equals, *selection.not_equals)
    if not selection.resource_arns and not conditions:
        raise InvalidParameterValue(
            "Either ProtectedResourceArns or ProtectedResourceConditions must be given; ['*'] takes all"
        )
    is_all = selection.resource_arns in ((), ("*",))
    if conditions and not is_all:
        raise InvalidParameterValue(
            "ProtectedResourceConditions go with ProtectedResourceArns ['*'], not with ARNs"
        )
    if len(selection.resource_arns) > MAX_ARNS:
        raise InvalidParameterValue(f"ProtectedResourceArns holds at most {MAX_ARNS}")
    if len(conditions) > MAX_CONDITIONS:
        raise InvalidParameterValue(f"ProtectedResourceConditions holds at most {MAX_CONDITIONS}")
    for condition in conditions:
        if not condition.key.removeprefix("aws:ResourceTag/"):
            raise InvalidParameterValue(f"Invalid condition key: {condition.key[:200]!r}")
    for arn in () if is_all else selection.resource_arns:
        _check_resource(arn, selection.resource_type)


def _check_resource(arn: str, resource_type: str) -> None:
    found = arns.resource_type_of(arn)
    is_it = found == resource_type or (resource_type in _CLUSTERS and found in _CLUSTERS)
    if not is_it:
        raise InvalidParameterValue(f"{arn[:200]} is not the ARN of a resource of type {resource_type}")


def _check_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidParameterValue(f"{name} must be {least} to {most}, not {value}")
