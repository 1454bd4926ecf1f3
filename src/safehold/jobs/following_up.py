"""What a backup's request asks for once its point is there: each thing is a job of its own."""

from __future__ import annotations

from datetime import datetime

from safehold.core.errors import InvalidParameterValue
from safehold.core.ids import new_id, new_upper_id
from safehold.domain.backup_requests import BackupRequest, CopyRequest, CreatedBy, PlannedScan
from safehold.domain.copy_requests import Destination, copy_job, destination_of, lifecycle_of_copy
from safehold.domain.jobs import Job
from safehold.domain.point_indexes import index_job, new_index
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.scans import ScanMode, ScanRequest, scan_job
from safehold.domain.vaults import Vault, VaultType
from safehold.records import jobs, point_indexes, vaults
from safehold.records.tx import Tx


def follow_up(tx: Tx, point: RecoveryPoint, request: BackupRequest, *, now: datetime) -> None:
    """The jobs that follow stand in the outbox, in the transaction that makes the point visible."""
    if request.index:
        index = new_index(point, new_id(), role_arn=point.role_arn, now=now)
        point_indexes.begin(tx, index, index_job(index, point, now=now))
    source = vaults.find_by_id(tx, point.vault_id) if request.copies else None
    if source is not None:
        for wanted in request.copies:
            target = vaults.find_by_arn(tx, wanted.destination_vault_arn)
            is_air_gapped = target is not None and target.vault_type is VaultType.AIR_GAPPED
            jobs.insert_job(tx, _copy(point, source, wanted, is_air_gapped=is_air_gapped, now=now))
    vault = vaults.find_by_id(tx, point.vault_id) if request.scans else None
    if vault is not None:
        for planned in request.scans:
            jobs.insert_job(tx, _scan(point, vault, planned, request.created_by, now=now))


def _scan(
    point: RecoveryPoint, vault: Vault, planned: PlannedScan, created_by: CreatedBy | None, *, now: datetime
) -> Job:
    wanted = ScanRequest(
        point_id=point.id,
        mode=ScanMode(planned.mode),
        scanner_role_arn=planned.scanner_role_arn,
        created_by=created_by,
    )
    return scan_job(new_upper_id(), point, vault, wanted, role_arn=point.role_arn, now=now)


def _copy(
    point: RecoveryPoint, source: Vault, wanted: CopyRequest, *, is_air_gapped: bool, now: datetime
) -> Job:
    """The copy that a rule asks for; one that cannot be made is a job too, which fails and says why."""
    arn = wanted.destination_vault_arn
    try:
        destination = destination_of(arn)
    except InvalidParameterValue:
        destination = Destination(arn, point.site, point.account_id, "")
    try:
        lifecycle = lifecycle_of_copy(point, wanted.lifecycle)
    except InvalidParameterValue:  # the rule's own days do not go with it: kept as the rule says
        lifecycle = wanted.lifecycle
    return copy_job(
        new_upper_id(),
        point,
        source,
        destination,
        lifecycle=lifecycle,
        role_arn=point.role_arn or "",
        now=now,
        is_air_gapped=is_air_gapped,
        created_by=point.created_by,
        backup_job_id=point.job_id,
    )
