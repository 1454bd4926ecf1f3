"""What a plan may not say, in AWS's words and with its error number. Pure.

Source: AWS Backup Developer Guide, "Backup plan options and configuration", "Quotas"; messages as seen in the
public trackers of Terraform and Ansible; docs/parity/plans.md.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from safehold.core.errors import InvalidParameterValue, LimitExceeded, MissingParameterValue
from safehold.domain import tags
from safehold.domain.lifecycle import lifecycle_fault
from safehold.domain.limits import AwsLimits
from safehold.domain.plans import AdvancedSetting, PlanDocument, Rule
from safehold.domain.point_indexes import STRICT_INDEXED_TYPES
from safehold.domain.schedule import schedule_fault
from safehold.domain.windows import window_fault

RULE_ERROR = "ERROR_3015"
MAX_RULES = 10
MAX_COPIES = 5
MAX_RECOVERY_POINT_TAGS = 10
STRICT_MAX_CONTINUOUS_DAYS = 35
NAME = re.compile(r"[a-zA-Z0-9\-_.]{1,50}", re.ASCII)

_SWITCH = frozenset({"enabled", "disabled"})
# Types that have options in AWS, and their options. Source: model, `BackupOptions`.
OPTIONS: Mapping[str, frozenset[str]] = {
    "EC2": frozenset({"WindowsVSS"}),
    "S3": frozenset({"BackupACLs", "BackupObjectTags"}),
}


def check_plan(
    document: PlanDocument, limits: AwsLimits, *, now: datetime, previous: PlanDocument | None = None
) -> None:
    """Raise InvalidParameterValue, MissingParameterValue or LimitExceeded unless a plan can say this.

    A rule whose schedule is that of the previous version's rule of its name may have it even if all its due
    times are past by now.
    """
    if not NAME.fullmatch(document.name):
        raise InvalidParameterValue(
            f"Invalid backup plan name. It must satisfy regular expression pattern: {NAME.pattern}"
        )
    if not document.rules:
        raise MissingParameterValue("Backup plan must have at least one rule")
    _check_count("rules in a backup plan", len(document.rules), MAX_RULES, limits)
    known = {rule.name: rule for rule in previous.rules} if previous is not None else {}
    for rule in document.rules:
        is_settled = rule.name in known and rule.has_schedule_of(known[rule.name])
        _check_rule(rule, limits, now=None if is_settled else now)
    for name, count in Counter(rule.name for rule in document.rules).items():
        if count > 1:
            raise rule_error(name, "Rule names must be unique within a backup plan")
    for setting in document.advanced_settings or ():
        _check_setting(setting, limits)


def rule_error(rule_name: str, reason: str) -> InvalidParameterValue:
    """The error that AWS answers for a fault in one rule."""
    context = json.dumps([rule_name, reason])
    return InvalidParameterValue(f"Error in rule {rule_name} : {reason}", code=RULE_ERROR, context=context)


def _check_rule(rule: Rule, limits: AwsLimits, *, now: datetime | None) -> None:
    fault = (
        _schedule_fault(rule, limits, now=now)
        or window_fault(rule.start_window_minutes, rule.completion_window_minutes, limits)
        or _lifecycle_fault(rule, limits)
        or _copies_fault(rule)
        or _index_fault(rule, limits)
    )
    if fault is not None:
        raise rule_error(rule.name, fault)
    _check_count("copy actions in a rule", len(rule.copies or ()), MAX_COPIES, limits)
    point_tags = rule.recovery_point_tags or {}
    _check_count("recovery point tags in a rule", len(point_tags), MAX_RECOVERY_POINT_TAGS, limits)
    tags.added({}, point_tags)


def _schedule_fault(rule: Rule, limits: AwsLimits, *, now: datetime | None) -> str | None:
    try:
        schedule = rule.schedule
    except InvalidParameterValue as error:
        return str(error)
    return None if now is None else schedule_fault(schedule, limits, now=now)


def _lifecycle_fault(rule: Rule, limits: AwsLimits) -> str | None:
    lifecycle = rule.lifecycle
    if not rule.is_continuous:
        return None if lifecycle is None else lifecycle_fault(lifecycle)
    if lifecycle is None or lifecycle.delete_after_days is None:
        return "Lifecycle must be specified for backup rule enabled continuous backup"
    if lifecycle.move_to_cold_storage_after_days is not None:
        return "Invalid lifecycle. MoveToColdStorageAfterDays is unavailable"
    if limits is AwsLimits.STRICT and not 1 <= lifecycle.delete_after_days <= STRICT_MAX_CONTINUOUS_DAYS:
        return (
            "Invalid lifecycle. DeleteAfterDays cannot be less than 1 or more than "
            f"{STRICT_MAX_CONTINUOUS_DAYS} days for continuous backup"
        )
    return lifecycle_fault(lifecycle)


def _copies_fault(rule: Rule) -> str | None:
    faults = (
        lifecycle_fault(copy.lifecycle, may_be_always=True) for copy in rule.copies or () if copy.lifecycle
    )
    return next((fault for fault in faults if fault is not None), None)


def _index_fault(rule: Rule, limits: AwsLimits) -> str | None:
    """Source: model 2018-11-15 `IndexAction`: one action with one type, of two that there are."""
    actions = rule.index_actions or ()
    if limits is not AwsLimits.STRICT or not actions:
        return None
    if len(actions) > 1 or len(actions[0]) > 1:
        return "Invalid index actions. At most one action with one resource type is allowed"
    unknown = set(actions[0]) - STRICT_INDEXED_TYPES
    return f"Invalid index actions. Unsupported resource type: {min(unknown)}" if unknown else None


def _check_setting(setting: AdvancedSetting, limits: AwsLimits) -> None:
    known = OPTIONS.get(setting.resource_type)
    if known is None and limits is AwsLimits.EXTENDED:
        return
    if known is None or not set(setting.options) <= known or not set(setting.options.values()) <= _SWITCH:
        # AWS says no more than this either, be it the type, the option or the spelling of its value.
        raise InvalidParameterValue(f"Invalid Resource Type : {setting.resource_type}")


def _check_count(what: str, count: int, most: int, limits: AwsLimits) -> None:
    if limits is AwsLimits.STRICT and count > most:
        raise LimitExceeded(f"There are too many {what}: {count}, at most {most}")
