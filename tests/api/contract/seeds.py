"""A catalog with one of everything that can be made: what operations are called on.

What is not built yet, or takes other input than this, is left out; what is made is what later calls name, by
the ids that its calls answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from safehold.domain.sample_plans import SAMPLES
from tests.api.contract.client import StockClient
from tests.api.job_world import ACCOUNT, POINT, ROLE, SHARE, SITE, TREE, VAULT_ARN

RULE = {"RuleName": "daily", "TargetBackupVaultName": "Main", "ScheduleExpression": "cron(0 5 ? * * *)"}
PLAN = {"BackupPlanName": "plan_1", "Rules": [RULE]}
OTHER_PLAN = {"BackupPlanName": "plan_2", "Rules": [RULE | {"RuleName": "other"}]}
TAG_ENTRY = {"ConditionType": "STRINGEQUALS", "ConditionKey": "k", "ConditionValue": "v"}
SELECTION = {"SelectionName": "selection_1", "IamRoleArn": ROLE, "ListOfTags": [TAG_ENTRY]}
TESTED_POINTS = {
    "Algorithm": "LATEST_WITHIN_WINDOW",
    "IncludeVaults": ["*"],
    "RecoveryPointTypes": ["SNAPSHOT"],
}
TESTING_PLAN = {
    "RestoreTestingPlanName": "testing_1",
    "ScheduleExpression": "cron(0 5 ? * * *)",
    "RecoveryPointSelection": TESTED_POINTS,
}
TESTING_SELECTION = {
    "RestoreTestingSelectionName": "tested_1",
    "ProtectedResourceType": "EFS",
    "IamRoleArn": ROLE,
    "ProtectedResourceArns": ["*"],
}
CONTROL = {"ControlName": "BACKUP_RECOVERY_POINT_ENCRYPTED", "ControlInputParameters": []}
CHANNEL = {"S3BucketName": "reports", "Formats": ["CSV"]}
REPORT = {"ReportTemplate": "BACKUP_JOB_REPORT"}
TIERING = {
    "TieringConfigurationName": "tiering_1",
    "BackupVaultName": "Main",
    "ResourceSelection": [
        {"Resources": ["*"], "TieringDownSettingsInDays": 60, "ResourceType": "S3"},
    ],
}
DENIAL = {"Effect": "Deny", "Principal": "*", "Action": "backup:DeleteRecoveryPoint", "Resource": "*"}
HELD = {"ResourceIdentifiers": [SHARE]}  # which has no points: those of Main may be deleted
SEARCH_SCOPE = {"BackupResourceTypes": ["EBS"]}
EXPORT = {"s3ExportSpecification": {"DestinationBucket": "found"}}
GAPPED = f"arn:aws:backup:{SITE}:{ACCOUNT}:backup-vault:gapped_1"
OTHER_VAULT = f"arn:aws:backup:{SITE}:{ACCOUNT}:backup-vault:other"

# By the name of a member, or of a shape.
GIVEN: Mapping[str, Any] = {
    "BackupVaultName": "Main",
    "SourceBackupVaultName": "Main",
    "BackupVaultArn": VAULT_ARN,
    "DestinationBackupVaultArn": OTHER_VAULT,
    "SourceBackupVaultArn": VAULT_ARN,
    "RecoveryPointArn": POINT,
    "ResourceArn": TREE,
    "IamRoleArn": ROLE,
    "ScannerRoleArn": ROLE,
    "BackupVaultAccountId": ACCOUNT,
    "AccountId": ACCOUNT,
    "ByAccountId": ACCOUNT,
    "ResourceType": "EFS",
    "ByResourceType": "EFS",
    "Metadata": {"file-system-id": "fs-1", "newFileSystem": "true", "Encrypted": "false"},
    "BackupPlan": PLAN,
    "BackupPlanInput": PLAN,
    "BackupRuleInput": RULE,
    "BackupPlanTemplateJson": json.dumps(PLAN),
    "BackupSelection": SELECTION,
    "Lifecycle": {"DeleteAfterDays": 100},
    "BackupOptions": {},
    "RestoreTestingPlan": TESTING_PLAN,
    "RestoreTestingSelection": TESTING_SELECTION,
    "RestoreTestingRecoveryPointSelection": TESTED_POINTS,
    "FrameworkControls": [CONTROL],
    "FrameworkControl": CONTROL,
    "FrameworkName": "framework_1",
    "FrameworkDescription": "What is kept",
    "ReportPlanName": "report_1",
    "ReportPlanDescription": "What was done",
    "ReportDeliveryChannel": CHANNEL,
    "ReportSetting": REPORT,
    "TieringConfiguration": TIERING,
    "TieringConfigurationName": "tiering_1",
    "BackupVaultNameOrWildcard": "Main",
    "RecoveryPointSelection": HELD,
    "RetainRecordInDays": 180,
    "MinRetentionDays": 7,
    "MaxRetentionDays": 70,
    "ChangeableForDays": 3,
    "BackupVaultEvents": ["BACKUP_JOB_COMPLETED"],
    "SNSTopicArn": f"arn:aws:sns:{SITE}:{ACCOUNT}:topic",
    "Policy": json.dumps({"Version": "2012-10-17", "Statement": [DENIAL]}),
    "SearchScope": SEARCH_SCOPE,
    "ExportSpecification": EXPORT,
    "RoleArn": ROLE,
    "MpaApprovalTeamArn": f"arn:aws:mpa:{SITE}:{ACCOUNT}:approval-team/team",
    "AccessPointName": "point-1",
    "AccessPointArn": f"arn:aws:backup:{SITE}:{ACCOUNT}:accesspoint/point-1",
    "MaxResults": 7,
    "MaxFrameworkInputs": 7,
    "ResourceTypeOptInPreference": {"EFS": True},
    "ResourceTypeManagementPreference": {"EFS": True},
    "GlobalSettings": {"isCrossAccountBackupEnabled": "false"},
    "IdempotencyToken": "token_1",
    "CreatorRequestId": "request_1",
    "BackupPlanTemplateId": SAMPLES[0].id,
    "StartWindowMinutes": 480,
    "CompleteWindowMinutes": 10080,
}
# Made in this order, by operation and input.
MADE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("CreateBackupVault", {"BackupVaultName": "empty"}),
    ("CreateBackupVault", {"BackupVaultName": "other"}),
    ("CreateBackupPlan", {"BackupPlan": OTHER_PLAN}),
    ("CreateBackupSelection", {"BackupPlanId": None, "BackupSelection": SELECTION}),
    ("StartBackupJob", {"BackupVaultName": "Main", "ResourceArn": TREE, "IamRoleArn": ROLE}),
    (
        "StartCopyJob",
        {
            "RecoveryPointArn": POINT,
            "SourceBackupVaultName": "Main",
            "DestinationBackupVaultArn": OTHER_VAULT,
            "IamRoleArn": ROLE,
        },
    ),
    (
        "StartRestoreJob",
        {"RecoveryPointArn": POINT, "IamRoleArn": ROLE, "Metadata": GIVEN["Metadata"]},
    ),
    ("CreateRestoreTestingPlan", {"RestoreTestingPlan": TESTING_PLAN}),
    (
        "CreateRestoreTestingSelection",
        {"RestoreTestingPlanName": "testing_1", "RestoreTestingSelection": TESTING_SELECTION},
    ),
    ("CreateFramework", {"FrameworkName": "framework_1", "FrameworkControls": [CONTROL]}),
    (
        "CreateReportPlan",
        {"ReportPlanName": "report_1", "ReportDeliveryChannel": CHANNEL, "ReportSetting": REPORT},
    ),
    ("StartReportJob", {"ReportPlanName": "report_1"}),
    ("PutBackupVaultAccessPolicy", {"BackupVaultName": "Main", "Policy": GIVEN["Policy"]}),
    (
        "PutBackupVaultNotifications",
        {
            "BackupVaultName": "Main",
            "SNSTopicArn": GIVEN["SNSTopicArn"],
            "BackupVaultEvents": GIVEN["BackupVaultEvents"],
        },
    ),
    ("CreateLegalHold", {"Title": "hold", "Description": "d", "RecoveryPointSelection": HELD}),
    ("CreateTieringConfiguration", {"TieringConfiguration": TIERING}),
    (
        "CreateLogicallyAirGappedBackupVault",
        {"BackupVaultName": "gapped_1", "MinRetentionDays": 7, "MaxRetentionDays": 70},
    ),
)
SEARCHED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("StartSearchJob", {"SearchScope": SEARCH_SCOPE}),
    (
        "StartSearchResultExportJob",
        {"SearchJobIdentifier": None, "ExportSpecification": EXPORT, "RoleArn": ROLE},
    ),
)
# Names that calls which make something give it: those of `MADE` are taken.
FRESH: Mapping[str, Mapping[str, Any]] = {
    "CreateBackupVault": {"BackupVaultName": "fresh"},
    "DeleteBackupVault": {"BackupVaultName": "empty"},
    "CreateLogicallyAirGappedBackupVault": {"BackupVaultName": "gapped"},
    "CreateFramework": {"FrameworkName": "fresh", "FrameworkControls": [CONTROL]},
    "CreateReportPlan": {"ReportPlanName": "fresh"},
    "CreateRestoreTestingPlan": {"RestoreTestingPlan": TESTING_PLAN | {"RestoreTestingPlanName": "fresh"}},
    "CreateRestoreTestingSelection": {
        "RestoreTestingSelection": TESTING_SELECTION | {"RestoreTestingSelectionName": "fresh"}
    },
    "UpdateRestoreTestingPlan": {"RestoreTestingPlan": {"StartWindowHours": 2}},
    "UpdateRestoreTestingSelection": {"RestoreTestingSelection": {"ValidationWindowHours": 2}},
    "CreateBackupSelection": {"BackupSelection": SELECTION | {"SelectionName": "fresh"}},
    "CreateRestoreAccessBackupVault": {"BackupVaultName": "fresh", "SourceBackupVaultArn": GAPPED},
    "ListRestoreAccessBackupVaults": {"BackupVaultName": "gapped_1"},
    "AssociateBackupVaultMpaApprovalTeam": {"BackupVaultName": "gapped_1"},
    "ListRecoveryPointsByBackupVault": {"ByResourceArn": TREE},
    "ListReportJobs": {"ByStatus": "FAILED"},
    "CreateTieringConfiguration": {
        "TieringConfiguration": TIERING | {"TieringConfigurationName": "fresh", "BackupVaultName": "other"}
    },
    "TagResource": {"ResourceArn": VAULT_ARN},
    "UntagResource": {"ResourceArn": VAULT_ARN},
    "ListTags": {"ResourceArn": VAULT_ARN},
    "PutRestoreValidationResult": {"ValidationStatus": "SUCCESSFUL"},
}


def known_after_seeding(clients: Mapping[str, StockClient]) -> dict[str, Any]:
    """One of everything is made; what its calls answered is known besides what is given."""
    known = dict(GIVEN)
    made = [*(("backup", *one) for one in MADE), *(("backupsearch", *one) for one in SEARCHED)]
    for service, operation, params in made:
        given = {name: known.get(name, "") if value is None else value for name, value in params.items()}
        answered = clients[service].call(operation, given)
        if answered.code is None:
            texts = {name: value for name, value in answered.read.items() if isinstance(value, str)}
            known = texts | known
    return known


def known_to(operation: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is known when this operation is called."""
    return {**known, **FRESH.get(operation, {})}
