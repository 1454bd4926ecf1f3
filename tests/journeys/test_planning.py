"""Plans and selections through the stock client: made, changed, taken from templates, and taken down."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fixtures.service import Service
from tests.journeys.conftest import Protected, refused

pytestmark = pytest.mark.slow

RULE = {
    "RuleName": "daily",
    "TargetBackupVaultName": "protected",
    "ScheduleExpression": "cron(0 2 * * ? *)",
    "Lifecycle": {"DeleteAfterDays": 35},
}
TAG = {"ConditionType": "STRINGEQUALS", "ConditionKey": "team", "ConditionValue": "letters"}


def test_a_plan_is_made_changed_shown_in_its_versions_and_deleted(service: Service) -> None:
    client = service.client()
    made = client.create_backup_plan(
        BackupPlan={"BackupPlanName": "planned", "Rules": [RULE]}, BackupPlanTags={"for": "journeys"}
    )
    named = {"BackupPlanId": made["BackupPlanId"]}
    assert client.list_tags(ResourceArn=made["BackupPlanArn"])["Tags"] == {"for": "journeys"}
    shown = client.get_backup_plan(**named, MaxScheduledRunsPreview=2)
    assert [run["ExecutionTime"].hour for run in shown["ScheduledRunsPreview"]] == [2, 2]
    assert all(run["ExecutionTime"] > datetime.now(UTC) for run in shown["ScheduledRunsPreview"])

    document = json.loads(client.export_backup_plan_template(**named)["BackupPlanTemplateJson"])
    document["Rules"][0]["Lifecycle"]["DeleteAfterDays"] = 70
    read = client.get_backup_plan_from_json(BackupPlanTemplateJson=json.dumps(document))["BackupPlan"]
    changed = client.update_backup_plan(**named, BackupPlan=read)
    (rule,) = client.get_backup_plan(**named)["BackupPlan"]["Rules"]
    assert rule["Lifecycle"]["DeleteAfterDays"] == 70
    assert rule["RuleId"] == shown["BackupPlan"]["Rules"][0]["RuleId"], "a rule stays itself by its name"
    versions = client.list_backup_plan_versions(**named)["BackupPlanVersionsList"]
    assert {each["VersionId"] for each in versions} == {made["VersionId"], changed["VersionId"]}
    older = client.get_backup_plan(**named, VersionId=made["VersionId"])["BackupPlan"]
    assert older["Rules"][0]["Lifecycle"]["DeleteAfterDays"] == 35

    faulty = {**RULE, "Lifecycle": {"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 60}}
    message = refused(client.update_backup_plan, **named, BackupPlan={**read, "Rules": [faulty]})
    assert message.startswith("InvalidParameterValueException: Error in rule daily")
    client.delete_backup_plan(**named)
    assert refused(client.get_backup_plan, **named).startswith("ResourceNotFoundException")
    assert made["BackupPlanId"] not in ids(client.list_backup_plans())
    assert made["BackupPlanId"] in ids(client.list_backup_plans(IncludeDeleted=True))


def ids(listed: dict[str, Any]) -> list[str]:
    return [plan["BackupPlanId"] for plan in listed["BackupPlansList"]]


def test_a_plan_is_made_from_each_template(service: Service) -> None:
    client = service.client()
    templates = client.list_backup_plan_templates()["BackupPlanTemplatesList"]
    assert templates
    for template in templates:
        document = client.get_backup_plan_from_template(BackupPlanTemplateId=template["BackupPlanTemplateId"])
        made = client.create_backup_plan(BackupPlan=document["BackupPlanDocument"])
        client.delete_backup_plan(BackupPlanId=made["BackupPlanId"])


def test_a_selection_is_kept_as_it_was_given_and_holds_its_plan(
    service: Service, protected: Protected
) -> None:
    client = service.client()
    plan = client.create_backup_plan(BackupPlan={"BackupPlanName": "selected", "Rules": [RULE]})
    named = {"BackupPlanId": plan["BackupPlanId"]}
    wanted = {
        "SelectionName": "letters",
        "IamRoleArn": service.role_arn,
        "Resources": [protected.arn],
        "ListOfTags": [TAG],
        "NotResources": ["arn:aws:elasticfilesystem:*:*:file-system/fs-none"],
    }
    made = client.create_backup_selection(**named, BackupSelection=wanted)
    one = {**named, "SelectionId": made["SelectionId"]}
    assert client.get_backup_selection(**one)["BackupSelection"].items() >= wanted.items()
    (listed,) = client.list_backup_selections(**named)["BackupSelectionsList"]
    assert (listed["SelectionId"], listed["SelectionName"]) == (made["SelectionId"], "letters")
    nobody = {**wanted, "SelectionName": "other", "IamRoleArn": f"{service.role_arn}-of-nobody"}
    message = refused(client.create_backup_selection, **named, BackupSelection=nobody)
    assert "cannot be assumed by AWS Backup" in message
    message = refused(client.delete_backup_plan, **named)
    assert message.startswith("InvalidRequestException: Related backup plan selections must be deleted")
    client.delete_backup_selection(**one)
    assert refused(client.get_backup_selection, **one).startswith("InvalidParameterValueException")
    client.delete_backup_plan(**named)
