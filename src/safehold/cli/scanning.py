"""What `scan` does: a scan job through the API, waited for."""

from __future__ import annotations

import threading
from typing import Any

from safehold.cli.installation import Installation
from safehold.cli.looking import named_point
from safehold.cli.restoring import somebody_working
from safehold.cli.working import looking_of
from safehold.domain.scans import SCANNER, ScanMode, ScanResult
from safehold.jobs.scan_rules import compile_rules

POLL_SECONDS = 0.1
RUNNING = ("CREATED", "RUNNING")
THREATS = ScanResult.THREATS


def scan(installation: Installation, name: str, *, incremental: bool) -> dict[str, Any]:
    """How the scan ended, and what it found. Raises RequestError."""
    point, vault = named_point(installation, name)
    client = installation.client
    with somebody_working(installation):
        started = client.call(
            "StartScanJob",
            BackupVaultName=vault.name,
            RecoveryPointArn=point.arn,
            IamRoleArn=installation.role_arn,
            ScannerRoleArn=installation.role_arn,
            MalwareScanner=SCANNER,
            ScanMode=str(ScanMode.INCREMENTAL if incremental else ScanMode.FULL),
        )
        pause = threading.Event()
        while True:
            job = client.call("DescribeScanJob", ScanJobId=started["ScanJobId"])
            if job["State"] not in RUNNING:
                break
            pause.wait(POLL_SECONDS)
    return {
        "scan_job_id": job["ScanJobId"],
        "recovery_point_arn": point.arn,
        "state": job["State"],
        "result": str(job["ScanResult"]["ScanResultStatus"]),
        "base_recovery_point_arn": job["ScanBaseRecoveryPointArn"],
        "message": job["StatusMessage"],
    }


def rules(installation: Installation) -> dict[str, Any]:
    """How many rules there are. Raises ConfigError: names the file, the line and what is wrong with it."""
    looking = looking_of(installation)
    return {"rules": compile_rules(looking.rules).count, "folder": str(looking.rules)}
