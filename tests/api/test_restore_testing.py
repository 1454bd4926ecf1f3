"""Restore testing plans, their selections, and what somebody found who looked at what a test made."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from safehold.api.local import LocalClient
from safehold.core.errors import (
    AlreadyExists,
    InvalidParameterValue,
    InvalidRequest,
    LimitExceeded,
    MissingParameterValue,
    ResourceNotFound,
    SafeholdError,
)
from safehold.domain.restore_requests import RestoreJobRequest
from safehold.records import restore_testing
from safehold.records.engine import Catalog
from tests.api.job_world import ACCOUNT, NOW, OTHER_ROLE, POINT, ROLE, SHARE, SITE, TREE, World

POINTS = {"Algorithm": "LATEST_WITHIN_WINDOW", "IncludeVaults": ["*"], "RecoveryPointTypes": ["SNAPSHOT"]}
PLAN = {
    "RestoreTestingPlanName": "weekly",
    "ScheduleExpression": "cron(0 5 ? * 1 *)",
    "RecoveryPointSelection": POINTS,
}
SELECTION = {
    "RestoreTestingSelectionName": "trees",
    "ProtectedResourceType": "EFS",
    "IamRoleArn": ROLE,
    "ProtectedResourceArns": [TREE],
}
CONDITION = {"Key": "aws:ResourceTag/team", "Value": "a"}
VAULTS = f"arn:aws:backup:{SITE}:{ACCOUNT}:backup-vault:M*"


@pytest.fixture
def client(world: World) -> LocalClient:
    return world.client()


@pytest.fixture
def client_on_both(catalog: Catalog) -> LocalClient:
    return World(catalog).client()


def create_plan(client: LocalClient, *, request: str | None = None, **changes: Any) -> dict[str, Any]:
    plan = {**PLAN, **changes}
    return dict(client.call("CreateRestoreTestingPlan", RestoreTestingPlan=plan, CreatorRequestId=request))


def update_plan(client: LocalClient, **members: Any) -> dict[str, Any]:
    return dict(
        client.call("UpdateRestoreTestingPlan", RestoreTestingPlanName="weekly", RestoreTestingPlan=members)
    )


def shown_plan(client: LocalClient) -> dict[str, Any]:
    answer = client.call("GetRestoreTestingPlan", RestoreTestingPlanName="weekly")
    return {name: value for name, value in answer["RestoreTestingPlan"].items() if value is not None}


def select(
    client: LocalClient, *, request: str | None = None, plan: str = "weekly", **changes: Any
) -> dict[str, Any]:
    wanted = {name: value for name, value in (SELECTION | changes).items() if value is not None}
    return dict(
        client.call(
            "CreateRestoreTestingSelection",
            RestoreTestingPlanName=plan,
            RestoreTestingSelection=wanted,
            CreatorRequestId=request,
        )
    )


def shown_selection(client: LocalClient) -> dict[str, Any]:
    names = {"RestoreTestingPlanName": "weekly", "RestoreTestingSelectionName": "trees"}
    answer = client.call("GetRestoreTestingSelection", **names)
    return {name: value for name, value in answer["RestoreTestingSelection"].items() if value is not None}


def test_a_plan_is_shown_with_its_defaults(client_on_both: LocalClient) -> None:
    arn = create_plan(client_on_both)["RestoreTestingPlanArn"]
    assert arn.startswith(f"arn:aws:backup:{SITE}:{ACCOUNT}:restore-testing-plan:weekly-")
    assert shown_plan(client_on_both) == {
        "RestoreTestingPlanArn": arn,
        "RestoreTestingPlanName": "weekly",
        "CreationTime": NOW,
        "ScheduleExpression": "cron(0 5 ? * 1 *)",
        "ScheduleExpressionTimezone": "Etc/UTC",
        "StartWindowHours": 24,
        "RecoveryPointSelection": {
            "Algorithm": "LATEST_WITHIN_WINDOW",
            "IncludeVaults": ("*",),
            "ExcludeVaults": (),
            "RecoveryPointTypes": ("SNAPSHOT",),
            "SelectionWindowDays": 30,
        },
    }


def test_an_update_changes_what_it_names_and_leaves_the_rest(
    world_on_both: World,
) -> None:
    client = world_on_both.client()
    create_plan(client, StartWindowHours=3)
    world_on_both.clock.at = NOW + timedelta(days=1)
    update_plan(client, RecoveryPointSelection={"ExcludeVaults": [VAULTS], "SelectionWindowDays": 7})
    shown = shown_plan(client)
    assert shown["StartWindowHours"] == 3
    assert shown["LastUpdateTime"] == NOW + timedelta(days=1)
    assert shown["RecoveryPointSelection"] == {
        "Algorithm": "LATEST_WITHIN_WINDOW",
        "IncludeVaults": ("*",),
        "ExcludeVaults": (VAULTS,),
        "RecoveryPointTypes": ("SNAPSHOT",),
        "SelectionWindowDays": 7,
    }
    update_plan(client, ScheduleExpression="cron(0 6 ? * * *)", ScheduleExpressionTimezone="Europe/Berlin")
    assert shown_plan(client)["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert shown_plan(client)["RecoveryPointSelection"]["SelectionWindowDays"] == 7


def test_the_same_request_again_answers_the_first_plan(client_on_both: LocalClient) -> None:
    first = create_plan(client_on_both, request="r")
    assert create_plan(client_on_both, request="r") == first
    for again in ({"request": "other"}, {}, {"request": "r", "StartWindowHours": 2}):
        with pytest.raises(AlreadyExists):
            create_plan(client_on_both, **again)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"RestoreTestingPlanName": "a-b"}, InvalidParameterValue, "name"),
        ({"RestoreTestingPlanName": "a" * 51}, InvalidParameterValue, "name"),
        ({"ScheduleExpression": "rate(1 day)"}, InvalidParameterValue, "cron"),
        ({"ScheduleExpression": "cron(0 5 ? * * 2020)"}, InvalidParameterValue, "past"),
        ({"ScheduleExpressionTimezone": "Nowhere/X"}, InvalidParameterValue, "timezone"),
        ({"StartWindowHours": 0}, InvalidParameterValue, "StartWindowHours"),
        ({"StartWindowHours": 169}, InvalidParameterValue, "StartWindowHours"),
        ({"RecoveryPointSelection": {}}, MissingParameterValue, "Algorithm"),
        ({"RecoveryPointSelection": POINTS | {"IncludeVaults": None}}, MissingParameterValue, "IncludeVault"),
        ({"RecoveryPointSelection": POINTS | {"IncludeVaults": []}}, InvalidParameterValue, "IncludeVaults"),
        ({"RecoveryPointSelection": POINTS | {"IncludeVaults": ["x"]}}, InvalidParameterValue, "ARN"),
        ({"RecoveryPointSelection": POINTS | {"IncludeVaults": [TREE]}}, InvalidParameterValue, "vault"),
        ({"RecoveryPointSelection": POINTS | {"IncludeVaults": [VAULTS] * 31}}, InvalidParameterValue, "30"),
        ({"RecoveryPointSelection": POINTS | {"RecoveryPointTypes": []}}, InvalidParameterValue, "SNAPSHOT"),
        ({"RecoveryPointSelection": POINTS | {"SelectionWindowDays": 366}}, InvalidParameterValue, "Window"),
        ({"RecoveryPointSelection": POINTS | {"SelectionWindowDays": 0}}, InvalidParameterValue, "Window"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(
    client: LocalClient, changes: dict[str, Any], error: type[SafeholdError], message: str
) -> None:
    with pytest.raises(error, match=message):
        create_plan(client, **changes)
    assert client.call("ListRestoreTestingPlans")["RestoreTestingPlans"] == []


def test_a_plan_goes_once_its_selections_are_gone(client_on_both: LocalClient) -> None:
    client = client_on_both
    arn = create_plan(client)["RestoreTestingPlanArn"]
    client.call("TagResource", ResourceArn=arn, Tags={"a": "b"})
    select(client)
    with pytest.raises(InvalidRequest, match="selections"):
        client.call("DeleteRestoreTestingPlan", RestoreTestingPlanName="weekly")
    names = {"RestoreTestingPlanName": "weekly", "RestoreTestingSelectionName": "trees"}
    client.call("DeleteRestoreTestingSelection", **names)
    client.call("DeleteRestoreTestingPlan", RestoreTestingPlanName="weekly")
    for operation in ("GetRestoreTestingPlan", "DeleteRestoreTestingPlan", "ListRestoreTestingSelections"):
        with pytest.raises(ResourceNotFound):
            client.call(operation, RestoreTestingPlanName="weekly")
    with pytest.raises(ResourceNotFound):
        client.call("ListTags", ResourceArn=arn)


def test_plans_are_listed_by_name_in_pages(client_on_both: LocalClient) -> None:
    for name in ("c", "a", "b"):
        create_plan(client_on_both, RestoreTestingPlanName=name)
    first = client_on_both.call("ListRestoreTestingPlans", MaxResults=2)
    rest = client_on_both.call("ListRestoreTestingPlans", MaxResults=2, NextToken=first["NextToken"])
    pages = (first["RestoreTestingPlans"], rest["RestoreTestingPlans"])
    assert [[plan["RestoreTestingPlanName"] for plan in page] for page in pages] == [["a", "b"], ["c"]]
    assert rest["NextToken"] is None
    assert "RecoveryPointSelection" not in first["RestoreTestingPlans"][0]


def test_plans_of_another_site_are_not_seen(world: World) -> None:
    create_plan(world.client())
    assert world.client(site="us-east-1").call("ListRestoreTestingPlans")["RestoreTestingPlans"] == []


def test_a_plans_tags_are_its_own(client: LocalClient) -> None:
    answer = client.call("CreateRestoreTestingPlan", RestoreTestingPlan=PLAN, Tags={"team": "a"})
    arn = answer["RestoreTestingPlanArn"]
    client.call("TagResource", ResourceArn=arn, Tags={"x": "y"})
    client.call("UntagResource", ResourceArn=arn, TagKeyList=["team"])
    assert client.call("ListTags", ResourceArn=arn)["Tags"] == {"x": "y"}


def test_a_selection_is_shown_as_it_was_given(client_on_both: LocalClient) -> None:
    create_plan(client_on_both)
    select(client_on_both, RestoreMetadataOverrides={"performanceMode": "maxIO"}, ValidationWindowHours=4)
    assert shown_selection(client_on_both) == {
        "RestoreTestingPlanName": "weekly",
        "RestoreTestingSelectionName": "trees",
        "CreationTime": NOW,
        "ProtectedResourceType": "EFS",
        "IamRoleArn": ROLE,
        "ValidationWindowHours": 4,
        "ProtectedResourceArns": (TREE,),
        "ProtectedResourceConditions": {"StringEquals": [], "StringNotEquals": []},
        "RestoreMetadataOverrides": {"performanceMode": "maxIO"},
    }


def test_a_selections_update_changes_what_it_names(client_on_both: LocalClient) -> None:
    client = client_on_both
    create_plan(client)
    select(client, RestoreMetadataOverrides={"performanceMode": "maxIO"})
    changes = {
        "ProtectedResourceArns": ["*"],
        "ProtectedResourceConditions": {"StringEquals": [CONDITION], "StringNotEquals": [CONDITION]},
    }
    names = {"RestoreTestingPlanName": "weekly", "RestoreTestingSelectionName": "trees"}
    client.call("UpdateRestoreTestingSelection", RestoreTestingSelection=changes, **names)
    shown = shown_selection(client)
    assert shown["ProtectedResourceConditions"] == changes["ProtectedResourceConditions"]
    assert shown["ProtectedResourceArns"] == ("*",)
    assert shown["RestoreMetadataOverrides"] == {"performanceMode": "maxIO"}
    with pytest.raises(InvalidParameterValue, match="ProtectedResourceConditions"):
        client.call(
            "UpdateRestoreTestingSelection",
            RestoreTestingSelection={"ProtectedResourceArns": [TREE]},
            **names,
        )
    assert shown_selection(client) == shown


def test_the_same_request_again_answers_the_first_selection(client_on_both: LocalClient) -> None:
    create_plan(client_on_both)
    first = select(client_on_both, request="r")
    assert select(client_on_both, request="r") == first
    for again in ({"request": "other"}, {}, {"request": "r", "ValidationWindowHours": 2}):
        with pytest.raises(AlreadyExists):
            select(client_on_both, **again)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"RestoreTestingSelectionName": "a b"}, "name"),
        ({"ProtectedResourceType": "Nothing"}, "ProtectedResourceType"),
        ({"IamRoleArn": OTHER_ROLE}, "cannot be assumed"),
        ({"ProtectedResourceArns": None}, "Either ProtectedResourceArns"),
        ({"ProtectedResourceArns": ["x"]}, "ARN"),
        ({"ProtectedResourceArns": [SHARE]}, "of type EFS"),
        ({"ProtectedResourceArns": [TREE] * 31}, "30"),
        ({"ProtectedResourceConditions": {"StringEquals": [CONDITION]}}, "not with ARNs"),
        (
            {
                "ProtectedResourceArns": ["*"],
                "ProtectedResourceConditions": {"StringEquals": [CONDITION] * 31},
            },
            "at most 30",
        ),
        ({"ValidationWindowHours": 169}, "ValidationWindowHours"),
        ({"ValidationWindowHours": -1}, "ValidationWindowHours"),
        ({"RestoreMetadataOverrides": {"a": "1", "A": "2"}}, "twice"),
        ({"RestoreMetadataOverrides": {"a": "x" * 300_000}}, "larger"),
    ],
)
def test_a_selection_that_cannot_be_meant_is_refused(
    client: LocalClient, changes: dict[str, Any], message: str
) -> None:
    create_plan(client)
    with pytest.raises(InvalidParameterValue, match=message):
        select(client, **changes)
    listed = client.call("ListRestoreTestingSelections", RestoreTestingPlanName="weekly")
    assert listed["RestoreTestingSelections"] == []


def test_strict_limits_know_ten_types_and_what_each_lets_override(world: World) -> None:
    client = world.client(aws_limits="strict")
    create_plan(client)
    select(client, RestoreMetadataOverrides={"PERFORMANCEMODE": "maxIO"})
    with pytest.raises(InvalidParameterValue, match="newFileSystem"):
        select(client, RestoreTestingSelectionName="b", RestoreMetadataOverrides={"newFileSystem": "false"})
    with pytest.raises(InvalidParameterValue, match="ProtectedResourceType"):
        select(client, ProtectedResourceType="EKS", ProtectedResourceArns=["*"])


def test_selections_are_listed_by_name_in_pages(client_on_both: LocalClient) -> None:
    create_plan(client_on_both)
    for name in ("c", "a", "b"):
        select(client_on_both, RestoreTestingSelectionName=name)
    names = {"RestoreTestingPlanName": "weekly", "MaxResults": 2}
    first = client_on_both.call("ListRestoreTestingSelections", **names)
    rest = client_on_both.call("ListRestoreTestingSelections", NextToken=first["NextToken"], **names)
    pages = (first["RestoreTestingSelections"], rest["RestoreTestingSelections"])
    assert [[item["RestoreTestingSelectionName"] for item in page] for page in pages] == [["a", "b"], ["c"]]


def test_there_are_so_many_selections_in_a_plan(client: LocalClient) -> None:
    create_plan(client)
    for number in range(30):
        select(client, RestoreTestingSelectionName=f"s{number}")
    with pytest.raises(LimitExceeded, match="30"):
        select(client)


def test_what_runs_plans_finds_them_and_says_when_it_ran(world: World) -> None:
    create_plan(world.client())
    with world.catalog.begin() as tx:
        (plan,) = restore_testing.every_plan(tx)
        restore_testing.mark_executed(tx, plan.id, now=NOW)
    assert shown_plan(world.client())["LastExecutionTime"] == NOW


def test_a_test_of_a_file_tree_makes_a_new_one_of_a_name_that_tells(client: LocalClient) -> None:
    inferred = client.call(
        "GetRestoreTestingInferredMetadata", BackupVaultName="Main", RecoveryPointArn=POINT
    )["InferredMetadata"]
    assert inferred["file-system-id"] == "fs-1"
    assert inferred["newFileSystem"] == "true"
    assert inferred["creationToken"].startswith("awsbackup-restore-test-")
    client.call("StartRestoreJob", RecoveryPointArn=POINT, IamRoleArn=ROLE, Metadata=inferred)


PLAN_ARN = f"arn:aws:backup:{SITE}:{ACCOUNT}:restore-testing-plan:weekly-1"


def restored(world: World, **changes: Any) -> str:
    """A completed restore job of a test."""
    metadata = {"newFileSystem": "true"}
    answer = world.client().call(
        "StartRestoreJob", RecoveryPointArn=POINT, IamRoleArn=ROLE, Metadata=metadata
    )
    job = world.job(answer["RestoreJobId"])
    request = replace(RestoreJobRequest.from_json(job.request), restore_testing_plan_arn=PLAN_ARN)
    values = {"state": "COMPLETED", "request": request.to_json(), "result": {"read": 5}} | changes
    world.set_job(job.id, **values)
    return job.id


def put_result(world: World, job_id: str, status: str, message: str | None = None) -> None:
    world.client().call(
        "PutRestoreValidationResult",
        RestoreJobId=job_id,
        ValidationStatus=status,
        ValidationStatusMessage=message,
    )


def test_a_validation_result_is_shown_and_final(world_on_both: World) -> None:
    job_id = restored(world_on_both)
    put_result(world_on_both, job_id, "SUCCESSFUL", "all rows there")
    shown = world_on_both.client().call("DescribeRestoreJob", RestoreJobId=job_id)
    assert shown["CreatedBy"] == {"RestoreTestingPlanArn": PLAN_ARN}
    assert (shown["ValidationStatus"], shown["ValidationStatusMessage"]) == ("SUCCESSFUL", "all rows there")
    assert world_on_both.job(job_id).result["read"] == 5
    with pytest.raises(InvalidRequest, match="already"):
        put_result(world_on_both, job_id, "FAILED")
    listed = world_on_both.client().call("ListRestoreJobs", ByRestoreTestingPlanArn=PLAN_ARN)["RestoreJobs"]
    assert [job["ValidationStatus"] for job in listed] == ["SUCCESSFUL"]


def test_a_result_that_is_waited_for_is_taken(world: World) -> None:
    job_id = restored(world, result={"validation": {"status": "VALIDATING"}})
    put_result(world, job_id, "FAILED")
    assert world.client().call("DescribeRestoreJob", RestoreJobId=job_id)["ValidationStatus"] == "FAILED"


def test_a_result_comes_for_completed_tests_alone(world: World) -> None:
    running = restored(world, state="RUNNING")
    with pytest.raises(InvalidRequest, match="RUNNING"):
        put_result(world, running, "SUCCESSFUL")
    late = restored(world, result={"validation": {"status": "TIMED_OUT"}})
    with pytest.raises(InvalidRequest, match="TIMED_OUT"):
        put_result(world, late, "SUCCESSFUL")
    plain = restored(world, request=world.job(running).request | {"restore_testing_plan_arn": None})
    with pytest.raises(InvalidRequest, match="not part of a restore test"):
        put_result(world, plain, "SUCCESSFUL")
    with pytest.raises(InvalidParameterValue, match="TIMED_OUT"):
        put_result(world, late, "TIMED_OUT")
    with pytest.raises(InvalidParameterValue, match="1024"):
        put_result(world, late, "FAILED", "x" * 1025)
    with pytest.raises(ResourceNotFound):
        put_result(world, "nope", "FAILED")
