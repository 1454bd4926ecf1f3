"""A file is looked for through the stock clients, found in the points that hold it, and exported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.service import Service, eventually

pytestmark = pytest.mark.slow


def aws(service: Service, *words: str) -> Any:
    """What the stock aws CLI prints, as JSON."""
    keys = {
        "AWS_ACCESS_KEY_ID": service.account["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": service.account["secret_access_key"],
        "AWS_DEFAULT_REGION": service.account["region"],
    }
    line = [sys.executable, "-m", "awscli", "--endpoint-url", service.endpoint, *words]
    done = subprocess.run(line, capture_output=True, text=True, env=service.environment | keys)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def point_of(service: Service, arn: str) -> str:
    """A backup that asks for an index; its recovery point, once it is indexed."""
    client = service.client()
    started = client.start_backup_job(
        BackupVaultName="Default", ResourceArn=arn, IamRoleArn=service.role_arn, Index="ENABLED"
    )
    ended = service.ended(started["BackupJobId"])
    assert (ended["State"], ended.get("StatusMessage")) == ("COMPLETED", None)
    where = {"BackupVaultName": "Default", "RecoveryPointArn": ended["RecoveryPointArn"]}
    assert eventually(lambda: client.get_recovery_point_index_details(**where)["IndexStatus"] == "ACTIVE")
    return str(ended["RecoveryPointArn"])


def test_a_file_is_found_in_the_points_that_hold_it(service: Service, tree: Path) -> None:
    arn = service.add_source("searched", tree)
    first = point_of(service, arn)
    (tree / "letters/7.txt").unlink()
    second = point_of(service, arn)

    search = service.client("backupsearch")
    scope = {"BackupResourceTypes": ["EFS"], "SourceResourceArns": [arn]}
    paths = [{"Value": "/letters/", "Operator": "BEGINS_WITH"}]
    filters = {"EBSItemFilters": [{"FilePaths": paths, "Sizes": [{"Value": 63, "Operator": "EQUALS_TO"}]}]}
    job = search.start_search_job(Name="letter 7", SearchScope=scope, ItemFilters=filters, Tags={"for": "me"})
    found = {"SearchJobIdentifier": job["SearchJobIdentifier"]}
    assert eventually(lambda: search.get_search_job(**found)["Status"] == "COMPLETED")
    (item,) = search.list_search_job_results(**found)["Results"]
    assert (item["EBSResultItem"]["BackupResourceArn"], item["EBSResultItem"]["FilePath"]) == (
        first,
        "/letters/7.txt",
    )
    backups = search.list_search_job_backups(**found)["Results"]
    assert {backup["BackupResourceArn"] for backup in backups} == {first, second}
    assert search.list_tags_for_resource(ResourceArn=job["SearchJobArn"])["Tags"] == {"for": "me"}
    search.untag_resource(ResourceArn=job["SearchJobArn"], TagKeys=["for"])
    assert search.list_tags_for_resource(ResourceArn=job["SearchJobArn"])["Tags"] == {}
    shown = search.get_search_job(**found)
    assert shown["ItemFilters"] == filters
    assert shown["SearchScope"] == scope
    with pytest.raises(search.exceptions.ResourceNotFoundException):
        search.get_search_job(SearchJobIdentifier="nope")
    with pytest.raises(search.exceptions.ValidationException):
        search.start_search_job(SearchScope=scope, ItemFilters={"S3ItemFilters": [{}]})
    with pytest.raises(search.exceptions.ConflictException):
        search.stop_search_job(**found)

    told = aws(service, "backupsearch", "list-search-jobs", "--by-status", "COMPLETED")["SearchJobs"]
    assert job["SearchJobIdentifier"] in [each["SearchJobIdentifier"] for each in told]
    indexed = aws(service, "backup", "list-indexed-recovery-points", "--source-resource-arn", arn)
    assert len(indexed["IndexedRecoveryPoints"]) == 2
    listed = service.client().list_indexed_recovery_points(SourceResourceArn=arn, IndexStatus="ACTIVE")
    assert {each["RecoveryPointArn"] for each in listed["IndexedRecoveryPoints"]} == {first, second}
    answer = service.cli("search", "letters/7.txt", "--resource", arn)
    assert [(each["recovery_point_arn"], each["path"]) for each in answer["items"]] == [
        (first, "/letters/7.txt")
    ]
    assert service.command("search", "nobody-is-called-that").returncode == 1
    index_goes(service, first)


def index_goes(service: Service, point: str) -> None:
    client = service.client()
    where = {"BackupVaultName": "Default", "RecoveryPointArn": point}
    client.update_recovery_point_index_settings(**where, Index="DISABLED")
    assert eventually(lambda: "IndexStatus" not in client.get_recovery_point_index_details(**where))
    assert "IndexStatus" not in client.describe_recovery_point(**where)
