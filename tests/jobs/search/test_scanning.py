"""Scans of real points by real rules: what is found, what is looked at again, what is said of trouble."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from safehold.core.errors import InvalidParameterValue, ResourceNotFound
from safehold.domain import arns
from safehold.domain.backup_requests import BackupRequest, PlannedScan
from safehold.domain.jobs import JobKind
from safehold.domain.roles import DEFAULT_ROLE_NAME, DEFAULT_ROLE_PATH
from safehold.domain.scans import ScanMode
from safehold.jobs.scanning import ScanTarget
from safehold.records import jobs
from tests.jobs.search.conftest import BOX, Library, files, steps_with

pytestmark = pytest.mark.slow

# In two halves, so that no scanner trips over this file.
HEAD, TAIL = "X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
EICAR = (HEAD + TAIL).encode()
MIB = 1 << 20


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Paths of everything that was looked at."""
    seen: list[bytes] = []
    look = ScanTarget._look

    def noted(target: ScanTarget, path: bytes, scan: Any) -> None:
        seen.append(path)
        look(target, path, scan)

    monkeypatch.setattr(ScanTarget, "_look", noted)
    return seen


def role(library: Library) -> str:
    return arns.role_arn(library.house.account_id, DEFAULT_ROLE_PATH, DEFAULT_ROLE_NAME)


def start(library: Library, point: str, mode: str = "FULL_SCAN", **more: Any) -> str:
    started = library.client.call(
        "StartScanJob",
        BackupVaultName="Default",
        RecoveryPointArn=point,
        IamRoleArn=role(library),
        ScannerRoleArn=role(library),
        MalwareScanner="GUARDDUTY",
        ScanMode=mode,
        **more,
    )
    job_id: str = started["ScanJobId"]
    return job_id


def scan(library: Library, point: str, mode: str = "FULL_SCAN", **more: Any) -> Any:
    """A scan that a worker has done, as the API tells it."""
    job_id = start(library, point, mode, **more)
    library.run(job_id)
    return library.client.call("DescribeScanJob", ScanJobId=job_id)


def point_of(library: Library) -> str:
    arn = library.house.back_up().recovery_point_arn
    assert arn is not None
    return arn


def told(library: Library, point: str) -> tuple[Any, Any]:
    """What a point's description and its line in a list say of scans."""
    client = library.client
    alone = client.call("DescribeRecoveryPoint", BackupVaultName="Default", RecoveryPointArn=point)
    listed = client.call("ListRecoveryPointsByBackupVault", BackupVaultName="Default")["RecoveryPoints"]
    (line,) = [each for each in listed if each["RecoveryPointArn"] == point]
    return alone.get("ScanResults"), line.get("AggregatedScanResult")


def test_the_test_string_is_found_and_the_point_is_marked(library: Library) -> None:
    files(library.house.tree, "clean.txt", "folder/also-clean.txt")
    (library.house.tree / "folder/eicar.com").write_bytes(EICAR)
    point = point_of(library)
    assert told(library, point) == (None, None)
    job = scan(library, point)
    assert (job["State"], job["ScanResult"]) == ("COMPLETED", {"ScanResultStatus": "THREATS_FOUND"})
    assert "folder/eicar.com (EICAR_Test_File)" in job["StatusMessage"]
    alone, line = told(library, point)
    assert [(each["ScanJobState"], each["Findings"]) for each in alone] == [("COMPLETED", ["MALWARE"])]
    assert (line["FailedScan"], line["Findings"]) == (False, ["MALWARE"])


def test_a_clean_point_is_told_to_be_so(library: Library) -> None:
    files(library.house.tree, "clean.txt", HEAD, TAIL.replace("/", ""))
    point = point_of(library)
    job = scan(library, point)
    assert (job["State"], job["StatusMessage"]) == ("COMPLETED", None)
    assert job["ScanResult"] == {"ScanResultStatus": "NO_THREATS_FOUND"}
    assert told(library, point)[0][0]["Findings"] == []


def test_a_large_file_is_seen_whole_whatever_it_is_cut_into(library: Library, tmp_path: Path) -> None:
    data = bytearray(os.urandom(9 * MIB))
    for offset in (0, 4 * MIB - 30, len(data) - len(EICAR)):
        data[offset : offset + len(EICAR)] = EICAR
    (library.house.tree / "image.raw").write_bytes(data)
    with (library.house.tree / "holes.raw").open("wb") as file:
        file.seek(40 * MIB)
        file.write(EICAR)
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "size.yar").write_text(
        f'rule whole {{ strings: $a = "EICAR-STANDARD" condition: #a == 3 and filesize == {len(data)} }}'
    )
    library.steps = steps_with(library.house, BOX, rules=rules)
    job = scan(library, point_of(library))
    assert "2 items" in job["StatusMessage"]
    assert "image.raw (EICAR_Test_File, whole)" in job["StatusMessage"]


