"""What a plan may not say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from safehold.core.errors import InvalidParameterValue, LimitExceeded, MissingParameterValue
from safehold.domain.backup_requests import CopyRequest
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.limits import AwsLimits
from safehold.domain.plan_checks import check_plan
from safehold.domain.plans import AdvancedSetting, PlanDocument, Rule, document_digest, with_rule_ids

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = datetime(2031, 1, 1, tzinfo=UTC)
RULE = Rule("daily", "Default")
BOTH = (AwsLimits.STRICT, AwsLimits.EXTENDED)
STRICT_ONLY = (AwsLimits.STRICT,)

FAULTY_RULES = {
    "a rate": ({"schedule_expression": "rate(1 day)"}, BOTH, "Only cron expressions are supported"),
    "no such date": ({"schedule_expression": "cron(0 5 30 2 ? *)"}, BOTH, "never falls due"),
    "unknown zone": ({"timezone": "Mars/Olympus"}, BOTH, "timezone"),
    "too often for AWS": ({"schedule_expression": "cron(0/30 * * * ? *)"}, STRICT_ONLY, "once an hour"),
    "a start window of half an hour": ({"start_window_minutes": 30}, STRICT_ONLY, "Invalid start window"),
    "no start window": ({"start_window_minutes": 0}, BOTH, "Invalid start window"),
    "a start window of two centuries": ({"start_window_minutes": 105_120_000}, BOTH, "Invalid start window"),
    "no completion window": ({"completion_window_minutes": 0}, BOTH, "Invalid completion window"),
    "completion before start": ({"completion_window_minutes": 100}, STRICT_ONLY, "shorter than the start"),
    "no days": ({"lifecycle": Lifecycle(delete_after_days=0)}, BOTH, "DeleteAfterDays cannot be less than 1"),
    "too short in the cold": ({"lifecycle": Lifecycle(30, 60)}, BOTH, "90 days apart"),
    "continuous without lifecycle": ({"is_continuous": True}, BOTH, "Lifecycle must be specified"),
    "continuous and cold": (
        {"is_continuous": True, "lifecycle": Lifecycle(1, 100)}, BOTH, "MoveToColdStorageAfterDays is un",
    ),
    "continuous for long": (
        {"is_continuous": True, "lifecycle": Lifecycle(delete_after_days=36)}, STRICT_ONLY, "35 days",
    ),
    "a copy for too long": (
        {"copies": (CopyRequest("arn", Lifecycle(delete_after_days=40_000)),)}, BOTH, "36500",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "refused_by", "reason"), FAULTY_RULES.values(), ids=FAULTY_RULES)
def test_a_faulty_rule_is_named(change: dict[str, object], refused_by: tuple[AwsLimits], reason: str) -> None:
    document = PlanDocument("p", (replace(RULE, **change),))  # type: ignore[arg-type]
    for limits in refused_by:
        with pytest.raises(InvalidParameterValue) as caught:
            check_plan(document, limits, now=NOW)
        assert reason in str(caught.value)
        assert str(caught.value).startswith("Error in rule daily : ")
        assert caught.value.code == "ERROR_3015"
        assert json.loads(caught.value.context or "")[0] == "daily"
    for limits in set(AwsLimits) - set(refused_by):
        check_plan(document, limits, now=NOW)


def test_aws_own_words_for_a_lifecycle_too_short() -> None:
    document = PlanDocument("p", (replace(RULE, lifecycle=Lifecycle(30, 60)),))
    with pytest.raises(InvalidParameterValue) as caught:
        check_plan(document, AwsLimits.STRICT, now=NOW)
    reason = (
        "Invalid lifecycle. DeleteAfterDays cannot be less than 90 days apart from MoveToColdStorageAfterDays"
    )
    assert json.loads(caught.value.context or "") == ["daily", reason]


def test_names_are_checked() -> None:
    for name in ("", "a" * 51, "a b", "ä"):
        with pytest.raises(InvalidParameterValue):
            check_plan(PlanDocument(name, (RULE,)), AwsLimits.EXTENDED, now=NOW)


def test_a_plan_has_rules_and_their_names_differ() -> None:
    with pytest.raises(MissingParameterValue):
        check_plan(PlanDocument("p", ()), AwsLimits.EXTENDED, now=NOW)
    with pytest.raises(InvalidParameterValue, match="unique"):
        check_plan(PlanDocument("p", (RULE, RULE)), AwsLimits.EXTENDED, now=NOW)


def test_quotas_are_awss_when_strict() -> None:
    many = PlanDocument("p", tuple(replace(RULE, name=f"r{n}") for n in range(11)))
    check_plan(many, AwsLimits.EXTENDED, now=NOW)
    with pytest.raises(LimitExceeded):
        check_plan(many, AwsLimits.STRICT, now=NOW)


SETTINGS = {
    "EC2": (AdvancedSetting("EC2", {"WindowsVSS": "enabled"}), True, True),
    "S3": (AdvancedSetting("S3", {"BackupACLs": "disabled", "BackupObjectTags": "enabled"}), True, True),
    "spelling": (AdvancedSetting("EC2", {"WindowsVSS": "Enabled"}), False, False),
    "another type's option": (AdvancedSetting("S3", {"WindowsVSS": "enabled"}), False, False),
    "a type without options in AWS": (AdvancedSetting("EFS", {"Exclude": "*.tmp"}), False, True),
}


@pytest.mark.parametrize(("setting", "strict", "extended"), SETTINGS.values(), ids=SETTINGS)
def test_advanced_settings(setting: AdvancedSetting, strict: bool, extended: bool) -> None:
    document = PlanDocument("p", (RULE,), (setting,))
    for limits, is_fine in ((AwsLimits.STRICT, strict), (AwsLimits.EXTENDED, extended)):
        if is_fine:
            check_plan(document, limits, now=NOW)
        else:
            with pytest.raises(
                InvalidParameterValue, match=f"Invalid Resource Type : {setting.resource_type}"
            ):
                check_plan(document, limits, now=NOW)


def test_a_schedule_that_has_ended_may_stay_but_not_be_new() -> None:
    ended = PlanDocument("p", (replace(RULE, schedule_expression="cron(0 5 1 6 ? 2030)"),))
    check_plan(ended, AwsLimits.EXTENDED, now=NOW)
    check_plan(ended, AwsLimits.EXTENDED, now=LATER, previous=ended)
    with pytest.raises(InvalidParameterValue, match="all its dates are past"):
        check_plan(ended, AwsLimits.EXTENDED, now=LATER)


def test_rules_keep_their_ids_by_name() -> None:
    first = with_rule_ids(
        PlanDocument("p", (RULE, replace(RULE, name="b"))), None, new_ids=("1", "2"), now=NOW
    )
    changed = PlanDocument("p", (replace(RULE, name="b", vault_name="other"), replace(RULE, name="c")))
    second = with_rule_ids(changed, first, new_ids=("3", "4"), now=LATER)
    assert [(rule.name, rule.id, rule.scheduled_since) for rule in second.rules] == [
        ("b", "2", NOW),
        ("c", "4", LATER),
    ]


def test_a_changed_schedule_counts_from_the_change() -> None:
    first = with_rule_ids(PlanDocument("p", (RULE,)), None, new_ids=("1",), now=NOW)
    changed = PlanDocument("p", (replace(RULE, timezone="Europe/Berlin"),))
    assert with_rule_ids(changed, first, new_ids=("2",), now=LATER).rules[0].scheduled_since == LATER


def test_the_digest_is_of_what_was_said_not_of_ids() -> None:
    document = PlanDocument("p", (RULE,))
    stored = with_rule_ids(document, None, new_ids=("1",), now=NOW)
    assert document_digest(stored) == document_digest(document)
    assert document_digest(replace(document, name="q")) != document_digest(document)


def test_a_document_survives_json() -> None:
    rule = replace(RULE, copies=(CopyRequest("arn"),), index_actions=(("EBS",),), lifecycle=Lifecycle(1, 100))
    document = with_rule_ids(PlanDocument("p", (rule,)), None, new_ids=("1",), now=NOW)
    assert PlanDocument.from_json(json.loads(json.dumps(document.to_json()))) == document
