"""Plans and selections as the stock client sees them: a life from Create to Delete."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError

from safehold.api.call import ApiConfig
from safehold.api.server import running
from safehold.api.wire.app import App
from safehold.api.wire.gateway import Gateway
from safehold.core.clock import SystemClock
from safehold.records.engine import Catalog
from tests.api.conftest import KEYS, find_key
from tests.api.job_world import ROLE, SITE, World

RULE = {
    "RuleName": "daily",
    "TargetBackupVaultName": "Main",
    "Lifecycle": {"DeleteAfterDays": 35},
    "CopyActions": [{"DestinationBackupVaultArn": "arn:aws:backup:eu-west-1:123456789012:backup-vault:o"}],
}
PLAN = {"BackupPlanName": "plan", "Rules": [RULE]}
SELECTION = {
    "SelectionName": "all",
    "IamRoleArn": ROLE,
    "Resources": ["*"],
    "ListOfTags": [{"ConditionType": "STRINGEQUALS", "ConditionKey": "a", "ConditionValue": "b"}],
    "Conditions": {"StringLike": [{"ConditionKey": "aws:ResourceTag/a", "ConditionValue": "b*"}]},
}


@pytest.fixture
def backup(sqlite_catalog: Catalog, config: ApiConfig) -> Iterator[BaseClient]:
    World(sqlite_catalog)
    gateway = Gateway(sqlite_catalog, config, find_key=find_key, clock=SystemClock())
    with running(App(gateway)) as url:
        client = boto3.client(
            "backup",
            endpoint_url=url,
            region_name=SITE,
            aws_access_key_id="AKIAROOT",
            aws_secret_access_key=KEYS["AKIAROOT"].secret,
            config=Config(retries={"max_attempts": 0}),
        )
        yield client
        client.close()


def test_the_life_of_a_plan(backup: BaseClient) -> None:
    made = backup.create_backup_plan(BackupPlan=PLAN)
    plan_id = made["BackupPlanId"]
    with pytest.raises(backup.exceptions.AlreadyExistsException) as taken:
        backup.create_backup_plan(BackupPlan=PLAN)
    assert taken.value.response["Arn"] == made["BackupPlanArn"]

    shown = backup.get_backup_plan(BackupPlanId=plan_id, MaxScheduledRunsPreview=2)
    (rule,) = shown["BackupPlan"]["Rules"]
    assert {name: rule[name] for name in RULE} == RULE
    assert [run["RuleId"] for run in shown["ScheduledRunsPreview"]] == [rule["RuleId"]] * 2
    assert all(run["ExecutionTime"] > datetime.now(UTC) for run in shown["ScheduledRunsPreview"])

    chosen = backup.create_backup_selection(BackupPlanId=plan_id, BackupSelection=SELECTION)
    where = {"BackupPlanId": plan_id, "SelectionId": chosen["SelectionId"]}
    assert backup.get_backup_selection(**where)["BackupSelection"] == SELECTION
    with pytest.raises(backup.exceptions.InvalidRequestException):
        backup.delete_backup_plan(BackupPlanId=plan_id)

    backup.update_backup_plan(BackupPlanId=plan_id, BackupPlan=PLAN)
    pages = backup.get_paginator("list_backup_plan_versions").paginate(
        BackupPlanId=plan_id, PaginationConfig={"PageSize": 1}
    )
    assert len([version for page in pages for version in page["BackupPlanVersionsList"]]) == 2

    backup.delete_backup_selection(**where)
    with pytest.raises(backup.exceptions.InvalidParameterValueException):
        backup.get_backup_selection(**where)
    backup.delete_backup_plan(BackupPlanId=plan_id)
    with pytest.raises(backup.exceptions.ResourceNotFoundException):
        backup.get_backup_plan(BackupPlanId=plan_id)


def test_a_faulty_rule_carries_awss_error_number(backup: BaseClient) -> None:
    faulty = {**RULE, "Lifecycle": {"MoveToColdStorageAfterDays": 30, "DeleteAfterDays": 60}}
    with pytest.raises(ClientError) as caught:
        backup.create_backup_plan(BackupPlan={"BackupPlanName": "p", "Rules": [faulty]})
    answer = caught.value.response
    assert answer["Error"]["Code"] == "InvalidParameterValueException"
    assert answer["Code"] == "ERROR_3015"
    assert answer["Context"].startswith('["daily", "Invalid lifecycle.')


def test_what_get_answers_cannot_be_sent_to_update_but_the_export_can(backup: BaseClient) -> None:
    plan_id = backup.create_backup_plan(BackupPlan=PLAN)["BackupPlanId"]
    text = backup.export_backup_plan_template(BackupPlanId=plan_id)["BackupPlanTemplateJson"]
    read = backup.get_backup_plan_from_json(BackupPlanTemplateJson=text)["BackupPlan"]
    backup.update_backup_plan(BackupPlanId=plan_id, BackupPlan=read)