def test_an_incremental_scan_looks_at_what_changed_and_at_what_was_found_before(
    library: Library, scanned: list[bytes]
) -> None:
    files(library.house.tree, *(f"same/{n}" for n in range(20)), "old/x")
    (library.house.tree / "old/eicar").write_bytes(EICAR)
    first = point_of(library)
    assert scan(library, first, "INCREMENTAL_SCAN")["ScanBaseRecoveryPointArn"] is None
    assert len(scanned) == 22, "nothing was scanned before, so everything is"

    scanned.clear()
    files(library.house.tree, "new/1")
    shutil.move(library.house.tree / "old", library.house.tree / "renamed")
    second = point_of(library)
    job = scan(library, second, "INCREMENTAL_SCAN")
    assert sorted(scanned) == [b"new/1", b"renamed/eicar"]
    assert (job["ScanBaseRecoveryPointArn"], job["ScanResult"]["ScanResultStatus"]) == (
        first,
        "THREATS_FOUND",
    )

    scanned.clear()
    (library.house.tree / "renamed/eicar").unlink()
    third = point_of(library)
    job = scan(library, third, "INCREMENTAL_SCAN", ScanBaseRecoveryPointArn=first)
    assert sorted(scanned) == [b"new/1", b"renamed/x"], "a folder renamed and changed is one that came"
    assert job["ScanResult"]["ScanResultStatus"] == "NO_THREATS_FOUND"

    scanned.clear()
    job = scan(library, point_of(library), "INCREMENTAL_SCAN")
    assert (scanned, job["ScanBaseRecoveryPointArn"]) == ([], third)
    assert job["ScanResult"]["ScanResultStatus"] == "NO_THREATS_FOUND"


def test_an_item_that_could_not_be_scanned_is_told_and_nothing_goes_on_from_there(library: Library) -> None:
    files(library.house.tree, "small")
    (library.house.tree / "large").write_bytes(os.urandom(5 * MIB))
    point = point_of(library)
    library.steps = steps_with(library.house, BOX, largest_bytes=MIB)
    job = scan(library, point)
    assert job["State"] == "COMPLETED_WITH_ISSUES"
    assert job["ScanResult"]["ScanResultStatus"] == "NO_THREATS_FOUND"
    assert "large: has 5242880 bytes" in job["StatusMessage"]
    library.steps = steps_with(library.house, BOX)
    assert scan(library, point_of(library), "INCREMENTAL_SCAN")["ScanBaseRecoveryPointArn"] is None


def test_a_rule_that_does_not_compile_is_named_with_its_line(library: Library, tmp_path: Path) -> None:
    files(library.house.tree, "x")
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "mine.yar").write_text("rule good { condition: true }\nrule bad { condition: $a }")
    library.steps = steps_with(library.house, BOX, rules=rules)
    point = point_of(library)
    job = scan(library, point)
    assert (job["State"], job["ScanResult"]) == ("FAILED", {"ScanResultStatus": "UNKNOWN"})
    assert "mine.yar:2:" in job["StatusMessage"]
    assert "scan_rules" in job["StatusMessage"]
    assert told(library, point)[1]["FailedScan"] is True


def test_the_administrators_rules_count_too(library: Library, tmp_path: Path) -> None:
    files(library.house.tree, "salaries.txt", "other.txt")
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "mine.yara").write_text('rule EICAR_Test_File { strings: $a = "salaries" condition: $a }')
    (rules / "notes.txt").write_text("no rule")
    library.steps = steps_with(library.house, BOX, rules=rules)
    assert "salaries.txt (EICAR_Test_File)" in scan(library, point_of(library))["StatusMessage"]


def test_a_backup_is_scanned_when_its_plan_says_so(library: Library) -> None:
    (library.house.tree / "eicar").write_bytes(EICAR)
    planned = (PlannedScan(ScanMode.FULL, role(library)),)
    backup = library.house.back_up(BackupRequest(scans=planned))
    with library.house.catalog.read() as tx:
        (job,) = [
            one for one in jobs.waiting(tx, now=library.house.clock.at, limit=10) if one.kind is JobKind.SCAN
        ]
    library.run(job.id)
    (listed,) = library.client.call("ListScanJobs", ByScanResultStatus="THREATS_FOUND")["ScanJobs"]
    assert (listed["RecoveryPointArn"], listed["ScannerRoleArn"]) == (
        backup.recovery_point_arn,
        role(library),
    )


def test_scans_are_listed_by_what_they_are_about(library: Library) -> None:
    files(library.house.tree, "x")
    point = point_of(library)
    job_id = start(library, point, IdempotencyToken="t")
    assert start(library, point, IdempotencyToken="t") == job_id

    def listed(**filters: str) -> list[str]:
        return [job["ScanJobId"] for job in library.client.call("ListScanJobs", **filters)["ScanJobs"]]

    assert listed() == listed(ByState="CREATED") == listed(ByRecoveryPointArn=point) == [job_id]
    assert listed(ByBackupVaultName="Default", ByResourceType="EFS", ByMalwareScanner="GUARDDUTY") == [job_id]
    assert listed(ByState="COMPLETED") == listed(ByRecoveryPointArn="arn:other") == []
    library.run(job_id)
    assert listed(ByState="COMPLETED", ByScanResultStatus="NO_THREATS_FOUND") == [job_id]


def test_what_cannot_be_scanned_is_refused(library: Library) -> None:
    files(library.house.tree, "x")
    point = point_of(library)
    with pytest.raises(ResourceNotFound):
        start(library, "arn:nobody")
    with pytest.raises(InvalidParameterValue, match="INCREMENTAL_SCAN"):
        start(library, point, ScanBaseRecoveryPointArn=point)
    with pytest.raises(InvalidParameterValue, match="another recovery point"):
        start(library, point, "INCREMENTAL_SCAN", ScanBaseRecoveryPointArn=point)
    with pytest.raises(InvalidParameterValue, match="continuous"):
        start(library, point, ContinuousScanEndTime=library.house.clock.now())
    with pytest.raises(InvalidParameterValue, match="continuous"):
        library.client.call(
            "GetPITRMalwareScanResults",
            BackupVaultName="Default",
            RecoveryPointArn=point,
            ScanEndTime=library.house.clock.now(),
            MalwareScanner="GUARDDUTY",
        )
    with pytest.raises(ResourceNotFound):
        library.client.call("DescribeScanJob", ScanJobId="nope")
