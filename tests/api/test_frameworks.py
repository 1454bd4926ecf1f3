"""Frameworks: AWS's controls with their parameters checked, quotas, and requests that come twice."""

from __future__ import annotations

from typing import Any

import pytest

from safehold.api.local import LocalClient
from safehold.core.errors import (
    AlreadyExists,
    Conflict,
    InvalidParameterValue,
    LimitExceeded,
    ResourceNotFound,
)
from safehold.domain.control_rules import RULES, parameters_of
from safehold.domain.frameworks import Control, DeploymentStatus
from safehold.records import frameworks
from safehold.records.engine import Catalog
from tests.api.job_world import ACCOUNT, NOW, ROLE, SITE, World

ENCRYPTED = {"ControlName": "BACKUP_RECOVERY_POINT_ENCRYPTED"}
KEPT = {
    "ControlName": "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK",
    "ControlInputParameters": [{"ParameterName": "requiredRetentionDays", "ParameterValue": "35"}],
    "ControlScope": {
        "ComplianceResourceIds": ("a",),
        "ComplianceResourceTypes": ("EBS", "AWS::Backup::RecoveryPoint"),
        "Tags": {"k": "v"},
    },
}


@pytest.fixture
def client(world: World) -> LocalClient:
    return world.client()


@pytest.fixture
def client_on_both(catalog: Catalog) -> LocalClient:
    return World(catalog).client()


def create(client: LocalClient, *controls: object, name: str = "f", **members: object) -> dict[str, Any]:
    wanted = list(controls) or [ENCRYPTED]
    return dict(client.call("CreateFramework", FrameworkName=name, FrameworkControls=wanted, **members))


def shown(client: LocalClient, name: str = "f") -> dict[str, Any]:
    found = client.call("DescribeFramework", FrameworkName=name)
    return {member: value for member, value in found.items() if value is not None}


def control(name: str, **parameters: str) -> dict[str, Any]:
    pairs = [{"ParameterName": key, "ParameterValue": value} for key, value in parameters.items()]
    return {"ControlName": name, "ControlInputParameters": pairs}


def test_a_framework_is_shown_as_it_was_given(client_on_both: LocalClient) -> None:
    answer = create(client_on_both, ENCRYPTED, KEPT, FrameworkDescription="d", IdempotencyToken="t")
    arn = answer["FrameworkArn"]
    assert arn.startswith(f"arn:aws:backup:{SITE}:{ACCOUNT}:framework:f-")
    assert shown(client_on_both) == {
        "FrameworkName": "f",
        "FrameworkArn": arn,
        "FrameworkDescription": "d",
        "FrameworkControls": [
            {**ENCRYPTED, "ControlInputParameters": None, "ControlScope": None},
            KEPT,
        ],
        "CreationTime": NOW,
        "DeploymentStatus": "COMPLETED",
        "FrameworkStatus": "INACTIVE",
        "IdempotencyToken": "t",
    }


def test_there_are_eleven_controls_and_each_is_taken_with_its_defaults(client: LocalClient) -> None:
    assert len(RULES) == 11
    create(client, *({"ControlName": name} for name in RULES))
    assert len(shown(client)["FrameworkControls"]) == 11
    assert parameters_of(Control("BACKUP_LAST_RECOVERY_POINT_CREATED")) == {
        "recoveryPointAgeValue": "1",
        "recoveryPointAgeUnit": "days",
    }


FREQUENCY = "BACKUP_PLAN_MIN_FREQUENCY_AND_MIN_RETENTION_CHECK"
LAST = "BACKUP_LAST_RECOVERY_POINT_CREATED"
GAPPED = "RESOURCES_IN_LOGICALLY_AIR_GAPPED_VAULT"
DELETION = "BACKUP_RECOVERY_POINT_MANUAL_DELETION_DISABLED"
ACCOUNTS = "BACKUP_RESOURCES_PROTECTED_BY_CROSS_ACCOUNT"
REGIONS = "BACKUP_RESOURCES_PROTECTED_BY_CROSS_REGION"
LOCK = "BACKUP_RESOURCES_PROTECTED_BY_BACKUP_VAULT_LOCK"


