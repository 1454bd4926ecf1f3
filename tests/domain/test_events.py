"""Each family's event has the members, types and odd spellings that AWS gives it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from safehold.domain import events
from safehold.domain.backup_requests import CreatedBy
from safehold.domain.jobs import Job, JobKind
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.plans import PlanDocument, PlanVersion
from safehold.domain.point_indexes import IndexStatus, PointIndex
from safehold.domain.recovery_points import PointStatus, RecoveryPoint, with_lifecycle
from safehold.domain.vaults import Vault

AT = datetime(2020, 7, 15, 21, 39, 7, 207000, tzinfo=UTC)
VAULT_ARN = "arn:aws:backup:us-east-1:123456789012:backup-vault:main"
POINT_ARN = "arn:aws:backup:us-east-1:123456789012:recovery-point:p"
CREATOR = CreatedBy("p-1", "arn:plan", "name", "v-1", "r-1", "rule", "cron()", "UTC")
CREATED_BY = {
    "backupPlanId": "p-1",
    "backupPlanArn": "arn:plan",
    "backupPlanVersion": "v-1",
    "backupPlanRuleId": "r-1",
}
JOB = Job(
    id="j-1",
    kind=JobKind.BACKUP,
    account_id="123456789012",
    site="us-east-1",
    state="CREATED",
    resource_arn="arn:r",
    resource_type="EFS",
    created_at=AT,
    request={
        "created_by": {"plan_id": "p-1", "plan_arn": "arn:plan", "plan_version": "v-1", "rule_id": "r-1"}
    },
    vault_name="main",
    vault_arn=VAULT_ARN,
    role_arn="arn:role",
    recovery_point_arn=POINT_ARN,
)


def of_job(**changes: Any) -> events.Event:
    made = events.of_job(replace(JOB, **changes))
    assert made is not None
    return made


def test_an_envelope_is_eventbridges() -> None:
    assert events.envelope(of_job(), "e-1") == {
        "version": "0",
        "id": "e-1",
        "detail-type": "Backup Job State Change",
        "source": "aws.backup",
        "account": "123456789012",
        "time": "2020-07-15T21:39:07Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {"backupJobId": "j-1", "state": "CREATED", "creationDate": "2020-07-15T21:39:07.207Z"},
    }


def test_a_backup_job_tells_sizes_as_text_its_message_quoted_and_one_time_for_people() -> None:
    made = of_job(
        state="COMPLETED",
        status_message="3 files were skipped",
        bytes_done=5,
        size_bytes=7,
        percent_done=100.0,
        attempt=2,
        start_by=AT,
        started_at=AT,
        completed_at=AT + timedelta(minutes=1),
        expected_completion_at=AT,
    )
    assert made.resources == (POINT_ARN,)
    assert made.at == AT + timedelta(minutes=1)
    assert made.detail == {
        "backupJobId": "j-1",
        "state": "COMPLETED",
        "creationDate": "2020-07-15T21:39:07.207Z",
        "backupVaultArn": VAULT_ARN,
        "backupVaultName": "main",
        "bytesTransferred": "5",
        "backupSizeInBytes": "7",
        "iamRoleArn": "arn:role",
        "resourceArn": "arn:r",
        "resourceType": "EFS",
        "statusMessage": '"3 files were skipped"',
        "startBy": "2020-07-15T21:39:07.207Z",
        "percentDone": 100.0,
        "retryCount": 1,
        "completionDate": "2020-07-15T21:40:07.207Z",
        "expectedCompletionDate": "Jul 15, 2020 9:39:07 PM",
        "createdBy": CREATED_BY,
    }


def test_a_job_that_failed_names_no_point() -> None:
    assert of_job(state="FAILED", completed_at=AT).resources == ()
    assert of_job(state="ABORTING", abort_requested_at=AT + timedelta(1)).at == AT + timedelta(1)


def test_a_restore_job_says_status_but_state_when_it_is_created() -> None:
    restore = {"kind": JobKind.RESTORE, "request": {"restore_testing_plan_arn": "arn:test"}, "size_bytes": 7}
    assert of_job(**restore).detail["state"] == "CREATED"
    made = of_job(**restore, state="COMPLETED", completed_at=AT, result={"created_resource_arn": "arn:new"})
    assert made.detail_type == "Restore Job State Change"
    assert "state" not in made.detail
    assert made.detail == {
        "restoreJobId": "j-1",
        "status": "COMPLETED",
        "creationDate": "2020-07-15T21:39:07.207Z",
        "completionDate": "2020-07-15T21:39:07.207Z",
        "percentDone": 0.0,
        "backupSizeInBytes": "7",
        "resourceType": "EFS",
        "iamRoleArn": "arn:role",
        "restoreTestingPlanArn": "arn:test",
        "backupVaultArn": VAULT_ARN,
        "recoveryPointArn": POINT_ARN,
        "sourceResourceArn": "arn:r",
        "createdResourceArn": "arn:new",
    }


def test_a_copy_job_tells_its_size_as_a_number_and_an_empty_map_for_a_point_to_come() -> None:
    copy = {
        "kind": JobKind.COPY,
        "request": {"source_vault_arn": "arn:from", "destination_point_arn": "arn:copy"},
        "size_bytes": 7,
    }
    created = of_job(**copy).detail
    assert "copyJobId" not in created
    assert created["destinationRecoveryPointArn"] == {}
    done = of_job(**copy, state="COMPLETED", completed_at=AT).detail
    assert (done["copyJobId"], done["backupSizeInBytes"]) == ("j-1", 7)
    assert (done["sourceBackupVaultArn"], done["destinationRecoveryPointArn"]) == ("arn:from", "arn:copy")


def test_a_recovery_point_tells_how_long_it_stays() -> None:
    point = RecoveryPoint(
        id="p",
        arn=POINT_ARN,
        vault_id="v",
        account_id="123456789012",
        site="us-east-1",
        job_id="j-1",
        resource_arn="arn:r",
        resource_type="EFS",
        status=PointStatus.COMPLETED,
        created_at=AT,
        completed_at=AT,
        role_arn="arn:role",
        created_by=CREATOR,
    )
    made = events.of_point(
        with_lifecycle(point, Lifecycle(delete_after_days=1)), VAULT_ARN, "COMPLETED", at=AT
    )
    assert (made.detail_type, made.resources) == ("Recovery Point State Change", (POINT_ARN,))
    assert made.detail == {
        "backupVaultName": "main",
        "backupVaultArn": VAULT_ARN,
        "creationDate": "2020-07-15T21:39:07.207Z",
        "completionDate": "2020-07-15T21:39:07.207Z",
        "iamRoleArn": "arn:role",
        "resourceType": "EFS",
        "resourceArn": "arn:r",
        "status": "COMPLETED",
        "isEncrypted": "true",
        "storageClass": "WARM",
        "createdBy": CREATED_BY,
        "lifecycle": {"deleteAfterDays": 1},
        "calculatedLifeCycle": {"deleteAt": "2020-07-16T21:39:07.207Z"},
    }
    assert "lifecycle" not in events.of_point(point, VAULT_ARN, "DELETED", at=AT).detail


@pytest.mark.parametrize(
    ("state", "member"),
    [("CREATED", "creationDate"), ("MODIFIED", "modifiedAt"), ("DELETED", "deletionDate")],
)
def test_a_plan_has_a_time_of_its_own_for_each_state(state: str, member: str) -> None:
    plan = PlanVersion("p-1", "1" * 12, "us-east-1", "arn:plan", "v-1", PlanDocument("p", ()), AT, AT)
    made = events.of_plan(plan, state, at=AT)
    assert made.resources == ("arn:plan",)
    assert made.detail == {
        "backupPlanId": "p-1",
        "versionId": "v-1",
        member: "2020-07-15T21:39:07.207Z",
        "state": state,
    }


def test_a_vault_tells_whether_it_is_locked_as_text_and_settings_tell_what_they_are_now() -> None:
    vault = Vault("v", "1" * 12, "us-east-1", "main", VAULT_ARN, "arn:key", AT, is_locked=True)
    made = events.of_vault(vault, "MODIFIED", at=AT)
    assert made.resources == (VAULT_ARN,)
    assert made.detail == {"backupVaultName": "main", "state": "MODIFIED", "isLocked": "true"}
    settings = events.of_settings("1" * 12, "us-east-1", {"S3": True, "EFS": False}, at=AT)
    assert settings.detail["ResourceTypeOptInPreference"] == {"EFS": False, "S3": True}
    assert settings.resources == ()


def test_an_index_tells_of_its_end_and_of_nothing_on_the_way() -> None:
    index = PointIndex("p", "1" * 12, "us-east-1", "v", "arn:r", "EFS", AT, AT, role_arn="arn:role")
    assert events.of_index(index, POINT_ARN, VAULT_ARN) is None
    done = events.of_index(replace(index, status=IndexStatus.ACTIVE, completed_at=AT), POINT_ARN, VAULT_ARN)
    assert done is not None
    assert done.resources == (POINT_ARN,)
    assert done.detail == {
        "recoveryPointArn": POINT_ARN,
        "accountId": "1" * 12,
        "indexStatus": "ACTIVE",
        "iamRoleArn": "arn:role",
        "resourceType": "EFS",
        "backupVaultArn": VAULT_ARN,
        "indexCreationTime": "2020-07-15T21:39:07.207Z",
        "indexCompletionTime": "2020-07-15T21:39:07.207Z",
        "isIndexingContinuous": False,
        "sourceResourceArn": "arn:r",
        "backupCreationTime": "2020-07-15T21:39:07.207Z",
    }
    gone = events.of_index(replace(index, status=None, deleted_at=AT), POINT_ARN, VAULT_ARN)
    assert gone is not None
    assert (gone.detail["indexStatus"], "indexDeletionTime" in gone.detail) == ("DELETED", True)


@pytest.mark.parametrize(
    ("hour", "text"), [(0, "12:05:00 AM"), (9, "9:05:00 AM"), (12, "12:05:00 PM"), (23, "11:05:00 PM")]
)
def test_hours_are_written_as_people_in_america_do(hour: int, text: str) -> None:
    expected = datetime(2020, 1, 2, hour, 5, tzinfo=UTC)
    made = of_job(state="RUNNING", expected_completion_at=expected)
    assert made.detail["expectedCompletionDate"] == f"Jan 2, 2020 {text}"


def test_a_scan_tells_its_verdict_and_calls_the_rule_as_the_api_does() -> None:
    result = {"scan_result_status": "THREATS_FOUND", "base_point_arn": "arn:base"}
    made = of_job(kind=JobKind.SCAN, state="PARTIAL", status_message="1 item", result=result)
    assert (made.detail_type, made.resources) == ("Scan Job State Change", (POINT_ARN,))
    assert made.detail == {
        "accountId": "123456789012",
        "scanJobId": "j-1",
        "state": "COMPLETED_WITH_ISSUES",
        "scanResult": {"scanResultStatus": "THREATS_FOUND"},
        "malwareScanner": "GUARDDUTY",
        "recoveryPointArn": POINT_ARN,
        "scanBaseRecoveryPointArn": "arn:base",
        "resourceArn": "arn:r",
        "resourceType": "EFS",
        "iamRoleArn": "arn:role",
        "createdBy": {
            "backupPlanId": "p-1",
            "backupPlanArn": "arn:plan",
            "backupPlanVersion": "v-1",
            "backupRuleId": "r-1",
        },
        "statusMessage": "1 item",
    }


@pytest.mark.parametrize("kind", [JobKind.INDEX, JobKind.SEARCH, JobKind.EXPORT])
def test_of_jobs_that_aws_does_not_tell_of_nothing_is_told(kind: JobKind) -> None:
    assert events.of_job(replace(JOB, kind=kind)) is None
