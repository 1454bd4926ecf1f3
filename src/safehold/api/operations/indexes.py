"""Operations on search indexes of recovery points. Workers make and drop what these ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api import existing
from safehold.api.call import Call, operation
from safehold.api.pages import Moment, page_by_time
from safehold.api.pass_role import check_passable
from safehold.core.ids import new_id
from safehold.domain.limits import AwsLimits
from safehold.domain.point_indexes import IndexStatus, PointIndex, check_indexable, index_job, new_index
from safehold.domain.recovery_points import RecoveryPoint
from safehold.records import point_indexes, recovery_points, vaults

UNWANTED = frozenset({None, IndexStatus.DELETING})
MADE_OR_COMING = frozenset({IndexStatus.PENDING, IndexStatus.ACTIVE})


@operation("UpdateRecoveryPointIndexSettings")
def update_recovery_point_index_settings(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The point gets an index, or loses it; asking for what is so already changes nothing.

    Source: model 2018-11-15 `UpdateRecoveryPointIndexSettings`; docs/parity/search-indexes.md.
    """
    vault = existing.vault(call, req)
    point = existing.point_to_change(call, vault, req)
    role_arn = req.get("IamRoleArn")
    if role_arn is not None:
        check_passable(call, role_arn)
    if req["Index"] == "ENABLED":
        check_indexable(point, vault, AwsLimits(call.config.aws_limits))
        _want(call, point, role_arn)
    else:
        _give_up(call, point)
    now = point_indexes.find(call.tx, point.id)
    return {
        "BackupVaultName": vault.name,
        "RecoveryPointArn": point.arn,
        "Index": req["Index"],
        "IndexStatus": None if now is None else now.status,
    }


@operation("GetRecoveryPointIndexDetails")
def get_recovery_point_index_details(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The point's index; without a status where it has none.

    Source: model 2018-11-15 `GetRecoveryPointIndexDetails`; docs/parity/search-indexes.md.
    """
    vault = existing.vault(call, req)
    point = existing.point(call, vault, req)
    where = {
        "RecoveryPointArn": point.arn,
        "BackupVaultArn": vault.arn,
        "SourceResourceArn": point.resource_arn,
    }
    index = point_indexes.find(call.tx, point.id)
    return where if index is None else where | _details(index)


@operation("ListIndexedRecoveryPoints")
def list_indexed_recovery_points(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """Points of the account and site that have an index, whatever its status, newest first.

    Source: model 2018-11-15 `ListIndexedRecoveryPoints`.
    """

    def fetch(after: Moment | None, limit: int) -> list[PointIndex]:
        return point_indexes.page(
            call.tx,
            account_id=call.account_id,
            site=call.site,
            resource_arn=req.get("SourceResourceArn"),
            resource_type=req.get("ResourceType"),
            status=req.get("IndexStatus"),
            created_before=req.get("CreatedBefore"),
            created_after=req.get("CreatedAfter"),
            after=after,
            limit=limit,
        )

    found, token = page_by_time(
        call, req, fetch, moment=lambda index: (index.point_created_at, index.point_id)
    )
    arns = {vault_id: _vault_arn(call, vault_id) for vault_id in {index.vault_id for index in found}}
    points = recovery_points.of_many(call.tx, (index.point_id for index in found))
    shown = [
        _listed(index, point, arns[index.vault_id])
        for index in found
        if (point := points.get(index.point_id)) is not None
    ]
    return {"IndexedRecoveryPoints": shown, "NextToken": token}


def _want(call: Call, point: RecoveryPoint, role_arn: str | None) -> None:
    now = point_indexes.find(call.tx, point.id)
    if now is not None and now.status in MADE_OR_COMING:
        return
    index = new_index(point, new_id(), role_arn=role_arn or point.role_arn, now=call.now)
    point_indexes.begin(call.tx, index, index_job(index, point, now=call.now))


def _give_up(call: Call, point: RecoveryPoint) -> None:
    now = point_indexes.find(call.tx, point.id)
    if now is not None and now.status not in UNWANTED:
        point_indexes.update_index(call.tx, point.id, status=IndexStatus.DELETING)


def _details(index: PointIndex) -> dict[str, Any]:
    return {
        "IndexCreationDate": index.created_at,
        "IndexCompletionDate": index.completed_at,
        "IndexDeletionDate": index.deleted_at,
        "IndexStatus": index.status,
        "IndexStatusMessage": index.status_message,
        "TotalItemsIndexed": index.item_count,
    }


def _listed(index: PointIndex, point: RecoveryPoint, vault_arn: str | None) -> dict[str, Any]:
    return {
        "RecoveryPointArn": point.arn,
        "SourceResourceArn": index.resource_arn,
        "IamRoleArn": index.role_arn,
        "BackupCreationDate": index.point_created_at,
        "ResourceType": index.resource_type,
        "IndexCreationDate": index.created_at,
        "IndexStatus": index.status,
        "IndexStatusMessage": index.status_message,
        "BackupVaultArn": vault_arn,
    }


def _vault_arn(call: Call, vault_id: str) -> str | None:
    vault = vaults.find_by_id(call.tx, vault_id)
    return None if vault is None else vault.arn
