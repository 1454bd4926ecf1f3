"""What `search` does: a search job through the API, waited for, and what it found."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from safehold.api.local import LocalClient
from safehold.cli.installation import Installation
from safehold.cli.restoring import somebody_working
from safehold.core.errors import InvalidRequest
from safehold.domain.item_rows import BUCKET_TYPE
from safehold.domain.resource_types import SUPPORTED_TYPES
from safehold.domain.searches import VAULT_TAG

SERVICE = "backupsearch"
POLL_SECONDS = 0.1
RUNNING = ("RUNNING", "STOPPING")


@dataclass(frozen=True, slots=True)
class Wanted:
    """operator: of the patterns, as the API names it; an empty tuple or None asks nothing."""

    patterns: tuple[str, ...]
    operator: str
    types: tuple[str, ...]
    vault: str | None
    resources: tuple[str, ...]
    points: tuple[str, ...]
    tags: Mapping[str, str]
    min_size: int | None
    modified_since: datetime | None
    limit: int


def search(installation: Installation, wanted: Wanted) -> dict[str, Any]:
    """The first items found, and the points that could not be searched. Raises RequestError."""
    client = installation.client
    scope, filters = _scope(wanted), _filters(wanted)
    with somebody_working(installation):
        started = client.call("StartSearchJob", service_name=SERVICE, SearchScope=scope, ItemFilters=filters)
        job_id = started["SearchJobIdentifier"]
        job = _wait(client, job_id)
    if job["Status"] != "COMPLETED":
        raise InvalidRequest(f"the search ended as {job['Status']}: {job['StatusMessage']}")
    backups = list(_listed(client, "ListSearchJobBackups", job_id))
    at = {backup["BackupResourceArn"]: backup["BackupCreationTime"] for backup in backups}
    found = list(islice(_listed(client, "ListSearchJobResults", job_id), wanted.limit + 1))
    return {
        "search_job_id": job_id,
        "points": len(backups),
        "items": [_row(item, at) for item in found[: wanted.limit]],
        "is_cut_off": len(found) > wanted.limit,
        "unsearched": [_unsearched(backup) for backup in backups if backup["Status"] != "COMPLETED"],
    }


def _scope(wanted: Wanted) -> dict[str, Any]:
    tags = dict(wanted.tags) | ({VAULT_TAG: wanted.vault} if wanted.vault else {})
    return {
        "BackupResourceTypes": list(wanted.types or SUPPORTED_TYPES),
        "SourceResourceArns": list(wanted.resources),
        "BackupResourceArns": list(wanted.points),
        "BackupResourceTags": tags,
    }


def _filters(wanted: Wanted) -> dict[str, Any]:
    """The same for items with paths and for objects, as far as both have it."""
    types = set(wanted.types or SUPPORTED_TYPES)
    paths = [{"Value": pattern, "Operator": wanted.operator} for pattern in wanted.patterns]
    least = {"Value": wanted.min_size, "Operator": "GREATER_THAN_EQUAL_TO"}
    common: dict[str, Any] = {} if wanted.min_size is None else {"Sizes": [least]}
    since = {"Value": wanted.modified_since, "Operator": "GREATER_THAN_EQUAL_TO"}
    times = [since] if wanted.modified_since else []
    files = common | ({"FilePaths": paths} if paths else {})
    objects = common | ({"ObjectKeys": paths} if paths else {})
    files |= {"LastModificationTimes": times} if times else {}
    objects |= {"CreationTimes": times} if times else {}
    found: dict[str, Any] = {"EBSItemFilters": [files]} if files and types != {BUCKET_TYPE} else {}
    return found | ({"S3ItemFilters": [objects]} if objects and BUCKET_TYPE in types else {})


def _wait(client: LocalClient, job_id: str) -> Mapping[str, Any]:
    pause = threading.Event()
    while True:
        job = client.call("GetSearchJob", service_name=SERVICE, SearchJobIdentifier=job_id)
        if job["Status"] not in RUNNING:
            return job
        pause.wait(POLL_SECONDS)


def _listed(client: LocalClient, operation: str, job_id: str) -> Iterator[Mapping[str, Any]]:
    token = None
    while True:
        answer = client.call(operation, service_name=SERVICE, SearchJobIdentifier=job_id, NextToken=token)
        yield from answer["Results"]
        token = answer["NextToken"]
        if token is None:
            return


def _row(item: Mapping[str, Any], at: Mapping[str, datetime]) -> dict[str, Any]:
    (kind, found) = next(iter(item.items()))
    is_file = kind == "EBSResultItem"
    return {
        "path": found["FilePath" if is_file else "ObjectKey"],
        "size_bytes": found["FileSize" if is_file else "ObjectSize"],
        "modified_at": found["LastModifiedTime" if is_file else "CreationTime"],
        "backed_up_at": at[found["BackupResourceArn"]],
        "vault": found["BackupVaultName"],
        "resource_arn": found["SourceResourceArn"],
        "recovery_point_arn": found["BackupResourceArn"],
    }


def _unsearched(backup: Mapping[str, Any]) -> dict[str, Any]:
    return {"recovery_point_arn": backup["BackupResourceArn"], "message": backup["StatusMessage"]}
