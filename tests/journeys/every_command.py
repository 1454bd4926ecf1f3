"""Every command of `aws backup` and `aws backupsearch`, on what others made, and what each must answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any
from unittest.mock import patch

import botocore.session
from awscli.clidriver import create_clidriver
from botocore import xform_name
from botocore.model import OperationModel, Shape

from tests.fixtures.service import Service, eventually

SERVICES = ("backup", "backupsearch")
V1_DATA = "AWS_DATA_PATH"
RULE = {
    "RuleName": "nightly",
    "TargetBackupVaultName": "walked",
    "ScheduleExpression": "cron(0 2 * * ? *)",
    "Lifecycle": {"DeleteAfterDays": 35},
}
PLAN = {"BackupPlanName": "nightly", "Rules": [RULE]}
CONTROLS = [{"ControlName": "BACKUP_RECOVERY_POINT_ENCRYPTED", "ControlInputParameters": []}]
CHANNEL = {"S3BucketName": "reports", "Formats": ["CSV"]}
POINTS = {"Algorithm": "LATEST_WITHIN_WINDOW", "IncludeVaults": ["*"], "RecoveryPointTypes": ["SNAPSHOT"]}
TIERED = [{"Resources": ["*"], "TieringDownSettingsInDays": 60, "ResourceType": "S3"}]
DENIAL = {"Effect": "Deny", "Principal": "*", "Action": "backup:StartCopyJob", "Resource": "*"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [DENIAL]})
REFUSAL = re.compile(
    r"(aws: \[ERROR\]: )?An error occurred \((?P<code>\w+)\) when calling the (?P<operation>\w+) operation"
    r"( \(reached max retries: \d+\))?: (?P<sentence>.{10,})",
    re.DOTALL,
)
SCALARS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": (int, float),
    "timestamp": (str, int, float),  # the two versions write them in two ways
}


class Commands:
    """Runs one version of the CLI on a service, and keeps count of what was called."""

    def __init__(self, program: list[str], service: Service) -> None:
        self.program = program
        self.service = service
        self.called: set[tuple[str, str]] = set()
        session = botocore.session.get_session()
        self.models = {name: session.get_service_model(name) for name in SERVICES}
        self.environment = service.client_environment() | {"AWS_PAGER": ""}
        self.environment.pop(V1_DATA, None)  # set by importing version 1; version 2 would read it, too

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.program, *words], capture_output=True, text=True, env=self.environment)

    def told(self, *words: str) -> Any:
        """What the words print, as JSON; they must end well."""
        done = self.run(*words)
        assert (done.returncode, done.stderr) == (0, ""), (words, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def operations(self) -> set[tuple[str, str]]:
        return {(name, each) for name, model in self.models.items() for each in model.operation_names}

    def __call__(self, operation: str, /, *, of: str = "backup", **members: Any) -> Any:
        """The answer of a command that must end well, and print what the model says."""
        model = self._noted(operation, of)
        answer = self.told(of, xform_name(operation, "-"), *options(members))
        shape = model.output_shape
        found = [answer] * bool(answer) if shape is None else list(faults(shape, answer, operation))
        assert found == []
        return answer

    def refused(self, operation: str, code: str, /, *, of: str = "backup", **members: Any) -> str:
        """The sentence of a command that must end with this error."""
        self._noted(operation, of)
        done = self.run(of, xform_name(operation, "-"), *options(members))
        told = REFUSAL.fullmatch(done.stderr.strip())
        assert told is not None, (operation, done.stderr or done.stdout)
        assert (told["code"], told["operation"]) == (code, operation), told["sentence"]
        assert done.returncode in (254, 255)
        return told["sentence"]

    def _noted(self, operation: str, of: str) -> OperationModel:
        self.called.add((of, operation))
        return self.models[of].operation_model(operation)


class CommandsInProcess(Commands):
    """Version 1 without a start for each command: the same driver that its program runs."""

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        with (
            patch.dict(os.environ, self.environment | {V1_DATA: os.environ[V1_DATA]}, clear=True),
            redirect_stdout(StringIO()) as out,
            redirect_stderr(StringIO()) as err,
        ):
            code = create_clidriver().main(list(words))
        return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def options(members: dict[str, Any]) -> Iterator[str]:
    """The words that give these members."""
    for name, value in members.items():
        option = xform_name(name, "-")
        if isinstance(value, bool):
            yield f"--{option}" if value else f"--no-{option}"
        else:
            yield f"--{option}"
            yield value if isinstance(value, str) else json.dumps(value)


def faults(shape: Shape, value: Any, where: str) -> Iterator[str]:
    """What of the value is not as the shape says."""
    if shape.type_name == "structure":
        if not isinstance(value, dict) or not value.keys() <= shape.members.keys():
            yield f"{where}: {value!r}"
            return
        for name, inner in value.items():
            yield from faults(shape.members[name], inner, f"{where}.{name}")
    elif shape.type_name == "list":
        for inner in value:
            yield from faults(shape.member, inner, f"{where}[]")
    elif shape.type_name == "map":
        for inner in value.values():
            yield from faults(shape.value, inner, f"{where}{{}}")
    elif not isinstance(value, SCALARS[shape.type_name]):
        yield f"{where}: {value!r} is no {shape.type_name}"


def asked_until(aws: Commands, operation: str, member: str, wanted: str, /, **members: Any) -> Any:
    """The answer once the member is what is wanted: boto3 asks till then, as the CLI starts slowly."""
    of = members.pop("of", "backup")
    ask = getattr(aws.service.client(of), xform_name(operation))
    assert eventually(lambda: ask(**members).get(member) == wanted), ask(**members)
    return aws(operation, of=of, **members)


def walk_vaults(aws: Commands) -> str:
    """The ARN of a vault `walked`, after all that can be set on it was."""
    vault = {"BackupVaultName": "walked"}
    made = aws("CreateBackupVault", **vault, BackupVaultTags={"for": "walk"})
    arn = str(made["BackupVaultArn"])
    assert aws("DescribeBackupVault", **vault)["BackupVaultArn"] == arn
    aws("TagResource", ResourceArn=arn, Tags={"a": "b", "c": "d"})
    aws("UntagResource", ResourceArn=arn, TagKeyList=["c"])
    assert aws("ListTags", ResourceArn=arn)["Tags"] == {"for": "walk", "a": "b"}
    aws("PutBackupVaultAccessPolicy", **vault, Policy=POLICY)
    assert json.loads(aws("GetBackupVaultAccessPolicy", **vault)["Policy"]) == json.loads(POLICY)
    aws("DeleteBackupVaultAccessPolicy", **vault)
    topic = f"arn:aws:sns:{aws.service.account['region']}:{aws.service.account['account_id']}:topic"
    events = ["BACKUP_JOB_COMPLETED", "RESTORE_JOB_COMPLETED"]
    aws("PutBackupVaultNotifications", **vault, SNSTopicArn=topic, BackupVaultEvents=events)
    assert aws("GetBackupVaultNotifications", **vault)["BackupVaultEvents"] == events
    aws("DeleteBackupVaultNotifications", **vault)
    aws("CreateBackupVault", BackupVaultName="other")
    return arn


def walk_plans(aws: Commands) -> None:
    made = aws("CreateBackupPlan", BackupPlan=PLAN, BackupPlanTags={"a": "b"})
    plan = {"BackupPlanId": made["BackupPlanId"]}
    aws("UpdateBackupPlan", **plan, BackupPlan=PLAN | {"BackupPlanName": "daily"})
    assert aws("GetBackupPlan", **plan)["BackupPlan"]["BackupPlanName"] == "daily"
    assert len(aws("ListBackupPlanVersions", **plan)["BackupPlanVersionsList"]) == 2
    assert [each["BackupPlanName"] for each in aws("ListBackupPlans")["BackupPlansList"]] == ["daily"]
    text = aws("ExportBackupPlanTemplate", **plan)["BackupPlanTemplateJson"]
    assert (
        aws("GetBackupPlanFromJSON", BackupPlanTemplateJson=text)["BackupPlan"]["BackupPlanName"] == "daily"
    )
    template = aws("ListBackupPlanTemplates")["BackupPlanTemplatesList"][0]["BackupPlanTemplateId"]
    assert aws("GetBackupPlanFromTemplate", BackupPlanTemplateId=template)["BackupPlanDocument"]["Rules"]
    tag = {"ConditionType": "STRINGEQUALS", "ConditionKey": "nobody", "ConditionValue": "has it"}
    chosen = {"SelectionName": "tagged", "IamRoleArn": aws.service.role_arn, "ListOfTags": [tag]}
    made = aws("CreateBackupSelection", **plan, BackupSelection=chosen)
    selection = plan | {"SelectionId": made["SelectionId"]}
    assert aws("GetBackupSelection", **selection)["BackupSelection"]["SelectionName"] == "tagged"
    assert len(aws("ListBackupSelections", **plan)["BackupSelectionsList"]) == 1
    aws("DeleteBackupSelection", **selection)
    aws("DeleteBackupPlan", **plan)


def walk_reports(aws: Commands) -> None:
    framework = {"FrameworkName": "framework_1"}
    aws("CreateFramework", **framework, FrameworkControls=CONTROLS)
    asked_until(aws, "DescribeFramework", "DeploymentStatus", "COMPLETED", **framework)
    aws("UpdateFramework", **framework, FrameworkDescription="What is kept")
    assert len(aws("ListFrameworks")["Frameworks"]) == 1
    asked_until(aws, "DescribeFramework", "DeploymentStatus", "COMPLETED", **framework)
    aws("DeleteFramework", **framework)
    report = {"ReportPlanName": "report_1"}
    setting = {"ReportTemplate": "BACKUP_JOB_REPORT"}
    aws("CreateReportPlan", **report, ReportDeliveryChannel=CHANNEL, ReportSetting=setting)
    aws("UpdateReportPlan", **report, ReportPlanDescription="What was done")
    assert aws("DescribeReportPlan", **report)["ReportPlan"]["ReportPlanDescription"] == "What was done"
    assert len(aws("ListReportPlans")["ReportPlans"]) == 1
    job = aws("StartReportJob", **report)["ReportJobId"]
    assert aws("DescribeReportJob", ReportJobId=job)["ReportJob"]["ReportPlanArn"]
    assert [each["ReportJobId"] for each in aws("ListReportJobs")["ReportJobs"]] == [job]
    aws("DeleteReportPlan", **report)


def walk_backups(aws: Commands, arn: str) -> dict[str, str]:
    """The vault and the ARN of a recovery point of the resource."""
    role = {"IamRoleArn": aws.service.role_arn}
    vault = {"BackupVaultName": "walked"}
    started = aws("StartBackupJob", **vault, **role, ResourceArn=arn, RecoveryPointTags={"a": "b"})
    job = {"BackupJobId": started["BackupJobId"]}
    point = str(asked_until(aws, "DescribeBackupJob", "State", "COMPLETED", **job)["RecoveryPointArn"])
    assert "COMPLETED" in aws.refused("StopBackupJob", "InvalidRequestException", **job)
    assert len(aws("ListBackupJobs", ByState="COMPLETED")["BackupJobs"]) == 1
    assert aws("ListBackupJobSummaries")["BackupJobSummaries"]
    assert aws("DescribeProtectedResource", ResourceArn=arn)["ResourceType"] == "EFS"
    assert len(aws("ListProtectedResources")["Results"]) == 1
    assert len(aws("ListProtectedResourcesByBackupVault", **vault)["Results"]) == 1
    assert len(aws("ListRecoveryPointsByResource", ResourceArn=arn)["RecoveryPoints"]) == 1
    where = vault | {"RecoveryPointArn": point}
    assert aws("DescribeRecoveryPoint", **where)["Status"] == "COMPLETED"
    assert aws("GetRecoveryPointRestoreMetadata", **where)["RestoreMetadata"]
    assert aws("GetRestoreTestingInferredMetadata", **where)["InferredMetadata"]
    aws("UpdateRecoveryPointLifecycle", **where, Lifecycle={"DeleteAfterDays": 100})
    for operation in ("DisassociateRecoveryPoint", "DisassociateRecoveryPointFromParent"):
        aws.refused(operation, "InvalidRequestException", **where)
    return where


def walk_locks(aws: Commands) -> None:
    """A vault is locked only once its keys are kept elsewhere."""
    vault, kit = {"BackupVaultName": "walked"}, aws.service.home / "kit"
    bounds = {"MinRetentionDays": 1, "MaxRetentionDays": 200}
    asked = "PutBackupVaultLockConfiguration"
    assert "safehold keys export" in aws.refused(asked, "InvalidRequestException", **vault, **bounds)
    aws.service.cli("keys", "export", "--vault", "walked", "--plain", "--out", kit)
    aws.service.cli("keys", "prove", kit)
    aws(asked, **vault, **bounds)
    aws("DeleteBackupVaultLockConfiguration", **vault)


def walk_copies(aws: Commands, where: dict[str, str], vault_arn: str) -> None:
    started = aws(
        "StartCopyJob",
        RecoveryPointArn=where["RecoveryPointArn"],
        SourceBackupVaultName="walked",
        DestinationBackupVaultArn=vault_arn.replace(":walked", ":other"),
        IamRoleArn=aws.service.role_arn,
    )
    job = {"CopyJobId": started["CopyJobId"]}
    ask = aws.service.client().describe_copy_job
    assert eventually(lambda: ask(**job)["CopyJob"]["State"] == "COMPLETED")
    assert aws("DescribeCopyJob", **job)["CopyJob"]["State"] == "COMPLETED"
    assert len(aws("ListCopyJobs")["CopyJobs"]) == 1
    assert aws("ListCopyJobSummaries")["CopyJobSummaries"]


def walk_restores(aws: Commands, where: dict[str, str], arn: str) -> None:
    started = aws(
        "StartRestoreJob",
        RecoveryPointArn=where["RecoveryPointArn"],
        Metadata={"newFileSystem": "true", "CreationToken": "walked"},
        IamRoleArn=aws.service.role_arn,
    )
    job = {"RestoreJobId": started["RestoreJobId"]}
    asked_until(aws, "DescribeRestoreJob", "Status", "COMPLETED", **job)
    assert aws("GetRestoreJobMetadata", **job)["Metadata"]["CreationToken"] == "walked"
    assert len(aws("ListRestoreJobs")["RestoreJobs"]) == 1
    assert len(aws("ListRestoreJobsByProtectedResource", ResourceArn=arn)["RestoreJobs"]) == 1
    assert aws("ListRestoreJobSummaries")["RestoreJobSummaries"]
    aws.refused("PutRestoreValidationResult", "InvalidRequestException", **job, ValidationStatus="SUCCESSFUL")


def walk_scans(aws: Commands, where: dict[str, str]) -> None:
    role = aws.service.role_arn
    scan = where | {"MalwareScanner": "GUARDDUTY", "IamRoleArn": role, "ScannerRoleArn": role}
    job = {"ScanJobId": aws("StartScanJob", **scan, ScanMode="FULL_SCAN")["ScanJobId"]}
    ended = asked_until(aws, "DescribeScanJob", "State", "COMPLETED", **job)
    assert ended["ScanResult"]["ScanResultStatus"] == "NO_THREATS_FOUND"
    assert len(aws("ListScanJobs")["ScanJobs"]) == 1
    assert aws("ListScanJobSummaries")["ScanJobSummaries"]
    asked = where | {"ScanEndTime": "2026-01-01T00:00:00Z", "MalwareScanner": "GUARDDUTY"}
    aws.refused("GetPITRMalwareScanResults", "InvalidParameterValueException", **asked)


def walk_restore_testing(aws: Commands) -> None:
    plan = {"RestoreTestingPlanName": "weekly"}
    schedule = {"ScheduleExpression": "cron(0 5 ? * 1 *)", "RecoveryPointSelection": POINTS}
    aws("CreateRestoreTestingPlan", RestoreTestingPlan=plan | schedule)
    aws("UpdateRestoreTestingPlan", **plan, RestoreTestingPlan={"StartWindowHours": 2})
    assert aws("GetRestoreTestingPlan", **plan)["RestoreTestingPlan"]["StartWindowHours"] == 2
    assert len(aws("ListRestoreTestingPlans")["RestoreTestingPlans"]) == 1
    selection = {"RestoreTestingSelectionName": "trees"}
    tested = {
        "ProtectedResourceType": "EFS",
        "IamRoleArn": aws.service.role_arn,
        "ProtectedResourceArns": ["*"],
    }
    aws("CreateRestoreTestingSelection", **plan, RestoreTestingSelection=selection | tested)
    changed = {"ValidationWindowHours": 2}
    aws("UpdateRestoreTestingSelection", **plan, **selection, RestoreTestingSelection=changed)
    shown = aws("GetRestoreTestingSelection", **plan, **selection)["RestoreTestingSelection"]
    assert shown["ValidationWindowHours"] == 2
    assert len(aws("ListRestoreTestingSelections", **plan)["RestoreTestingSelections"]) == 1
    aws("DeleteRestoreTestingSelection", **plan, **selection)
    aws("DeleteRestoreTestingPlan", **plan)


def walk_settings(aws: Commands) -> None:
    assert "EFS" in aws("GetSupportedResourceTypes")["ResourceTypes"]
    assert aws("DescribeRegionSettings")["ResourceTypeOptInPreference"]["EFS"] is True
    aws("UpdateRegionSettings", ResourceTypeOptInPreference={"EFS": True})
    assert "GlobalSettings" in aws("DescribeGlobalSettings")
    aws("UpdateGlobalSettings", GlobalSettings={"isCrossAccountBackupEnabled": "false"})
    tier = {"TieringConfigurationName": "tier"}
    down = {"BackupVaultName": "walked", "ResourceSelection": TIERED}
    aws("CreateTieringConfiguration", TieringConfiguration=tier | down)
    aws("UpdateTieringConfiguration", **tier, TieringConfiguration=down | {"BackupVaultName": "*"})
    assert aws("GetTieringConfiguration", **tier)["TieringConfiguration"]["BackupVaultName"] == "*"
    assert len(aws("ListTieringConfigurations")["TieringConfigurations"]) == 1
    aws("DeleteTieringConfiguration", **tier)


def walk_holds(aws: Commands, where: dict[str, str], arn: str) -> None:
    chosen = {"ResourceIdentifiers": [arn]}
    made = aws("CreateLegalHold", Title="case", Description="A case", RecoveryPointSelection=chosen)
    hold = {"LegalHoldId": made["LegalHoldId"]}
    asked_until(aws, "GetLegalHold", "Status", "ACTIVE", **hold)
    assert len(aws("ListLegalHolds")["LegalHolds"]) == 1
    held = aws("ListRecoveryPointsByLegalHold", **hold)["RecoveryPoints"]
    assert where["RecoveryPointArn"] in [each["RecoveryPointArn"] for each in held]
    assert "hold" in aws.refused("DeleteRecoveryPoint", "InvalidRequestException", **where).lower()
    aws("CancelLegalHold", **hold, CancelDescription="The case is closed")
    asked_until(aws, "GetLegalHold", "Status", "CANCELED", **hold)


def walk_air_gapped_vaults(aws: Commands) -> None:
    gapped = {"BackupVaultName": "gapped"}
    bounds = {"MinRetentionDays": 7, "MaxRetentionDays": 30}
    made = aws("CreateLogicallyAirGappedBackupVault", **gapped, **bounds)
    asked_until(aws, "DescribeBackupVault", "VaultState", "AVAILABLE", **gapped)
    account = aws.service.account
    team = f"arn:aws:mpa:{account['region']}:{account['account_id']}:approval-team/keepers/1"
    aws("AssociateBackupVaultMpaApprovalTeam", **gapped, MpaApprovalTeamArn=team)
    access = aws("CreateRestoreAccessBackupVault", SourceBackupVaultArn=made["BackupVaultArn"])
    assert len(aws("ListRestoreAccessBackupVaults", **gapped)["RestoreAccessBackupVaults"]) == 1
    aws(
        "RevokeRestoreAccessBackupVault",
        **gapped,
        RestoreAccessBackupVaultArn=access["RestoreAccessBackupVaultArn"],
    )
    aws("DisassociateBackupVaultMpaApprovalTeam", **gapped)


def walk_search(aws: Commands, where: dict[str, str], arn: str) -> None:
    role = aws.service.role_arn
    aws("UpdateRecoveryPointIndexSettings", **where, Index="ENABLED", IamRoleArn=role)
    asked_until(aws, "GetRecoveryPointIndexDetails", "IndexStatus", "ACTIVE", **where)
    assert len(aws("ListIndexedRecoveryPoints", SourceResourceArn=arn)["IndexedRecoveryPoints"]) == 1
    of = {"of": "backupsearch"}
    scope = {"BackupResourceTypes": ["EFS"], "SourceResourceArns": [arn]}
    made = aws("StartSearchJob", **of, SearchScope=scope, Name="walk")
    job = {"SearchJobIdentifier": made["SearchJobIdentifier"]}
    asked_until(aws, "GetSearchJob", "Status", "COMPLETED", **of, **job)
    assert len(aws("ListSearchJobs", **of)["SearchJobs"]) == 1
    assert len(aws("ListSearchJobBackups", **of, **job)["Results"]) == 1
    assert aws("ListSearchJobResults", **of, **job)["Results"]
    aws.refused("StopSearchJob", "ConflictException", **of, **job)
    named = {"ResourceArn": made["SearchJobArn"]}
    aws("TagResource", **of, **named, Tags={"a": "b"})
    assert aws("ListTagsForResource", **of, **named)["Tags"] == {"a": "b"}
    aws("UntagResource", **of, **named, TagKeys=["a"])
    walk_exports(aws, job)


def walk_exports(aws: Commands, job: dict[str, str]) -> None:
    of = {"of": "backupsearch"}
    to = {"s3ExportSpecification": {"DestinationBucket": "found"}}
    role = aws.service.role_arn
    made = aws("StartSearchResultExportJob", **of, **job, ExportSpecification=to, RoleArn=role)
    export = {"ExportJobIdentifier": made["ExportJobIdentifier"]}
    assert aws("GetSearchResultExportJob", **of, **export)["SearchJobArn"]
    assert len(aws("ListSearchResultExportJobs", **of)["ExportJobs"]) == 1


def walk_access_points(aws: Commands, where: dict[str, str], arn: str) -> None:
    """Not built: each says why."""
    point = {"RecoveryPointArn": where["RecoveryPointArn"]}
    region, account = aws.service.account["region"], aws.service.account["account_id"]
    named = {"AccessPointArn": f"arn:aws:backup:{region}:{account}:accesspoint/point-1"}
    asked = {
        "CreateBackupAccessPoint": point | {"Name": "point-1"},
        "DescribeBackupAccessPoint": named,
        "DeleteBackupAccessPoint": named,
        "ListBackupAccessPoints": {},
        "ListBackupAccessPointsByRecoveryPoint": point,
        "ListBackupAccessPointsByResource": {"ResourceArn": arn},
    }
    for operation, members in asked.items():
        assert "access points" in aws.refused(operation, "NotImplementedException", **members)


def walk_to_the_end(aws: Commands, where: dict[str, str]) -> None:
    """What was backed up goes, and then its vault."""
    vault = {"BackupVaultName": "walked"}
    aws.refused("DeleteBackupVault", "InvalidRequestException", **vault)
    aws("DeleteRecoveryPoint", **where)
    listed = aws.service.client().list_recovery_points_by_backup_vault
    assert eventually(lambda: not listed(**vault)["RecoveryPoints"])
    assert aws("ListRecoveryPointsByBackupVault", **vault)["RecoveryPoints"] == []
    aws("DeleteBackupVault", **vault)
    left = {each["BackupVaultName"] for each in aws("ListBackupVaults")["BackupVaultList"]}
    assert {"Default", "other"} <= left
    assert "walked" not in left
    aws.refused("DescribeBackupVault", "AccessDeniedException", **vault)  # as AWS says of what is not there
