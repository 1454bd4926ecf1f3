"""Vault locks through the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from safehold.core.errors import AccessDenied, InvalidParameterValue, InvalidRequest
from safehold.domain.vaults import Vault
from safehold.records import recovery_points, settings, tables, vault_locks, vaults
from safehold.records.engine import Catalog
from tests.api.job_world import NOW, POINT, VAULT_ARN, World

MAIN = {"BackupVaultName": "Main"}
IN_MAIN = {**MAIN, "RecoveryPointArn": POINT}
DAY = timedelta(days=1)


@pytest.fixture
def world(sqlite_catalog: Catalog) -> World:
    made = World(sqlite_catalog)
    with sqlite_catalog.begin() as tx:
        settings.put_key_export(tx, vault_of(made), is_proved=True, now=NOW)
    return made


def vault_of(world: World) -> Vault:
    with world.catalog.read() as tx:
        vault = vaults.find_by_arn(tx, VAULT_ARN)
    assert vault is not None
    return vault


def lock(world: World, **wanted: int) -> None:
    assert world.client().call("PutBackupVaultLockConfiguration", **MAIN, **wanted) == {}


def shown(world: World) -> dict:
    client = world.client()
    (listed,) = client.call("ListBackupVaults")["BackupVaultList"]
    described = client.call("DescribeBackupVault", **MAIN)
    names = ("Locked", "MinRetentionDays", "MaxRetentionDays", "LockDate")
    found = {name: described.get(name) for name in names}
    assert found == {name: listed.get(name) for name in names}
    return found


def lock_of(days: timedelta | None, shortest: int | None = None, longest: int | None = None) -> dict:
    date = None if days is None else NOW + days
    return {"Locked": True, "MinRetentionDays": shortest, "MaxRetentionDays": longest, "LockDate": date}


NO_LOCK = {"Locked": False, "MinRetentionDays": None, "MaxRetentionDays": None, "LockDate": None}


def test_a_lock_is_shown_replaced_as_a_whole_and_taken_off(world: World) -> None:
    assert shown(world) == NO_LOCK
    lock(world, MinRetentionDays=7, MaxRetentionDays=30, ChangeableForDays=3)
    assert shown(world) == lock_of(3 * DAY, 7, 30)
    lock(world, MaxRetentionDays=90)
    assert shown(world) == lock_of(None, None, 90)
    for _ in range(2):
        world.client().call("DeleteBackupVaultLockConfiguration", **MAIN)
        assert shown(world) == NO_LOCK


def test_when_its_date_has_passed_a_lock_stays_for_ever(world: World) -> None:
    lock(world, ChangeableForDays=3)
    world.clock.at = NOW + 3 * DAY - timedelta(seconds=1)
    lock(world, MinRetentionDays=1, ChangeableForDays=4)
    expected = {**lock_of(None, 1), "LockDate": world.clock.at + 4 * DAY}
    world.clock.at += 4 * DAY
    for operation in ("PutBackupVaultLockConfiguration", "DeleteBackupVaultLockConfiguration"):
        with pytest.raises(InvalidRequest, match="lock date has passed"):
            world.client().call(operation, **MAIN)
    assert shown(world) == expected


def test_a_clock_that_is_put_back_opens_no_lock_that_was_seen_final(world: World) -> None:
    lock(world, ChangeableForDays=3)
    with world.catalog.begin() as tx:
        vault_locks.mark_final(tx, vault_of(world).id)  # as a worker does once the date has passed
    world.clock.at = NOW - DAY
    with pytest.raises(InvalidRequest, match="lock date has passed"):
        world.client().call("DeleteBackupVaultLockConfiguration", **MAIN)


@pytest.mark.parametrize("days", [None, 3], ids=["governance", "cooling off"])
def test_while_it_is_locked_points_stay_as_they_are(world: World, days: int | None) -> None:
    lock(world, **({} if days is None else {"ChangeableForDays": days}))
    client = world.client()
    for operation in ("DeleteRecoveryPoint", "UpdateRecoveryPointLifecycle"):
        with pytest.raises(InvalidRequest, match=r"\(Backup vault configured with Lock\)"):
            client.call(operation, **IN_MAIN)
    with pytest.raises(InvalidRequest, match="contains recovery points"):
        client.call("DeleteBackupVault", **MAIN)
    client.call("DeleteBackupVaultLockConfiguration", **MAIN)
    client.call("DeleteRecoveryPoint", **IN_MAIN)


@pytest.mark.parametrize(
    "wanted",
    [{"MinRetentionDays": 0}, {"MinRetentionDays": 2, "MaxRetentionDays": 1}, {"ChangeableForDays": 2}],
    ids=str,
)
def test_a_lock_that_cannot_be_changes_nothing(world: World, wanted: dict) -> None:
    with pytest.raises(InvalidParameterValue):
        world.client().call("PutBackupVaultLockConfiguration", **MAIN, **wanted)
    assert shown(world) == NO_LOCK


def test_a_vault_whose_keys_are_kept_nowhere_else_is_not_locked(world: World) -> None:
    with world.catalog.begin() as tx:
        settings.put_key_export(tx, vault_of(world), is_proved=False, now=NOW)
    with pytest.raises(InvalidRequest, match=r"safehold keys export --vault Main"):
        world.client().call("PutBackupVaultLockConfiguration", **MAIN)
    assert shown(world) == NO_LOCK


def test_a_vault_where_nothing_can_be_locked_is_not_locked(world: World) -> None:
    with world.catalog.begin() as tx:
        settings.put_can_lock(tx, vault_of(world), can_lock=False, now=NOW)
    with pytest.raises(InvalidRequest, match="objects cannot be locked where it lives"):
        world.client().call("PutBackupVaultLockConfiguration", **MAIN)


def test_a_vault_that_is_not_there_is_refused_as_everywhere(world: World) -> None:
    for operation in ("PutBackupVaultLockConfiguration", "DeleteBackupVaultLockConfiguration"):
        with pytest.raises(AccessDenied):
            world.client().call(operation, BackupVaultName="none")


def test_a_vault_that_was_locked_for_good_is_gone_when_empty(world: World) -> None:
    with world.catalog.begin() as tx:
        recovery_points.forget(tx, "p-1")
        tx.execute(update(tables.vault).values(is_locked=True, lock_is_final=True))
        vault_locks.put(tx, "v-1", vault_locks.Locking(done=1))
    world.client().call("DeleteBackupVault", **MAIN)
    with world.catalog.read() as tx:
        assert vault_locks.of(tx, "v-1") == vault_locks.Locking()
