"""A protected folder looked at through the stock client: its points, jobs, counts and tags."""

from __future__ import annotations

import pytest

from tests.fixtures.service import Service, eventually
from tests.journeys.conftest import Protected, refused

pytestmark = pytest.mark.slow


def test_what_is_protected_is_listed_with_its_points_and_restores(
    service: Service, protected: Protected
) -> None:
    client, arn = service.client(), {"ResourceArn": protected.arn}
    described = client.describe_protected_resource(**arn)
    points = client.list_recovery_points_by_resource(**arn)["RecoveryPoints"]
    assert protected.point in [point["RecoveryPointArn"] for point in points]
    assert (described["LastRecoveryPointArn"], described["ResourceType"]) == (
        points[0]["RecoveryPointArn"],
        "EFS",
    )
    in_vault = client.list_protected_resources_by_backup_vault(BackupVaultName=protected.vault)["Results"]
    assert [each["ResourceArn"] for each in in_vault] == [protected.arn]
    everywhere = client.get_paginator("list_protected_resources").paginate()
    assert protected.arn in [each["ResourceArn"] for page in everywhere for each in page["Results"]]
    nothing = refused(client.describe_protected_resource, ResourceArn=f"{protected.arn}0")
    assert nothing.startswith("ResourceNotFoundException")


def test_a_point_is_described_kept_longer_and_belongs_to_no_composite(
    service: Service, protected: Protected
) -> None:
    client, where = service.client(), protected.where
    shown = client.describe_recovery_point(**where)
    assert (shown["Status"], shown["ResourceArn"], shown["IsEncrypted"]) == (
        "COMPLETED",
        protected.arn,
        True,
    )
    changed = client.update_recovery_point_lifecycle(**where, Lifecycle={"DeleteAfterDays": 365})
    assert (changed["CalculatedLifecycle"]["DeleteAt"] - shown["CreationDate"]).days == 365
    assert client.describe_recovery_point(**where)["Lifecycle"]["DeleteAfterDays"] == 365
    alone = refused(client.disassociate_recovery_point_from_parent, **where)
    assert alone.startswith("InvalidRequestException")
    snapshot = refused(client.disassociate_recovery_point, **where)
    assert snapshot.startswith("InvalidRequestException: Only continuous")
    listed = client.list_recovery_points_by_backup_vault(BackupVaultName=protected.vault)["RecoveryPoints"]
    assert [point["RecoveryPointArn"] for point in listed] == [protected.point]


def test_a_restore_is_found_in_every_list_with_what_it_was_asked(
    service: Service, protected: Protected
) -> None:
    client, job = service.client(), protected.restore["RestoreJobId"]
    assert client.get_restore_job_metadata(RestoreJobId=job)["Metadata"] == {
        "newFileSystem": "true",
        "CreationToken": "protected",
    }
    every = client.get_paginator("list_restore_jobs").paginate(ByResourceType="EFS")
    assert job in [each["RestoreJobId"] for page in every for each in page["RestoreJobs"]]
    own = client.list_restore_jobs_by_protected_resource(ResourceArn=protected.arn)["RestoreJobs"]
    assert job in [each["RestoreJobId"] for each in own]
    assert {each["ResourceType"] for each in own} == {"EFS"}
    untested = refused(client.put_restore_validation_result, RestoreJobId=job, ValidationStatus="SUCCESSFUL")
    assert untested.endswith("is not part of a restore test")


def test_jobs_are_counted_by_state_type_and_day(service: Service, protected: Protected) -> None:
    client = service.client()
    fortnight = {"State": "COMPLETED", "ResourceType": "EFS", "AggregationPeriod": "FOURTEEN_DAYS"}
    for asked, listed, state, key in (
        (client.list_backup_job_summaries, "list_backup_jobs", "ByState", "BackupJob"),
        (client.list_restore_job_summaries, "list_restore_jobs", "ByStatus", "RestoreJob"),
        (client.list_copy_job_summaries, "list_copy_jobs", "ByState", "CopyJob"),
        (client.list_scan_job_summaries, "list_scan_jobs", "ByState", "ScanJob"),
    ):
        pages = client.get_paginator(listed).paginate(**{state: "COMPLETED"})
        jobs = [job for page in pages for job in page[f"{key}s"]]
        found = asked(**fortnight)[f"{key}Summaries"]
        assert [row["Count"] for row in found] == ([len(jobs)] if jobs else []), key
        apart = asked(**fortnight | {"State": "ANY", "AggregationPeriod": "ONE_DAY"})[f"{key}Summaries"]
        counts = [row["Count"] for row in apart if row["State"] == "COMPLETED"]
        assert sum(counts) == len(jobs), key
        assert asked(ResourceType="Aurora")[f"{key}Summaries"] == [], key
    assert protected.backup["State"] == "COMPLETED", "so that the first two are not about nothing"


def test_tags_are_put_on_a_point_and_found_by_the_tagging_service(
    service: Service, protected: Protected
) -> None:
    client, named = service.client(), {"ResourceArn": protected.point}
    assert client.list_tags(**named)["Tags"] == {"team": "letters"}, "as the folder had it"
    client.tag_resource(**named, Tags={"checked": "yes", "case": "7"})
    client.untag_resource(**named, TagKeyList=["case"])
    assert client.list_tags(**named)["Tags"] == {"team": "letters", "checked": "yes"}
    tagging = service.client("resourcegroupstaggingapi")
    wanted = [{"Key": "checked", "Values": ["yes"]}]
    found = tagging.get_resources(TagFilters=wanted)["ResourceTagMappingList"]
    assert [each["ResourceARN"] for each in found] == [protected.point]
    client.untag_resource(**named, TagKeyList=["checked"])
    assert tagging.get_resources(TagFilters=wanted)["ResourceTagMappingList"] == []


def test_a_backup_that_is_asked_for_twice_is_one_job_and_can_be_stopped_only_while_it_runs(
    service: Service, protected: Protected
) -> None:
    client = service.client()
    asked = {
        "BackupVaultName": "stopped",
        "ResourceArn": protected.arn,
        "IamRoleArn": service.role_arn,
        "IdempotencyToken": "once",
        "Lifecycle": {"DeleteAfterDays": 2},
    }
    client.create_backup_vault(BackupVaultName="stopped")
    first = client.start_backup_job(**asked)["BackupJobId"]
    assert client.start_backup_job(**asked)["BackupJobId"] == first
    ended = service.ended(first)
    assert ended["State"] == "COMPLETED"
    assert refused(client.stop_backup_job, BackupJobId=first).startswith("InvalidRequestException")
    point = {"BackupVaultName": "stopped", "RecoveryPointArn": ended["RecoveryPointArn"]}
    client.delete_recovery_point(**point)

    def gone() -> bool:
        return not client.list_recovery_points_by_backup_vault(BackupVaultName="stopped")["RecoveryPoints"]

    assert eventually(gone)
    client.delete_backup_vault(BackupVaultName="stopped")
