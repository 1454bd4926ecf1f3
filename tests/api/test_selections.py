"""Selections through the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from safehold.api.local import LocalClient
from safehold.core.errors import AlreadyExists, InvalidParameterValue, LimitExceeded
from tests.api.job_world import NOW, OTHER_ROLE, ROLE, World
from tests.api.test_plans import a_plan, all_pages, create


@pytest.fixture
def client(world: World) -> LocalClient:
    return world.client()


@pytest.fixture
def plan_id(client: LocalClient) -> str:
    return create(client)


def a_selection(name: str = "all", **more: Any) -> dict[str, Any]:
    return {"SelectionName": name, "IamRoleArn": ROLE, **(more or {"Resources": ["*"]})}


def add(
    client: LocalClient, plan_id: str, selection: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    wanted = selection or a_selection()
    return dict(client.call("CreateBackupSelection", BackupPlanId=plan_id, BackupSelection=wanted, **more))


def test_what_was_written_comes_back(client: LocalClient, plan_id: str) -> None:
    wanted = a_selection(
        Resources=["arn:aws:ec2:*:*:volume/*"],
        NotResources=["arn:aws:ec2:eu-north-1:1:volume/v"],
        ListOfTags=[{"ConditionType": "StringEquals", "ConditionKey": "env", "ConditionValue": "prod"}],
        Conditions={
            "StringEquals": [{"ConditionKey": "aws:ResourceTag/a", "ConditionValue": "b"}],
            "StringNotLike": [{"ConditionKey": "aws:ResourceTag/c", "ConditionValue": "d*"}],
        },
    )
    made = add(client, plan_id, wanted, CreatorRequestId="mine")
    assert (made["BackupPlanId"], made["CreationDate"]) == (plan_id, NOW)
    shown = client.call("GetBackupSelection", BackupPlanId=plan_id, SelectionId=made["SelectionId"])
    assert json.loads(json.dumps(shown["BackupSelection"])) == wanted
    assert shown["CreatorRequestId"] == "mine"


REFUSED = {
    "nothing selected": ({"ListOfTags": []}, "Either 'ListOfTags' or 'Resources' section must be non-empty"),
    "only conditions": (
        {"Conditions": {"StringEquals": [{"ConditionKey": "aws:ResourceTag/a", "ConditionValue": "b"}]}},
        "Either 'ListOfTags' or 'Resources' section must be non-empty",
    ),
    "a role that does not exist": (
        {"Resources": ["*"], "IamRoleArn": "arn:aws:iam::123456789012:role/nobody"},
        "IAM Role arn:aws:iam::123456789012:role/nobody cannot be assumed by AWS Backup",
    ),
    "a role for another service": (
        {"Resources": ["*"], "IamRoleArn": OTHER_ROLE}, "cannot be assumed by AWS Backup",
    ),
    "no ARN": ({"Resources": ["my-folder"]}, "Invalid ARN"),
    "a bad name": ({"Resources": ["*"], "SelectionName": "a b"}, "SelectionName"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(client: LocalClient, plan_id: str, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidParameterValue, match=reason):
        add(client, plan_id, a_selection(**change))
    assert client.call("ListBackupSelections", BackupPlanId=plan_id)["BackupSelectionsList"] == []


def test_unknown_plans_and_selections_are_invalid_parameters(client: LocalClient, plan_id: str) -> None:
    for name, request in (
        ("CreateBackupSelection", {"BackupPlanId": "nobody", "BackupSelection": a_selection()}),
        ("ListBackupSelections", {"BackupPlanId": "nobody"}),
        ("GetBackupSelection", {"BackupPlanId": "nobody", "SelectionId": "x"}),
        ("GetBackupSelection", {"BackupPlanId": plan_id, "SelectionId": "x"}),
        ("DeleteBackupSelection", {"BackupPlanId": plan_id, "SelectionId": "x"}),
    ):
        with pytest.raises(InvalidParameterValue, match="Cannot find Backup plan"):
            client.call(name, **request)


def test_a_selection_belongs_to_its_plan(client: LocalClient, plan_id: str) -> None:
    other = create(client, a_plan("other"))
    made = add(client, plan_id)
    with pytest.raises(InvalidParameterValue):
        client.call("GetBackupSelection", BackupPlanId=other, SelectionId=made["SelectionId"])
    assert add(client, other)["SelectionId"] != made["SelectionId"]


def test_a_taken_name_is_refused_but_the_same_request_is_answered(client: LocalClient, plan_id: str) -> None:
    made = add(client, plan_id, CreatorRequestId="mine")
    assert add(client, plan_id, CreatorRequestId="mine") == made
    with pytest.raises(AlreadyExists):
        add(client, plan_id, CreatorRequestId="yours")
    with pytest.raises(AlreadyExists):
        add(client, plan_id)


def test_a_deleted_selection_is_gone(client: LocalClient, plan_id: str) -> None:
    made = add(client, plan_id)
    request = {"BackupPlanId": plan_id, "SelectionId": made["SelectionId"]}
    assert client.call("DeleteBackupSelection", **request) == {}
    with pytest.raises(InvalidParameterValue):
        client.call("GetBackupSelection", **request)


def test_lists_come_in_pages_without_what_is_selected(client: LocalClient, plan_id: str) -> None:
    made = [add(client, plan_id, a_selection(f"s{number}"))["SelectionId"] for number in range(5)]
    listed = all_pages(client, "ListBackupSelections", "BackupSelectionsList", BackupPlanId=plan_id)
    assert sorted(item["SelectionId"] for item in listed) == sorted(made)
    assert {frozenset(item) for item in listed} == {
        frozenset({"SelectionId", "SelectionName", "BackupPlanId", "CreationDate", "IamRoleArn"})
    }


def test_quotas_are_awss_when_strict(world: World, plan_id: str) -> None:
    many = a_selection(Resources=[f"arn:aws:s3:::{number}*" for number in range(31)])
    with pytest.raises(LimitExceeded):
        add(world.client(aws_limits="strict"), plan_id, many)
    add(world.client(), plan_id, many)
