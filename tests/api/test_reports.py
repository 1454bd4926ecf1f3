"""Report plans are kept and checked; a report job ends at once, and says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
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
from safehold.domain.frameworks import DeploymentStatus
from safehold.records import reports
from tests.api.job_world import ACCOUNT, NOW, SITE, World

CHANNEL = {"S3BucketName": "reports"}
SETTING = {"ReportTemplate": "BACKUP_JOB_REPORT"}


@pytest.fixture
def client(world: World) -> LocalClient:
    return world.client()


def create(client: LocalClient, name: str = "r", **members: object) -> dict[str, Any]:
    wanted = {"ReportDeliveryChannel": CHANNEL, "ReportSetting": SETTING} | members
    return dict(client.call("CreateReportPlan", ReportPlanName=name, **wanted))


def shown(client: LocalClient, name: str = "r") -> dict[str, Any]:
    return dict(client.call("DescribeReportPlan", ReportPlanName=name)["ReportPlan"])


def given(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


def test_a_plan_is_shown_as_it_was_given(world_on_both: World) -> None:
    client = world_on_both.client()
    framework = client.call(
        "CreateFramework",
        FrameworkName="f",
        FrameworkControls=[{"ControlName": "BACKUP_RECOVERY_POINT_ENCRYPTED"}],
    )["FrameworkArn"]
    setting = {
        "ReportTemplate": "CONTROL_COMPLIANCE_REPORT",
        "FrameworkArns": (framework,),
        "NumberOfFrameworks": 1,
        "Accounts": (ACCOUNT, "ROOT"),
        "OrganizationUnits": ("ou-abcd-12345678",),
        "Regions": ("*",),
    }
    channel = {"S3BucketName": "a.bucket", "S3KeyPrefix": "p/q", "Formats": ("CSV",)}
    made = create(client, ReportSetting=setting, ReportDeliveryChannel=channel, ReportPlanDescription="d")
    assert made["ReportPlanArn"].startswith(f"arn:aws:backup:{SITE}:{ACCOUNT}:report-plan:r-")
    assert given(shown(client)) == {
        **made,
        "ReportPlanDescription": "d",
        "ReportDeliveryChannel": channel,
        "ReportSetting": setting,
        "DeploymentStatus": "COMPLETED",
    }


def test_reports_are_csv_unless_something_else_is_said(client: LocalClient) -> None:
    create(client)
    assert shown(client)["ReportDeliveryChannel"]["Formats"] == ("CSV",)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"ReportSetting": {"ReportTemplate": "MALWARE_JOB_REPORT"}}, "SCAN_JOB_REPORT"),
        ({"ReportSetting": SETTING | {"FrameworkArns": ["a"]}}, "not about frameworks"),
        ({"ReportSetting": SETTING | {"NumberOfFrameworks": 2}}, "not about frameworks"),
        (
            {"ReportSetting": {"ReportTemplate": "CONTROL_COMPLIANCE_REPORT", "FrameworkArns": ["a"]}},
            "there is no framework",
        ),
        (
            {
                "ReportSetting": {
                    "ReportTemplate": "CONTROL_COMPLIANCE_REPORT",
                    "FrameworkArns": ["a"],
                    "NumberOfFrameworks": 2,
                }
            },
            "holds 1",
        ),
        ({"ReportSetting": SETTING | {"Accounts": ["me"]}}, "Accounts"),
        ({"ReportSetting": SETTING | {"OrganizationUnits": ["me"]}}, "OrganizationUnits"),
        ({"ReportSetting": SETTING | {"Regions": ["A B"]}}, "Regions"),
        ({"ReportDeliveryChannel": {"S3BucketName": "No"}}, "S3BucketName"),
        ({"ReportDeliveryChannel": {"S3BucketName": "a..b"}}, "S3BucketName"),
        ({"ReportDeliveryChannel": CHANNEL | {"S3KeyPrefix": "ü" * 451}}, "S3KeyPrefix"),
        ({"ReportDeliveryChannel": CHANNEL | {"Formats": []}}, "Formats"),
        ({"ReportDeliveryChannel": CHANNEL | {"Formats": ["PDF"]}}, "CSV or JSON"),
        (
            {
                "ReportSetting": SETTING | {"Regions": ["*"]},
                "ReportDeliveryChannel": CHANNEL | {"Formats": ["JSON"]},
            },
            "CSV only",
        ),
        ({"ReportPlanTags": {"aws:x": "y"}}, "reserved"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_plan_that_cannot_be_meant_is_refused(
    client: LocalClient, members: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidParameterValue, match=message):
        create(client, **members)
    assert client.call("ListReportPlans")["ReportPlans"] == []


def test_the_same_token_again_does_nothing_twice(world_on_both: World) -> None:
    client = world_on_both.client()
    first = create(client, IdempotencyToken="t")
    assert create(client, IdempotencyToken="t") == first
    with pytest.raises(AlreadyExists):
        create(client, IdempotencyToken="other")
    with pytest.raises(InvalidParameterValue, match="IdempotencyToken"):
        create(client, name="other", IdempotencyToken="t")
    jobs = {start(client, IdempotencyToken="t") for _ in range(3)}
    assert len(jobs) == 1


def test_an_update_replaces_the_parts_that_it_names(world_on_both: World) -> None:
    client = world_on_both.client()
    create(client, ReportPlanDescription="d")
    client.call("UpdateReportPlan", ReportPlanName="r", ReportSetting={"ReportTemplate": "COPY_JOB_REPORT"})
    plan = shown(client)
    assert plan["ReportSetting"]["ReportTemplate"] == "COPY_JOB_REPORT"
    assert (plan["ReportPlanDescription"], plan["ReportDeliveryChannel"]["S3BucketName"]) == ("d", "reports")
    channel = {"S3BucketName": "other", "Formats": ("JSON",)}
    client.call("UpdateReportPlan", ReportPlanName="r", ReportDeliveryChannel=channel)
    assert given(shown(client)["ReportDeliveryChannel"]) == channel
    with pytest.raises(InvalidParameterValue):
        client.call("UpdateReportPlan", ReportPlanName="r", ReportSetting={"ReportTemplate": "NO_REPORT"})


def test_a_plan_that_is_being_changed_is_left_alone(world: World) -> None:
    create(world.client())
    with world.catalog.begin() as tx:
        plan = reports.get_plan(tx, "r", account_id=ACCOUNT, site=SITE)
        reports.update_plan(tx, replace(plan, deployment_status=DeploymentStatus.CREATE_IN_PROGRESS))
    for operation in ("UpdateReportPlan", "DeleteReportPlan"):
        with pytest.raises(Conflict, match="previous action"):
            world.client().call(operation, ReportPlanName="r")


def test_plans_are_listed_by_name_in_pages(world_on_both: World) -> None:
    client = world_on_both.client()
    for name in ("c", "a", "b"):
        create(client, name)
    first = client.call("ListReportPlans", MaxResults=2)
    rest = client.call("ListReportPlans", MaxResults=2, NextToken=first["NextToken"])
    pages = (first["ReportPlans"], rest["ReportPlans"])
    assert [[plan["ReportPlanName"] for plan in page] for page in pages] == [["a", "b"], ["c"]]


def test_there_are_so_many_plans(client: LocalClient) -> None:
    for number in range(20):
        create(client, f"r{number}")
    with pytest.raises(LimitExceeded, match="20 report plans"):
        create(client)


def start(client: LocalClient, **members: str) -> str:
    return str(client.call("StartReportJob", ReportPlanName="r", **members)["ReportJobId"])


def test_a_job_has_failed_and_says_why(world_on_both: World) -> None:
    client = world_on_both.client()
    arn = create(client)["ReportPlanArn"]
    job_id = start(client)
    job = given(dict(client.call("DescribeReportJob", ReportJobId=job_id)["ReportJob"]))
    assert job == {
        "ReportJobId": job_id,
        "ReportPlanArn": arn,
        "ReportTemplate": "BACKUP_JOB_REPORT",
        "CreationTime": NOW,
        "CompletionTime": NOW,
        "Status": "FAILED",
        "StatusMessage": "Report job failed because this release of Safehold does not write reports yet.",
    }
    assert shown(client)["LastAttemptedExecutionTime"] == NOW


def test_each_filter_of_jobs_shows_what_matches(world_on_both: World) -> None:
    client = world_on_both.client()
    create(client)
    create(client, "other")
    mine = start(client)
    world_on_both.clock.at = NOW + timedelta(hours=1)
    other = client.call("StartReportJob", ReportPlanName="other")["ReportJobId"]
    between = NOW + timedelta(minutes=30)
    for filters, expected in [
        ({}, [other, mine]),
        ({"ByReportPlanName": "r"}, [mine]),
        ({"ByStatus": "FAILED"}, [other, mine]),
        ({"ByStatus": "RUNNING"}, []),
        ({"ByCreationBefore": between}, [mine]),
        ({"ByCreationAfter": between}, [other]),
    ]:
        jobs = client.call("ListReportJobs", **filters)["ReportJobs"]
        assert [job["ReportJobId"] for job in jobs] == expected, filters
    first = client.call("ListReportJobs", MaxResults=1)
    rest = client.call("ListReportJobs", MaxResults=1, NextToken=first["NextToken"])
    assert [job["ReportJobId"] for job in (*first["ReportJobs"], *rest["ReportJobs"])] == [other, mine]
    with pytest.raises(InvalidParameterValue, match="Status"):
        client.call("ListReportJobs", ByStatus="DONE")


def test_jobs_outlive_their_plan(client: LocalClient) -> None:
    arn = create(client, ReportPlanTags={"a": "b"})["ReportPlanArn"]
    job_id = start(client)
    client.call("DeleteReportPlan", ReportPlanName="r")
    assert client.call("DescribeReportJob", ReportJobId=job_id)["ReportJob"]["ReportPlanArn"] == arn
    assert len(client.call("ListReportJobs", ByReportPlanName="r")["ReportJobs"]) == 1
    for operation in ("DescribeReportPlan", "DeleteReportPlan", "StartReportJob"):
        with pytest.raises(ResourceNotFound):
            client.call(operation, ReportPlanName="r")
    with pytest.raises(ResourceNotFound):
        client.call("ListTags", ResourceArn=arn)
    with pytest.raises(ResourceNotFound):
        client.call("ListReportJobs", ByReportPlanName="nothing")
    with pytest.raises(ResourceNotFound):
        client.call("DescribeReportJob", ReportJobId="nothing")
