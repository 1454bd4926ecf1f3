"""A vault is locked and a case is held, through the stock client, a real worker and a real folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from safehold.core.clock import SystemClock
from safehold.store.backends.contract import LockMode
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.points.locking import LOCKED_FOLDERS, first_version
from tests.fixtures.service import Service, eventually
from tests.journeys.conftest import refused

pytestmark = pytest.mark.slow


def lock_of(service: Service, vault: str) -> dict[str, Any]:
    (found,) = [each for each in service.cli("status")["locks"] if each["vault"] == vault]
    return dict(found)


def place(service: Service, vault: str) -> LockingLocalBackend:
    (row,) = service.cli("keys", "export", "--vault", vault, "--plain")["vaults"]
    return LockingLocalBackend(service.data / "vaults" / row["vault_id"])


def locked_objects(backend: LockingLocalBackend) -> set[str]:
    """Names of objects that are kept for a month and more, in whatever mode."""
    month = SystemClock().now().timestamp() + 30 * 86_400
    names = [info.name for folder in LOCKED_FOLDERS for info in backend.list(folder)]
    kept = {name: backend.retention(first_version(backend, name)) for name in names}
    return {name for name, each in kept.items() if each is not None and each.until.timestamp() > month}


def test_a_vault_is_locked_and_nothing_in_it_is_deleted(service: Service, tree: Path, tmp_path: Path) -> None:
    client, vault = service.client(), {"BackupVaultName": "kept"}
    client.create_backup_vault(**vault)
    arn = service.add_source("kept", tree)
    point = {**vault, "RecoveryPointArn": service.back_up(arn, "kept")["RecoveryPointArn"]}
    lock = {**vault, "MinRetentionDays": 7, "ChangeableForDays": 3}
    message = refused(client.put_backup_vault_lock_configuration, **lock)
    assert message.startswith("InvalidRequestException: Backup vault kept cannot be locked yet")

    service.cli("keys", "export", "--vault", "kept", "--plain", "--out", tmp_path / "kit")
    service.cli("keys", "prove", tmp_path / "kit")
    client.put_backup_vault_lock_configuration(**lock)
    described = client.describe_backup_vault(**vault)
    assert (described["Locked"], described["MinRetentionDays"]) == (True, 7)
    assert (described["LockDate"] - SystemClock().now()).total_seconds() > 2.9 * 86_400

    locked = "RecoveryPoint cannot be deleted or updated (Backup vault configured with Lock)"
    expected = f"InvalidRequestException: {locked}"
    assert refused(client.delete_recovery_point, **point) == expected
    shorter = {"Lifecycle": {"DeleteAfterDays": 1}}
    assert refused(client.update_recovery_point_lifecycle, **point, **shorter) == expected
    assert "ERROR_9101" in str(refused_code(client.delete_backup_vault, **vault))
    backend = place(service, "kept")
    assert eventually(lambda: any(name.startswith("points/") for name in locked_objects(backend)))
    assert lock_of(service, "kept")["alarms"] == []

    second = service.back_up(arn, "kept")
    assert second["State"] == "COMPLETED"
    kept = locked_objects(backend)
    assert {name.split("/")[0] for name in kept} >= {"keys", "points"}
    modes = {backend.retention(first_version(backend, name)).mode for name in kept}  # type: ignore[union-attr]
    assert modes == {LockMode.GOVERNANCE}
    assert service.restore(point["RecoveryPointArn"], CreationToken="kept")["Status"] == "COMPLETED"

    client.delete_backup_vault_lock_configuration(**vault)
    client.delete_recovery_point(**point)


def refused_code(call: Any, **members: Any) -> object:
    with pytest.raises(ClientError) as told:
        call(**members)
    return told.value.response.get("Code")


def test_a_case_is_held_until_it_is_over(service: Service, tree: Path) -> None:
    client, vault = service.client(), {"BackupVaultName": "case"}
    client.create_backup_vault(**vault)
    arn = service.add_source("case", tree)
    point = {**vault, "RecoveryPointArn": service.back_up(arn, "case")["RecoveryPointArn"]}
    made = client.create_legal_hold(
        Title="case", Description="17", RecoveryPointSelection={"ResourceIdentifiers": [arn]}
    )
    named = {"LegalHoldId": made["LegalHoldId"]}
    assert refused(client.delete_recovery_point, **point).startswith("InvalidRequestException")

    def status() -> str:
        return str(client.get_legal_hold(**named)["Status"])

    assert eventually(lambda: status() == "ACTIVE")
    assert made["LegalHoldId"] in [hold["LegalHoldId"] for hold in client.list_legal_holds()["LegalHolds"]]
    (held,) = client.list_recovery_points_by_legal_hold(**named)["RecoveryPoints"]
    assert held["RecoveryPointArn"] == point["RecoveryPointArn"]
    backend = place(service, "case")
    (record,) = [info.name for info in backend.list("points/")]
    assert backend.is_held(first_version(backend, record))

    client.cancel_legal_hold(**named, CancelDescription="over")
    assert eventually(lambda: status() == "CANCELED")
    assert not backend.is_held(first_version(backend, record))
    client.delete_recovery_point(**point)


def test_an_air_gapped_vault_is_made_filled_and_restored_from(service: Service, tree: Path) -> None:
    client, vault = service.client(), {"BackupVaultName": "gapped"}
    client.create_logically_air_gapped_backup_vault(**vault, MinRetentionDays=7, MaxRetentionDays=60)
    assert eventually(lambda: client.describe_backup_vault(**vault)["VaultState"] == "AVAILABLE")
    arn = service.add_source("gapped", tree)
    for_ever = service.back_up(arn, "gapped")
    assert (for_ever["State"], for_ever["StatusMessage"]) == (
        "FAILED",
        "Backup job failed because the lifecycle is outside the valid range for backup vault.",
    )
    started = client.start_backup_job(
        **vault, ResourceArn=arn, IamRoleArn=service.role_arn, Lifecycle={"DeleteAfterDays": 8}
    )
    job = service.ended(started["BackupJobId"])
    assert job["State"] == "COMPLETED", job
    point_arn = job["RecoveryPointArn"]
    message = refused(client.delete_recovery_point, **vault, RecoveryPointArn=point_arn)
    assert "Backup vault configured with Lock" in message
    backend = place(service, "gapped")
    (record,) = [info.name for info in backend.list("points/")]
    kept = backend.retention(first_version(backend, record))
    assert kept is not None
    assert kept.mode is LockMode.COMPLIANCE
    client.associate_backup_vault_mpa_approval_team(
        **vault, MpaApprovalTeamArn="arn:aws:mpa:us-east-1:123456789012:approval-team/keepers/1"
    )
    source = client.describe_backup_vault(**vault)["BackupVaultArn"]
    view = client.create_restore_access_backup_vault(SourceBackupVaultArn=source, BackupVaultName="view")
    assert view["VaultState"] == "AVAILABLE"
    (shown,) = client.list_recovery_points_by_backup_vault(BackupVaultName="view")["RecoveryPoints"]
    assert service.restore(shown["RecoveryPointArn"], CreationToken="view")["Status"] == "COMPLETED"
    access_is_taken_back(client, view["RestoreAccessBackupVaultArn"])


def access_is_taken_back(client: Any, view: str) -> None:
    vault = {"BackupVaultName": "gapped"}

    def views() -> list[str]:
        listed = client.list_restore_access_backup_vaults(**vault)["RestoreAccessBackupVaults"]
        return [each["RestoreAccessBackupVaultArn"] for each in listed]

    assert views() == [view]
    client.revoke_restore_access_backup_vault(**vault, RestoreAccessBackupVaultArn=view)
    assert views() == []
    client.disassociate_backup_vault_mpa_approval_team(**vault)
    pending = client.describe_backup_vault(**vault)["LatestMpaApprovalTeamUpdate"]
    assert pending["Status"] == "PENDING", "one team is left, and it has to agree to go"
