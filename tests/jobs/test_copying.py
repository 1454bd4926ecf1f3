"""Copy jobs from the row in the catalog to the copy's data: real steps, store and files."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from safehold.api.call import ApiConfig, Principal
from safehold.api.local import LocalClient
from safehold.core.ids import new_upper_id
from safehold.domain.backup_requests import BackupRequest, CopyRequest
from safehold.domain.copy_requests import Destination, copy_job, destination_of
from safehold.domain.jobs import Job, JobKind
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.recovery_points import RecoveryPoint
from safehold.domain.vaults import Vault, VaultType
from safehold.jobs.runners.copy import CopyRunner
from safehold.records import jobs, recovery_points, tags, vaults
from safehold.records.jobs import JobFilter
from safehold.records.tables import vault as table
from tests.jobs.test_runners import (
    House,
    contents,
    fill,
    house,  # noqa: F401  a fixture
    restored,
)

AWAY = "us-west-2"


@pytest.fixture
def away(house: House) -> Vault:  # noqa: F811
    """A vault of another site, with other keys."""
    return make_vault(house, "Away", AWAY)


def make_vault(house: House, name: str, site: str) -> Vault:  # noqa: F811
    principal = Principal(house.account_id, f"arn:aws:iam::{house.account_id}:root", house.account_id)
    config = ApiConfig(page_key=b"k" * 32)
    client = LocalClient(house.catalog, config, principal=principal, site=site, clock=house.clock)
    client.call("CreateBackupVault", BackupVaultName=name)
    with house.catalog.read() as tx:
        found = vaults.find(tx, account_id=house.account_id, site=site, name=name)
    assert found is not None
    return found


def point_of(house: House, point_id: str) -> RecoveryPoint:  # noqa: F811
    with house.catalog.read() as tx:
        point = recovery_points.find_by_id(tx, point_id.lower())
    assert point is not None
    return point


def wanted(house: House, backup: Job, destination: Destination, **options: Any) -> Job:  # noqa: F811
    facts: dict[str, Any] = {"lifecycle": None, "role_arn": "arn:aws:iam::1:role/r", "now": house.clock.at}
    point = point_of(house, backup.id)
    return copy_job(new_upper_id(), point, house.vault, destination, **facts | options)


def copied(house: House, backup: Job, target: Vault, **options: Any) -> Job:  # noqa: F811
    house.clock.at += timedelta(hours=1)
    return house.run(wanted(house, backup, destination_of(target.arn), **options))


def test_a_copy_restores_what_the_original_held(house: House, away: Vault) -> None:  # noqa: F811
    fill(house.tree)
    before = contents(house.tree)
    backup = house.back_up(BackupRequest(recovery_point_tags={"team": "red"}))
    job = copied(house, backup, away, lifecycle=Lifecycle(delete_after_days=9))
    assert (job.state, job.status_message, job.message_category) == ("COMPLETED", None, "SUCCESS")
    original, copy = point_of(house, backup.id), point_of(house, job.id)
    assert (copy.site, copy.vault_id, copy.arn) == (AWAY, away.id, job.request["destination_point_arn"])
    assert (copy.created_at, copy.size_bytes) == (original.created_at, original.size_bytes)
    assert copy.delete_at == original.created_at + timedelta(days=9)
    with house.catalog.read() as tx:
        assert tags.of(tx, copy.arn) == {"team": "red"}
    shutil.rmtree(house.tree)
    shutil.rmtree(_place(house, house.vault))  # the copy stands alone
    assert house.restore(job).state == "COMPLETED"
    assert contents(restored(house)) == before


def _place(house: House, vault: Vault) -> str:  # noqa: F811
    (found,) = house.tree.parent.glob(f"storage*/**/{vault.id}")
    return str(found)


def test_what_the_copy_before_held_is_not_moved_again(house: House, away: Vault) -> None:  # noqa: F811
    fill(house.tree)
    first = copied(house, house.back_up(), away)
    (house.tree / "three").write_bytes(b"three")
    second = copied(house, house.back_up(), away)
    assert first.result is not None
    assert second.result is not None
    assert second.result["stats"]["new_chunks"] < first.result["stats"]["new_chunks"]
    assert second.state == "COMPLETED"


def test_a_rule_s_copies_follow_its_backup(house: House, away: Vault) -> None:  # noqa: F811
    fill(house.tree)
    nowhere = away.arn + "x"
    request = BackupRequest(
        lifecycle=Lifecycle(delete_after_days=5),
        copies=(
            CopyRequest(away.arn),
            CopyRequest(nowhere, Lifecycle(delete_after_days=7)),
            CopyRequest("x"),
        ),
    )
    backup = house.back_up(request)
    assert (backup.state, backup.status_message) == ("COMPLETED", None)
    with house.catalog.read() as tx:
        waiting = jobs.page(tx, JobFilter(kind=JobKind.COPY), limit=9)
    ended = {}
    for job in waiting:
        house.attempt(job.id)
        ended[job.vault_arn] = house.job(job.id)
    done, missing, bad = ended[away.arn], ended[nowhere], ended["x"]
    assert (done.state, done.request["backup_job_id"]) == ("COMPLETED", backup.id)
    assert point_of(house, done.id).delete_at == point_of(house, backup.id).delete_at
    assert (missing.state, missing.status_message) == (
        "FAILED",
        f"Copy job failed because backup vault {nowhere} does not exist.",
    )
    assert bad.state == "FAILED"
    assert "ARN" in str(bad.status_message)


def test_a_copy_that_cannot_be_made_says_why(house: House, away: Vault) -> None:  # noqa: F811
    fill(house.tree)
    backup = house.back_up()
    other = destination_of(away.arn.replace(house.account_id, "9" * 12))
    same = destination_of(house.vault.arn)
    for destination, message in ((other, "same organization"), (same, "are the same")):
        job = house.run(wanted(house, backup, destination))
        assert job.state == "FAILED"
        assert message in str(job.status_message)
    gone = wanted(house, backup, destination_of(away.arn))
    with house.catalog.begin() as tx:
        recovery_points.forget(tx, backup.id.lower())
    assert "deleted since" in str(house.run(gone).status_message)


def test_a_locked_vault_takes_no_copy_outside_its_bounds(house: House, away: Vault) -> None:  # noqa: F811
    fill(house.tree)
    backup = house.back_up()
    with house.catalog.begin() as tx:
        tx.execute(
            update(table)
            .where(table.c.id == away.id)
            .values(is_locked=True, min_retention_days=30, max_retention_days=60)
        )
    job = copied(house, backup, away, lifecycle=Lifecycle(delete_after_days=7))
    assert job.state == "FAILED"
    assert "not within the range specified for the target" in str(job.status_message)


def test_an_attempt_after_the_copy_was_written_takes_it_for_its_own(
    house: House,  # noqa: F811
    away: Vault,
) -> None:
    fill(house.tree)
    job = copied(house, house.back_up(), away)
    with house.catalog.begin() as tx:  # as if the worker had died between the record and the row
        recovery_points.forget(tx, job.id.lower())
        values = {"state": "RUNNING", "worker_id": None, "held_key": None}
        assert jobs.update_in_state(tx, job.id, ["COMPLETED"], **values)
    house.attempt(job.id)
    assert house.job(job.id).state == "COMPLETED"
    assert list(house.access.for_reading(away).points()) == [job.id.lower()]
    assert point_of(house, job.id).vault_id == away.id


def test_what_an_attempt_left_behind_is_taken_back(house: House, away: Vault) -> None:  # noqa: F811
    fill(house.tree)
    job = copied(house, house.back_up(), away)
    runner = CopyRunner(house.catalog, house.access, house.clock)
    for _ in range(2):
        runner.discard(job)
    assert house.access.for_reading(away).is_deleted(job.id.lower())
    runner.discard(replace(job, vault_arn=away.arn + "x"))


def test_a_vault_for_restores_takes_no_copy(house: House, away: Vault) -> None:  # noqa: F811
    fill(house.tree)
    backup = house.back_up()
    with house.catalog.begin() as tx:
        for_restores = update(table).where(table.c.id == away.id)
        tx.execute(for_restores.values(vault_type=VaultType.RESTORE_ACCESS))
    job = copied(house, backup, away)
    assert (job.state, job.recovery_point_arn) == ("FAILED", backup.recovery_point_arn)
    assert "for restores only" in str(job.status_message)
