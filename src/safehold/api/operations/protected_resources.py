"""Operations on protected resources: what was ever backed up and still has a recovery point."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from safehold.api import existing
from safehold.api.call import Call, operation
from safehold.api.pages import page_by_name
from safehold.core.errors import ResourceNotFound
from safehold.domain import arns
from safehold.domain.jobs import JobKind
from safehold.records import jobs, protected_resources, recovery_points
from safehold.records.jobs import JobFilter
from safehold.records.protected_resources import ProtectedResource


@operation("DescribeProtectedResource")
def describe_protected_resource(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The resource, its newest point, and how its latest restore went.

    Source: model 2018-11-15 `DescribeProtectedResource`; docs/parity/recovery-points.md, "protected".
    """
    arn = req["ResourceArn"]
    arns.parse(arn)
    found = protected_resources.find(call.tx, account_id=call.account_id, site=call.site, resource_arn=arn)
    if found is None:
        raise ResourceNotFound(f"Cannot find protected resource {arn}", context=arn)
    return {**_shown(found), **_latest_restore(call, arn)}


@operation("ListProtectedResources")
def list_protected_resources(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Protected resources of account and site by ARN. Source: model 2018-11-15 `ListProtectedResources`."""

    def fetch(after: str | None, limit: int) -> list[ProtectedResource]:
        return protected_resources.page(
            call.tx, account_id=call.account_id, site=call.site, after=after, limit=limit
        )

    return _page(call, req, fetch)


@operation("ListProtectedResourcesByBackupVault")
def list_protected_resources_by_backup_vault(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Resources with points in the vault by ARN; what is told of each is of its points there.

    Source: model 2018-11-15 `ListProtectedResourcesByBackupVault`.
    """
    shown_id = existing.shown_vault_id(call, existing.vault(call, req))

    def fetch(after: str | None, limit: int) -> list[ProtectedResource]:
        return protected_resources.page_of_vault(call.tx, vault_id=shown_id, after=after, limit=limit)

    return _page(call, req, fetch)


def _page(call: Call, req: Mapping[str, Any], fetch: Any) -> dict[str, Any]:
    found, token = page_by_name(call, req, fetch, name=lambda resource: resource.resource_arn)
    return {"Results": [_shown(resource) for resource in found], "NextToken": token}


def _latest_restore(call: Call, arn: str) -> dict[str, Any]:
    wanted = JobFilter(
        account_id=call.account_id,
        site=call.site,
        kind=JobKind.RESTORE,
        state="COMPLETED",
        resource_arn=arn,
    )
    restored = jobs.page(call.tx, wanted, limit=1)
    if not restored or restored[0].completed_at is None:
        return {}
    (job,) = restored
    taken = (job.completed_at or job.created_at) - job.created_at
    point_arn = job.recovery_point_arn
    point = point_arn and recovery_points.find_by_arn(call.tx, point_arn, account_id=call.account_id)
    return {
        "LatestRestoreExecutionTimeMinutes": -(-taken // timedelta(minutes=1)),  # begun minutes count
        "LatestRestoreJobCreationDate": job.created_at,
        "LatestRestoreRecoveryPointCreationDate": point.created_at if point else None,
    }


def _shown(resource: ProtectedResource) -> dict[str, Any]:
    return {
        "ResourceArn": resource.resource_arn,
        "ResourceType": resource.resource_type,
        "ResourceName": resource.resource_name,
        "LastBackupTime": resource.last_backup_at,
        "LastBackupVaultArn": resource.last_vault_arn,
        "LastRecoveryPointArn": resource.last_point_arn,
    }
