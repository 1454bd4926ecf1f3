"""Each quota is a setting; what is beyond it is refused and leaves nothing."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from safehold.api.local import LocalClient
from safehold.core.errors import ConfigError, LimitExceeded
from safehold.domain.quotas import AWS_QUOTAS, Quotas, check_room
from tests.api.job_world import ACCOUNT, POINT, ROLE, SITE, TREE, World

RULE = {"RuleName": "r", "TargetBackupVaultName": "Main"}
TESTING = {
    "ScheduleExpression": "cron(0 5 ? * * *)",
    "RecoveryPointSelection": {
        "Algorithm": "LATEST_WITHIN_WINDOW",
        "IncludeVaults": ["*"],
        "RecoveryPointTypes": ["SNAPSHOT"],
    },
}
AWAY = f"arn:aws:backup:{SITE}:{ACCOUNT}:backup-vault:away"


def vault(client: LocalClient, name: str) -> None:
    client.call("CreateBackupVault", BackupVaultName=name)


def plan(client: LocalClient, name: str) -> str:
    document = {"BackupPlanName": name, "Rules": [RULE]}
    return str(client.call("CreateBackupPlan", BackupPlan=document)["BackupPlanId"])


def version(client: LocalClient, name: str) -> None:
    plan_id = _one_plan(client)
    document = {"BackupPlanName": name, "Rules": [RULE]}
    client.call("UpdateBackupPlan", BackupPlanId=plan_id, BackupPlan=document)


def selection(client: LocalClient, name: str) -> None:
    document = {"SelectionName": name, "IamRoleArn": ROLE, "Resources": [TREE]}
    client.call("CreateBackupSelection", BackupPlanId=_one_plan(client), BackupSelection=document)


def backup(client: LocalClient, name: str) -> None:
    client.call("StartBackupJob", BackupVaultName="Main", ResourceArn=TREE, IamRoleArn=ROLE)


def copy(client: LocalClient, name: str) -> None:
    request = {"RecoveryPointArn": POINT, "SourceBackupVaultName": "Main", "IamRoleArn": ROLE}
    client.call("StartCopyJob", DestinationBackupVaultArn=AWAY, **request)


def framework(client: LocalClient, name: str) -> None:
    control = {"ControlName": "BACKUP_RECOVERY_POINT_ENCRYPTED"}
    client.call("CreateFramework", FrameworkName=name, FrameworkControls=[control])


def report_plan(client: LocalClient, name: str) -> None:
    client.call(
        "CreateReportPlan",
        ReportPlanName=name,
        ReportDeliveryChannel={"S3BucketName": "reports"},
        ReportSetting={"ReportTemplate": "BACKUP_JOB_REPORT"},
    )


def a_testing_plan(client: LocalClient, name: str) -> None:
    client.call("CreateRestoreTestingPlan", RestoreTestingPlan=TESTING | {"RestoreTestingPlanName": name})


def a_testing_selection(client: LocalClient, name: str) -> None:
    plans = client.call("ListRestoreTestingPlans")["RestoreTestingPlans"]
    if not plans:
        a_testing_plan(client, "plan")
    document = {
        "RestoreTestingSelectionName": name,
        "ProtectedResourceType": "EFS",
        "IamRoleArn": ROLE,
        "ProtectedResourceArns": ["*"],
    }
    client.call(
        "CreateRestoreTestingSelection", RestoreTestingPlanName="plan", RestoreTestingSelection=document
    )


def _one_plan(client: LocalClient) -> str:
    plans = client.call("ListBackupPlans")["BackupPlansList"]
    return str(plans[0]["BackupPlanId"]) if plans else plan(client, "one")


# Name of the quota, how one more is made, how many there are when the test begins.
MADE: tuple[tuple[str, Any, int], ...] = (
    ("vaults", vault, 1),
    ("plans", plan, 0),
    ("plan_versions", version, 1),
    ("selections_per_plan", selection, 0),
    ("frameworks", framework, 0),
    ("controls", framework, 0),
    ("report_plans", report_plan, 0),
    ("restore_testing_plans", a_testing_plan, 0),
    ("selections_per_restore_testing_plan", a_testing_selection, 0),
)


@pytest.mark.parametrize(("quota", "make", "there_are"), MADE, ids=[name for name, _, _ in MADE])
@pytest.mark.parametrize("aws_limits", ["strict", "extended"])
def test_a_quota_is_reached_and_not_passed(
    world: World, aws_limits: str, quota: str, make: Any, there_are: int
) -> None:
    limited = replace(AWS_QUOTAS, **{quota: there_are + 1})
    client = world.client(aws_limits=aws_limits, quotas=limited)
    make(client, "first")
    with pytest.raises(LimitExceeded, match=f"at most {there_are + 1} "):
        make(client, "second")
    make(world.client(quotas=replace(AWS_QUOTAS, **{quota: 0})), "second")


def test_a_full_vault_takes_no_more_on_demand(world: World) -> None:
    full = world.client(quotas=replace(AWS_QUOTAS, points_per_vault=1))
    with pytest.raises(LimitExceeded, match="recovery points"):
        backup(full, "")
    copy(full, "")  # nothing is in there yet
    backup(world.client(), "")
    with pytest.raises(LimitExceeded, match="recovery points"):
        full.call(
            "StartCopyJob",
            RecoveryPointArn=POINT,
            SourceBackupVaultName="Main",
            IamRoleArn=ROLE,
            DestinationBackupVaultArn=_filled(world),
        )


def _filled(world: World) -> str:
    from tests.api.job_world import a_point

    vault(world.client(), "away")
    with world.catalog.begin() as tx:
        from safehold.records import recovery_points, vaults

        target = vaults.find_by_arn(tx, AWAY)
        assert target is not None
        recovery_points.insert_if_new(tx, a_point(id="p-9", arn=POINT + "9", vault_id=target.id))
    return AWAY


def test_a_report_plan_names_so_many_frameworks(world: World) -> None:
    setting = {"ReportTemplate": "CONTROL_COMPLIANCE_REPORT", "FrameworkArns": ["a", "b"]}
    with pytest.raises(LimitExceeded, match="at most 1 frameworks"):
        world.client(quotas=replace(AWS_QUOTAS, frameworks_per_report_plan=1)).call(
            "CreateReportPlan",
            ReportPlanName="r",
            ReportDeliveryChannel={"S3BucketName": "reports"},
            ReportSetting=setting,
        )


def test_settings_name_quotas_and_the_rest_stays_awss() -> None:
    quotas = Quotas.of({"vaults": 5, "plans": 0})
    assert asdict(quotas) == asdict(AWS_QUOTAS) | {"vaults": 5, "plans": 0}
    check_room(quotas.plans, 10**9, "plans")


@pytest.mark.parametrize("wrong", [{"vault": 5}, {"vaults": -1}, {"vaults": "5"}, {"vaults": True}])
def test_what_is_no_quota_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="quotas"):
        Quotas.of(wrong)
