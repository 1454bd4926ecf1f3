"""The services beside AWS Backup through the stock client: who may, by which key, and for a whole company."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from tests.fixtures.service import Service
from tests.journeys.conftest import Protected, refused

pytestmark = pytest.mark.slow

POLICY = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"


def trusting(**principal: str) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_users_session_backs_up_under_a_role_that_somebody_made(
    service: Service, protected: Protected
) -> None:
    iam, root = service.client("iam"), service.client()
    account = service.account["account_id"]
    iam.create_role(RoleName="nightly", AssumeRolePolicyDocument=trusting(Service="backup.amazonaws.com"))
    iam.attach_role_policy(RoleName="nightly", PolicyArn=POLICY)
    iam.create_role(
        RoleName="operator", AssumeRolePolicyDocument=trusting(AWS=f"arn:aws:iam::{account}:root")
    )
    made = service.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/operator", RoleSessionName="anna"
    )["Credentials"]
    session = boto3.client(
        "backup",
        endpoint_url=service.endpoint,
        region_name=service.account["region"],
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
        aws_session_token=made["SessionToken"],
    )
    asked = {"BackupVaultName": "Default", "ResourceArn": protected.arn}
    wrong = f"arn:aws:iam::{account}:role/operator"
    assert "cannot be assumed" in refused(session.start_backup_job, **asked, IamRoleArn=wrong)
    role = f"arn:aws:iam::{account}:role/nightly"
    job = service.ended(session.start_backup_job(**asked, IamRoleArn=role)["BackupJobId"])
    assert (job["State"], job["IamRoleArn"]) == ("COMPLETED", role)
    iam.delete_role(RoleName="operator")
    assert refused(session.list_backup_vaults).startswith("UnrecognizedClientException")
    session.close()

    key = service.client("kms").describe_key(KeyId="alias/aws/backup")["KeyMetadata"]
    described = root.describe_backup_vault(BackupVaultName="Default")
    assert described["EncryptionKeyArn"] == key["Arn"]


def test_a_companys_policy_becomes_a_plan_in_its_account(service: Service) -> None:
    company, backup = service.client("organizations"), service.client()
    company.create_organization(FeatureSet="ALL")
    root = company.list_roots()["Roots"][0]["Id"]
    company.enable_policy_type(RootId=root, PolicyType="BACKUP_POLICY")
    made = company.create_policy(
        Name="daily", Description="", Type="BACKUP_POLICY", Content=json.dumps(policy(service))
    )["Policy"]["PolicySummary"]["Id"]
    company.attach_policy(PolicyId=made, TargetId=root)

    def plans() -> list[Any]:
        listed = backup.list_backup_plans()["BackupPlansList"]
        return [plan for plan in listed if plan["BackupPlanName"] == "companywide"]

    (plan,) = plans()
    (rule,) = backup.get_backup_plan(BackupPlanId=plan["BackupPlanId"])["BackupPlan"]["Rules"]
    assert (rule["RuleName"], rule["Lifecycle"]["DeleteAfterDays"]) == ("nightly", 30)
    assert refused(backup.delete_backup_plan, BackupPlanId=plan["BackupPlanId"])
    company.detach_policy(PolicyId=made, TargetId=root)
    assert plans() == []
    company.delete_policy(PolicyId=made)
    company.delete_organization()


def policy(service: Service) -> dict[str, Any]:
    rule = {
        "schedule_expression": {"@@assign": "cron(0 5 1 1 ? *)"},
        "target_backup_vault_name": {"@@assign": "Default"},
        "lifecycle": {"delete_after_days": {"@@assign": "30"}},
    }
    chosen = {
        "iam_role_arn": {"@@assign": service.role_arn.replace(service.account["account_id"], "$account")},
        "tag_key": {"@@assign": "nobody"},
        "tag_value": {"@@assign": ["has-this"]},
    }
    plan = {
        "regions": {"@@assign": [service.account["region"]]},
        "rules": {"nightly": rule},
        "selections": {"tags": {"tagged": chosen}},
    }
    return {"plans": {"companywide": plan}}
