"""Operations on recovery points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from safehold.api import existing, lifecycles
from safehold.api.call import Call, operation
from safehold.api.operations.vaults import key_type
from safehold.api.pages import Moment, page_by_time
from safehold.api.point_marks import PointMarks
from safehold.core.errors import InvalidParameterValue
from safehold.domain import arns
from safehold.domain.backup_requests import CreatedBy
from safehold.domain.copy_requests import CopyJobRequest
from safehold.domain.jobs import JobKind
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.limits import AwsLimits
from safehold.domain.recovery_points import (
    PointStatus,
    RecoveryPoint,
    check_deletable,
    check_new_lifecycle,
    with_lifecycle,
)
from safehold.domain.vaults import Vault
from safehold.records import amendments, jobs, legal_holds, recovery_points, vaults
from safehold.records.amendments import AmendmentKind

STRICT_MIN_RESULTS_OF_RDS = 20  # Source: model 2018-11-15 `ListRecoveryPointsByResource`, note on Amazon RDS


@operation("DescribeRecoveryPoint")
def describe_recovery_point(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """One point. Source: model 2018-11-15 `DescribeRecoveryPoint`."""
    vault = existing.vault(call, req)
    point = existing.point(call, vault, req)
    marks = PointMarks(call, [point])
    own = {"StorageClass": point.storage_class, "SourceBackupVaultArn": _copied_from(call, point)}
    return {**_shown(point, vault), **own, **marks.told_alone(point)}


@operation("ListRecoveryPointsByBackupVault")
def list_recovery_points_by_backup_vault(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The vault's points that match all filters, newest first.

    Source: model 2018-11-15 `ListRecoveryPointsByBackupVault`; docs/parity/recovery-points.md, "list".
    """
    vault = existing.vault(call, req)
    resource_arn = req.get("ByResourceArn")
    if resource_arn is not None:
        _check_resource(resource_arn)

    shown_id = existing.shown_vault_id(call, vault)

    def fetch(after: Moment | None, limit: int) -> list[RecoveryPoint]:
        return recovery_points.page_of_vault(
            call.tx,
            vault_id=shown_id,
            resource_arn=resource_arn,
            resource_type=req.get("ByResourceType"),
            plan_id=req.get("ByBackupPlanId"),
            parent_arn=req.get("ByParentRecoveryPointArn"),
            created_before=req.get("ByCreatedBefore"),
            created_after=req.get("ByCreatedAfter"),
            after=after,
            limit=limit,
        )

    found, token = page_by_time(call, req, fetch, moment=_moment)
    marks = PointMarks(call, found)
    shown = [{**_shown(point, vault), **marks.told_in_a_list(point)} for point in found]
    return {"RecoveryPoints": shown, "NextToken": token}