@pytest.mark.parametrize(
    "fine",
    [
        control(FREQUENCY, requiredFrequencyValue="24", requiredFrequencyUnit="hours"),
        control(LAST, recoveryPointAgeValue="744", recoveryPointAgeUnit="hours"),
        control(GAPPED, recoveryPointAgeValue="91", recoveryPointAgeUnit="days"),
        control(DELETION, principalArnList=f"{ROLE}, {ROLE}"),
        control(ACCOUNTS, crossAccountList=f"{ACCOUNT},{ACCOUNT}"),
        control(REGIONS, crossRegionList="eu-west-1,us-east-1"),
        control(LOCK, minRetentionDays="7", maxRetentionDays="7"),
        control(LOCK, maxRetentionDays="70"),
        control("RESTORE_TIME_FOR_RESOURCES_MEET_TARGET", maxRestoreTime="60"),
    ],
    ids=str,
)
def test_parameters_within_their_bounds_are_taken(client: LocalClient, fine: dict[str, Any]) -> None:
    create(client, fine)
    assert shown(client)["FrameworkControls"][0]["ControlInputParameters"] == fine["ControlInputParameters"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ControlName": "BACKUP_NOTHING"}, "Invalid control name"),
        (control("BACKUP_RECOVERY_POINT_ENCRYPTED", x="1"), "has no parameter"),
        (control(FREQUENCY, requiredFrequencyValue="25", requiredFrequencyUnit="hours"), "1 to 24"),
        (control(FREQUENCY, requiredFrequencyUnit="weeks"), "hours or days"),
        (control(FREQUENCY, requiredRetentionDays="0"), "requiredRetentionDays"),
        (control(FREQUENCY, requiredRetentionDays="-5"), "requiredRetentionDays"),
        (control(FREQUENCY, requiredRetentionDays="\u0663"), "requiredRetentionDays"),
        (control(LAST, recoveryPointAgeValue="32"), "1 to 31"),
        (control(GAPPED, recoveryPointAgeValue="23", recoveryPointAgeUnit="hours"), "24 to 2184"),
        (control(DELETION, principalArnList=",".join([ROLE] * 6)), "at most 5"),
        (control(DELETION, principalArnList="somebody"), "principalArnList"),
        (control(ACCOUNTS, crossAccountList="12"), "crossAccountList"),
        (control(REGIONS, crossRegionList="Europe!"), "crossRegionList"),
        (control(LOCK, minRetentionDays="8", maxRetentionDays="7"), "not be more"),
        (control("RESTORE_TIME_FOR_RESOURCES_MEET_TARGET", maxRestoreTime="soon"), "maxRestoreTime"),
        ({**ENCRYPTED, "ControlScope": {"ComplianceResourceTypes": ["Nothing"]}}, "Nothing"),
        ({**ENCRYPTED, "ControlScope": {"Tags": {"a": "b", "c": "d"}}}, "at most one tag"),
        (
            {
                **KEPT,
                "ControlInputParameters": [*KEPT["ControlInputParameters"], *KEPT["ControlInputParameters"]],
            },
            "twice",
        ),
    ],
    ids=str,
)
def test_a_control_that_cannot_be_meant_is_refused(
    client: LocalClient, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidParameterValue, match=message):
        create(client, wrong)
    assert client.call("ListFrameworks")["Frameworks"] == []


def test_a_framework_has_controls_and_none_of_them_twice(client: LocalClient) -> None:
    with pytest.raises(InvalidParameterValue, match="at least one"):
        client.call("CreateFramework", FrameworkName="f", FrameworkControls=[])
    with pytest.raises(InvalidParameterValue, match="twice"):
        create(client, KEPT, KEPT)


def test_the_same_token_again_does_nothing_twice(client_on_both: LocalClient) -> None:
    first = create(client_on_both, IdempotencyToken="t")
    assert create(client_on_both, IdempotencyToken="t") == first
    with pytest.raises(InvalidParameterValue, match="IdempotencyToken"):
        create(client_on_both, KEPT, IdempotencyToken="t")
    with pytest.raises(AlreadyExists):
        create(client_on_both, IdempotencyToken="other")
    update = {"FrameworkName": "f", "FrameworkDescription": "new", "IdempotencyToken": "t"}
    changed = client_on_both.call("UpdateFramework", **update)
    client_on_both.call("UpdateFramework", FrameworkName="f", FrameworkDescription="newer")
    assert client_on_both.call("UpdateFramework", **update) == changed
    assert shown(client_on_both)["FrameworkDescription"] == "newer"


