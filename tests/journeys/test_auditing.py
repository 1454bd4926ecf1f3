"""What auditors ask for through the stock client: frameworks, reports, and plans of restore tests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.service import Service
from tests.journeys.conftest import Protected, refused

pytestmark = pytest.mark.slow

ENCRYPTED = {"ControlName": "BACKUP_RECOVERY_POINT_ENCRYPTED"}
KEPT = {
    "ControlName": "BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK",
    "ControlInputParameters": [{"ParameterName": "requiredRetentionDays", "ParameterValue": "35"}],
}
CHANNEL = {"S3BucketName": "reports", "Formats": ["CSV"]}


def test_a_framework_is_made_changed_and_deleted(service: Service) -> None:
    client, named = service.client(), {"FrameworkName": "audited"}
    made = client.create_framework(**named, FrameworkControls=[ENCRYPTED], FrameworkTags={"a": "b"})
    assert client.list_tags(ResourceArn=made["FrameworkArn"])["Tags"] == {"a": "b"}
    client.update_framework(**named, FrameworkControls=[ENCRYPTED, KEPT], FrameworkDescription="both")
    shown = client.describe_framework(**named)
    assert [control["ControlName"] for control in shown["FrameworkControls"]] == [
        ENCRYPTED["ControlName"],
        KEPT["ControlName"],
    ]
    assert (shown["FrameworkDescription"], shown["DeploymentStatus"]) == ("both", "COMPLETED")
    listed = {each["FrameworkName"]: each for each in client.list_frameworks()["Frameworks"]}
    assert listed["audited"]["NumberOfControls"] == 2
    unknown = [{"ControlName": "BACKUP_NOTHING"}]
    message = refused(client.update_framework, **named, FrameworkControls=unknown)
    assert message.startswith("InvalidParameterValueException: Invalid control name")
    client.delete_framework(**named)
    assert refused(client.describe_framework, **named).startswith("ResourceNotFoundException")


def test_a_report_is_planned_asked_for_and_its_job_tells_how_it_ended(service: Service) -> None:
    client, named = service.client(), {"ReportPlanName": "reported"}
    setting = {"ReportTemplate": "BACKUP_JOB_REPORT"}
    plan = client.create_report_plan(**named, ReportDeliveryChannel=CHANNEL, ReportSetting=setting)
    client.update_report_plan(**named, ReportSetting={"ReportTemplate": "RESTORE_JOB_REPORT"})
    shown = client.describe_report_plan(**named)["ReportPlan"]
    assert shown["ReportSetting"]["ReportTemplate"] == "RESTORE_JOB_REPORT"
    assert shown["ReportDeliveryChannel"] == CHANNEL
    assert plan["ReportPlanArn"] in [
        each["ReportPlanArn"] for each in client.list_report_plans()["ReportPlans"]
    ]
    job = client.start_report_job(**named, IdempotencyToken="once")["ReportJobId"]
    assert client.start_report_job(**named, IdempotencyToken="once")["ReportJobId"] == job
    ended = client.describe_report_job(ReportJobId=job)["ReportJob"]
    assert (ended["Status"], ended["ReportTemplate"]) == ("FAILED", "RESTORE_JOB_REPORT")
    assert "does not write reports yet" in ended["StatusMessage"]
    jobs = client.list_report_jobs(ByReportPlanName="reported")["ReportJobs"]
    assert [each["ReportJobId"] for each in jobs] == [job]
    client.delete_report_plan(**named)
    assert refused(client.describe_report_plan, **named).startswith("ResourceNotFoundException")


def test_restore_tests_are_planned_and_what_they_would_send_restores_the_point(
    service: Service, protected: Protected
) -> None:
    client, named = service.client(), {"RestoreTestingPlanName": "weekly"}
    points = {
        "Algorithm": "LATEST_WITHIN_WINDOW",
        "IncludeVaults": ["*"],
        "RecoveryPointTypes": ["SNAPSHOT"],
    }
    plan = {**named, "ScheduleExpression": "cron(0 5 ? * 1 *)", "RecoveryPointSelection": points}
    client.create_restore_testing_plan(RestoreTestingPlan=plan)
    client.update_restore_testing_plan(**named, RestoreTestingPlan={"StartWindowHours": 3})
    shown = client.get_restore_testing_plan(**named)["RestoreTestingPlan"]
    assert (shown["StartWindowHours"], shown["ScheduleExpression"]) == (3, plan["ScheduleExpression"])
    assert shown["RecoveryPointSelection"].items() >= points.items()
    listed = client.list_restore_testing_plans()["RestoreTestingPlans"]
    assert "weekly" in [each["RestoreTestingPlanName"] for each in listed]
    trees_are_selected(service, client, named, protected.arn)

    inferred = client.get_restore_testing_inferred_metadata(**protected.where)["InferredMetadata"]
    started = client.start_restore_job(
        RecoveryPointArn=protected.point, Metadata=inferred, IamRoleArn=service.role_arn
    )
    ended = service.ended_restore(started["RestoreJobId"])
    assert ended["Status"] == "COMPLETED", ended
    token = {name.lower(): value for name, value in inferred.items()}["creationtoken"]
    assert token.startswith("awsbackup-restore-test-")
    assert (service.writable / token / "letter.txt").read_text() == "kept"
    client.delete_restore_testing_plan(**named)
    assert refused(client.get_restore_testing_plan, **named).startswith("ResourceNotFoundException")


def trees_are_selected(service: Service, client: Any, named: dict[str, str], arn: str) -> None:
    one = {**named, "RestoreTestingSelectionName": "trees"}
    selection = {
        "RestoreTestingSelectionName": "trees",
        "ProtectedResourceType": "EFS",
        "IamRoleArn": service.role_arn,
        "ProtectedResourceArns": [arn],
    }
    client.create_restore_testing_selection(**named, RestoreTestingSelection=selection)
    client.update_restore_testing_selection(**one, RestoreTestingSelection={"ValidationWindowHours": 2})
    shown = client.get_restore_testing_selection(**one)["RestoreTestingSelection"]
    assert (shown["ProtectedResourceArns"], shown["ValidationWindowHours"]) == ([arn], 2)
    (listed,) = client.list_restore_testing_selections(**named)["RestoreTestingSelections"]
    assert listed["RestoreTestingSelectionName"] == "trees"
    message = refused(client.delete_restore_testing_plan, **named)
    assert message.startswith("InvalidRequestException")
    client.delete_restore_testing_selection(**one)
    assert refused(client.get_restore_testing_selection, **one).startswith("ResourceNotFoundException")