@operation("ListRecoveryPointsByResource")
def list_recovery_points_by_resource(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The resource's points in all vaults of this account and site, newest first; none is no error.

    Source: model 2018-11-15 `ListRecoveryPointsByResource`; docs/parity/recovery-points.md, "list".
    """
    arn = req["ResourceArn"]
    _check_page_size(call, req, _check_resource(arn))

    def fetch(after: Moment | None, limit: int) -> list[RecoveryPoint]:
        return recovery_points.page_of_resource(
            call.tx,
            account_id=call.account_id,
            site=call.site,
            resource_arn=arn,
            after=after,
            limit=limit,
        )

    found, token = page_by_time(call, req, fetch, moment=_moment)
    known = {vault_id: vaults.find_by_id(call.tx, vault_id) for vault_id in {p.vault_id for p in found}}
    marks = PointMarks(call, found)
    shown = [
        {**_shown_by_resource(p, vault), **marks.told_in_a_list(p)}
        for p in found
        if (vault := known[p.vault_id]) is not None
    ]
    return {"RecoveryPoints": shown, "NextToken": token}


@operation("GetRecoveryPointRestoreMetadata")
def get_recovery_point_restore_metadata(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the resource was like when it was backed up, as StartRestoreJob takes it back.

    Source: model 2018-11-15 `GetRecoveryPointRestoreMetadata`.
    """
    vault = existing.vault(call, req)
    point = existing.point(call, vault, req)
    return {
        "BackupVaultArn": vault.arn,
        "RecoveryPointArn": point.arn,
        "ResourceType": point.resource_type,
        "RestoreMetadata": {**point.restore_metadata, "aws:backup:request-id": call.request_id},
    }


@operation("UpdateRecoveryPointLifecycle")
def update_recovery_point_lifecycle(call: Call, req: Mapping[str, Any]) -> Mapping[str, Any]:
    """The point has this lifecycle instead of its own: days that the request leaves out become "never".

    Source: model 2018-11-15 `UpdateRecoveryPointLifecycle`; docs/parity/recovery-points.md, "lifecycle".
    """
    vault = existing.vault_to_change(call, req)
    point = existing.point_to_change(call, vault, req)
    wanted = _wanted_lifecycle(point, req)
    check_new_lifecycle(point, vault, wanted, now=call.now)
    changed = with_lifecycle(point, wanted)
    recovery_points.update_point(
        call.tx, point.id, lifecycle=wanted, delete_at=changed.delete_at, move_at=changed.move_at
    )
    amendments.add(call.tx, point, AmendmentKind.LIFECYCLE, _lifecycle_fact(changed), now=call.now)
    recovery_points.tell(call.tx, changed, "MODIFIED", at=call.now)
    return {
        "BackupVaultArn": vault.arn,
        "RecoveryPointArn": point.arn,
        "Lifecycle": lifecycles.shown(wanted),
        "CalculatedLifecycle": _calculated(changed),
    }


@operation("DeleteRecoveryPoint")
def delete_recovery_point(call: Call, req: Mapping[str, Any]) -> None:
    """The point is being deleted: it stays listed as DELETING until its vault knows.

    Source: model 2018-11-15 `DeleteRecoveryPoint`; docs/parity/recovery-points.md, "delete".
    """
    # ORDER: the vault's row first, here and where points come and go (records/recovery_points.py).
    vault = existing.vault_to_change(call, req)
    point = existing.point_to_change(call, vault, req)
    check_deletable(
        point,
        vault,
        has_children=recovery_points.has_children(call.tx, point),
        is_held=legal_holds.is_point_held(call.tx, point.id),
    )
    recovery_points.update_point(call.tx, point.id, status=PointStatus.DELETING)
    fact = {"by": call.principal.arn, "reason": "request"}
    amendments.add(call.tx, point, AmendmentKind.DELETION, fact, now=call.now)


def _check_resource(arn: str) -> str:
    """The type of that resource. Raises InvalidParameterValue for any other ARN, as of a recovery point."""
    resource_type = arns.resource_type_of(arn)
    if resource_type is None:
        raise InvalidParameterValue(f"Unsupported resource type: {arn}")
    return resource_type


def _check_page_size(call: Call, req: Mapping[str, Any], resource_type: str) -> None:
    is_small = (req.get("MaxResults") or STRICT_MIN_RESULTS_OF_RDS) < STRICT_MIN_RESULTS_OF_RDS
    if is_small and resource_type == "RDS" and call.config.aws_limits == AwsLimits.STRICT:
        raise InvalidParameterValue(f"MaxResults must be at least {STRICT_MIN_RESULTS_OF_RDS} for Amazon RDS")


def _wanted_lifecycle(point: RecoveryPoint, req: Mapping[str, Any]) -> Lifecycle:
    wanted = lifecycles.read(req.get("Lifecycle")) or Lifecycle()
    # The event is AWS Backup's own doing: nobody can ask for it, and no other change takes it away.
    event = None if point.lifecycle is None else point.lifecycle.delete_after_event
    return replace(wanted, delete_after_event=event)


def _lifecycle_fact(point: RecoveryPoint) -> dict[str, Any]:
    fact: dict[str, Any] = msgspec.to_builtins(
        {"lifecycle": point.lifecycle, "delete_at": point.delete_at, "move_at": point.move_at}
    )
    return fact


def _copied_from(call: Call, point: RecoveryPoint) -> str | None:
    """The vault that a copy was made from; None for what a backup made."""
    job = jobs.find(call.tx, point.job_id)
    is_copy = job is not None and job.kind is JobKind.COPY
    return CopyJobRequest.from_json(job.request).source_vault_arn if job and is_copy else None


def _moment(point: RecoveryPoint) -> Moment:
    return (point.created_at, point.id)


def _shown(point: RecoveryPoint, vault: Vault) -> dict[str, Any]:
    return {
        "RecoveryPointArn": point.arn,
        "BackupVaultName": vault.name,
        "BackupVaultArn": vault.arn,
        "ResourceArn": point.resource_arn,
        "ResourceType": point.resource_type,
        "ResourceName": point.resource_name,
        "CreatedBy": _creator(point.created_by),
        "IamRoleArn": point.role_arn,
        "Status": point.status,
        "StatusMessage": point.status_message,
        "CreationDate": point.created_at,
        "InitiationDate": point.created_at,
        "CompletionDate": point.completed_at,
        "BackupSizeInBytes": point.size_bytes,
        "CalculatedLifecycle": _calculated(point),
        "Lifecycle": lifecycles.shown(point.lifecycle),
        "EncryptionKeyArn": point.key_arn or vault.key_arn,
        "EncryptionKeyType": key_type(vault),
        "IsEncrypted": True,
        "LastRestoreTime": point.restored_at,
        "ParentRecoveryPointArn": point.parent_arn,
        "IsParent": point.is_parent,
        "VaultType": vault.vault_type,
    }


def _shown_by_resource(point: RecoveryPoint, vault: Vault) -> dict[str, Any]:
    return {
        "RecoveryPointArn": point.arn,
        "CreationDate": point.created_at,
        "Status": point.status,
        "StatusMessage": point.status_message,
        "EncryptionKeyArn": point.key_arn or vault.key_arn,
        "EncryptionKeyType": key_type(vault),
        "BackupSizeBytes": point.size_bytes,
        "BackupVaultName": vault.name,
        "IsParent": point.is_parent,
        "ParentRecoveryPointArn": point.parent_arn,
        "ResourceName": point.resource_name,
        "VaultType": vault.vault_type,
    }


def _calculated(point: RecoveryPoint) -> dict[str, Any]:
    return {"DeleteAt": point.delete_at, "MoveToColdStorageAt": point.move_at}


def _creator(creator: CreatedBy | None) -> dict[str, Any] | None:
    if creator is None:
        return None
    return {
        "BackupPlanId": creator.plan_id,
        "BackupPlanArn": creator.plan_arn,
        "BackupPlanName": creator.plan_name,
        "BackupPlanVersion": creator.plan_version,
        "BackupRuleId": creator.rule_id,
        "BackupRuleName": creator.rule_name,
        "BackupRuleCron": creator.rule_cron,
        "BackupRuleTimezone": creator.rule_timezone,
    }