def test_an_update_replaces_the_controls_as_a_whole(client_on_both: LocalClient) -> None:
    create(client_on_both, ENCRYPTED, KEPT, FrameworkDescription="d")
    client_on_both.call("UpdateFramework", FrameworkName="f", FrameworkControls=[KEPT])
    assert shown(client_on_both)["FrameworkControls"] == [KEPT]
    assert shown(client_on_both)["FrameworkDescription"] == "d"
    with pytest.raises(ResourceNotFound):
        client_on_both.call("UpdateFramework", FrameworkName="g", FrameworkControls=[KEPT])


def test_what_is_deleted_is_gone_and_its_tags_too(client_on_both: LocalClient) -> None:
    arn = create(client_on_both, FrameworkTags={"a": "b"})["FrameworkArn"]
    client_on_both.call("TagResource", ResourceArn=arn, Tags={"c": "d"})
    assert client_on_both.call("ListTags", ResourceArn=arn)["Tags"] == {"a": "b", "c": "d"}
    client_on_both.call("DeleteFramework", FrameworkName="f")
    for operation in ("DescribeFramework", "DeleteFramework"):
        with pytest.raises(ResourceNotFound):
            client_on_both.call(operation, FrameworkName="f")
    with pytest.raises(ResourceNotFound):
        client_on_both.call("ListTags", ResourceArn=arn)


def test_a_framework_that_is_being_changed_is_left_alone(world: World) -> None:
    create(world.client())
    with world.catalog.begin() as tx:
        found = frameworks.get(tx, "f", account_id=ACCOUNT, site=SITE)
        busy = DeploymentStatus.UPDATE_IN_PROGRESS
        frameworks.update_framework(tx, _with_status(found, busy))
    for operation in ("UpdateFramework", "DeleteFramework"):
        with pytest.raises(Conflict, match="previous action"):
            world.client().call(operation, FrameworkName="f")


def _with_status(framework: Any, status: DeploymentStatus) -> Any:
    from dataclasses import replace

    return replace(framework, deployment_status=status)


def test_frameworks_are_listed_by_name_in_pages(client_on_both: LocalClient) -> None:
    for name in ("c", "a", "b"):
        create(client_on_both, name=name)
    first = client_on_both.call("ListFrameworks", MaxResults=2)
    rest = client_on_both.call("ListFrameworks", MaxResults=2, NextToken=first["NextToken"])
    pages = (first["Frameworks"], rest["Frameworks"])
    assert [[item["FrameworkName"] for item in page] for page in pages] == [["a", "b"], ["c"]]
    assert first["Frameworks"][0]["NumberOfControls"] == 1


def test_there_are_so_many_frameworks(client: LocalClient) -> None:
    for number in range(15):
        create(client, name=f"f{number}")
    with pytest.raises(LimitExceeded, match="15 frameworks"):
        create(client)


def test_controls_are_counted_over_all_frameworks(client: LocalClient) -> None:
    ages = [control(LAST, recoveryPointAgeValue=str(day)) for day in range(1, 26)]
    create(client, *ages)
    create(client, *ages, name="g")
    with pytest.raises(LimitExceeded, match="50 controls"):
        create(client, name="h")
    with pytest.raises(LimitExceeded, match="50 controls"):
        client.call("UpdateFramework", FrameworkName="g", FrameworkControls=[*ages, KEPT])
    client.call("UpdateFramework", FrameworkName="g", FrameworkControls=[*ages[:-1], KEPT])


def test_strict_limits_have_no_two_frameworks_that_ask_the_same(world: World) -> None:
    client = world.client(aws_limits="strict")
    create(client, KEPT)
    with pytest.raises(AlreadyExists, match="same controls"):
        create(client, KEPT, name="g")
    client.call("UpdateFramework", FrameworkName="f", FrameworkControls=[KEPT])
    create(world.client(), KEPT, name="g")
