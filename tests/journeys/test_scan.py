"""A backup with something in it is scanned through the stock clients, and its point is marked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.service import Service, eventually
from tests.journeys.test_search import aws

pytestmark = pytest.mark.slow

# In two halves, so that no scanner trips over this file.
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}" + "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def scanned(service: Service, point: str, mode: str) -> Any:
    client = service.client()
    job = client.start_scan_job(
        BackupVaultName="Default",
        RecoveryPointArn=point,
        IamRoleArn=service.role_arn,
        ScannerRoleArn=service.role_arn,
        MalwareScanner="GUARDDUTY",
        ScanMode=mode,
    )
    asked = {"ScanJobId": job["ScanJobId"]}
    assert eventually(lambda: client.describe_scan_job(**asked)["State"] not in ("CREATED", "RUNNING"))
    return client.describe_scan_job(**asked)


def test_what_is_in_a_backup_is_found_until_it_is_gone(service: Service, tree: Path) -> None:
    arn = service.add_source("scanned", tree)
    (tree / "letters/eicar.com").write_text(EICAR)
    point = service.back_up(arn)["RecoveryPointArn"]
    job = scanned(service, point, "FULL_SCAN")
    assert (job["State"], job["ScanResult"]["ScanResultStatus"]) == ("COMPLETED", "THREATS_FOUND")
    assert "letters/eicar.com (EICAR_Test_File)" in job["StatusMessage"]
    where = ("--backup-vault-name", "Default", "--recovery-point-arn", point)
    described = aws(service, "backup", "describe-recovery-point", *where)
    assert [result["Findings"] for result in described["ScanResults"]] == [["MALWARE"]]

    (tree / "letters/eicar.com").unlink()
    clean = service.back_up(arn)["RecoveryPointArn"]
    job = scanned(service, clean, "INCREMENTAL_SCAN")
    assert (job["ScanBaseRecoveryPointArn"], job["ScanResult"]["ScanResultStatus"]) == (
        point,
        "NO_THREATS_FOUND",
    )
    told = service.command("scan", point, "--json")
    assert told.returncode == 3, told.stderr
    assert json.loads(told.stdout)["result"] == "THREATS_FOUND"
    assert service.cli("scan", "--check-rules")["rules"] == 1
    client = service.client()
    own = [job["RecoveryPointArn"] for job in client.list_scan_jobs(ByResourceArn=arn)["ScanJobs"]]
    assert (len(own), set(own)) == (3, {point, clean})
    snapshot = {"BackupVaultName": "Default", "RecoveryPointArn": clean}
    asked = {**snapshot, "ScanEndTime": job["CreationDate"], "MalwareScanner": "GUARDDUTY"}
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.get_pitr_malware_scan_results(**asked)
    listed = aws(service, "backup", "list-scan-jobs", "--by-scan-result-status", "THREATS_FOUND")["ScanJobs"]
    assert {job["RecoveryPointArn"] for job in listed if job["ResourceArn"] == arn} == {point}
