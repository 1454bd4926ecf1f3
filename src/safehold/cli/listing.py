"""Lists of the API, gathered and in our own words, for the CLI's tables and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from safehold.api.local import LocalClient
from safehold.cli.options import size_text

PAGE = 1000


def paged(client: LocalClient, operation: str, key: str, **request: Any) -> Iterator[Mapping[str, Any]]:
    """Every entry of a list of the API, page after page."""
    token = None
    while True:
        answer = client.call(operation, NextToken=token, **request)
        yield from answer[key]
        token = answer.get("NextToken")
        if not token:
            return


def job_rows(
    client: LocalClient, *, kind: str | None = None, state: str | None = None, limit: int
) -> list[dict[str, Any]]:
    """Backup and restore jobs, newest first, at most `limit`."""
    rows: list[dict[str, Any]] = []
    if kind != "restore":
        answer = client.call("ListBackupJobs", ByState=state, MaxResults=limit)
        rows += [_backup_job(job) for job in answer["BackupJobs"]]
    if kind != "backup" and state not in ONLY_OF_BACKUPS:
        answer = client.call("ListRestoreJobs", ByStatus=state, MaxResults=limit)
        rows += [restore_job(job) for job in answer["RestoreJobs"]]
    return sorted(rows, key=lambda row: row["created_at"], reverse=True)[:limit]


ONLY_OF_BACKUPS = frozenset({"CREATED", "ABORTING", "EXPIRED", "PARTIAL"})


def point_rows(
    client: LocalClient, *, vault: str | None = None, resource: str | None = None, limit: int
) -> list[dict[str, Any]]:
    """Recovery points of one vault or of all, newest first, at most `limit`."""
    names = [vault] if vault else vault_names(client)
    rows = [
        _point(point)
        for name in names
        for point in client.call(
            "ListRecoveryPointsByBackupVault", BackupVaultName=name, ByResourceArn=resource, MaxResults=limit
        )["RecoveryPoints"]
    ]
    return sorted(rows, key=lambda row: row["created_at"], reverse=True)[:limit]


def vault_names(client: LocalClient) -> list[str]:
    return [vault["BackupVaultName"] for vault in paged(client, "ListBackupVaults", "BackupVaultList")]


def _backup_job(job: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": "backup",
        "job_id": job["BackupJobId"],
        "state": job["State"],
        "percent": job.get("PercentDone"),
        "size_bytes": job.get("BackupSizeInBytes"),
        "size": size_text(job.get("BackupSizeInBytes")),
        "resource": job.get("ResourceName") or job["ResourceArn"],
        "resource_arn": job["ResourceArn"],
        "vault": job.get("BackupVaultName"),
        "recovery_point_arn": job.get("RecoveryPointArn"),
        "created_at": job["CreationDate"],
        "completed_at": job.get("CompletionDate"),
        "message": job.get("StatusMessage"),
    }


def restore_job(job: Mapping[str, Any]) -> dict[str, Any]:
    """A restore job as lists and `restore` show it."""
    return {
        "kind": "restore",
        "job_id": job["RestoreJobId"],
        "state": job["Status"],
        "percent": job.get("PercentDone"),
        "size_bytes": job.get("BackupSizeInBytes"),
        "size": size_text(job.get("BackupSizeInBytes")),
        "resource": (job.get("SourceResourceArn") or "").split(":", 5)[-1] or None,
        "resource_arn": job.get("SourceResourceArn"),
        "vault": (job.get("BackupVaultArn") or "").rpartition(":")[2] or None,
        "recovery_point_arn": job.get("RecoveryPointArn"),
        "created_resource_arn": job.get("CreatedResourceArn"),
        "created_at": job["CreationDate"],
        "completed_at": job.get("CompletionDate"),
        "message": job.get("StatusMessage"),
    }


def _point(point: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "arn": point["RecoveryPointArn"],
        "vault": point["BackupVaultName"],
        "resource": point.get("ResourceName") or point["ResourceArn"],
        "resource_arn": point["ResourceArn"],
        "type": point["ResourceType"],
        "status": point["Status"],
        "size_bytes": point.get("BackupSizeInBytes"),
        "size": size_text(point.get("BackupSizeInBytes")),
        "created_at": point["CreationDate"],
        "delete_at": (point.get("CalculatedLifecycle") or {}).get("DeleteAt"),
    }
