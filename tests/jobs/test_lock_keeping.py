"""What a vault's lock promises, its store keeps: real jobs, a real folder."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from safehold.core.errors import CatalogUnavailable, ObjectLocked, StoreUnavailable
from safehold.domain.backup_requests import BackupRequest
from safehold.domain.jobs import Job
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.vaults import Vault
from safehold.jobs import lock_keeping
from safehold.jobs.lock_keeping import LockKeeping, alarms, points_to_lock, state_of
from safehold.records import point_locks, settings, tables, tables_locking, vault_locks, vaults
from safehold.store.backends.contract import LockMode, Retention
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.backends.retention import is_enough
from safehold.store.points.locking import LOCKED_FOLDERS, first_version, needs_locks
from tests.jobs.test_runners import House, fill
from tests.jobs.test_runners import house as house

pytestmark = pytest.mark.usefixtures("mortal")
DAY = timedelta(days=1)


def lock(house: House, **values: object) -> None:
    with house.catalog.begin() as tx:
        tx.execute(update(tables.vault).values(is_locked=True, **values))
        settings.put_key_export(tx, house.vault, is_proved=True, now=house.clock.at)


def keep(house: House) -> None:
    LockKeeping(house.catalog, house.access, house.clock).work()


def back_up(house: House, days: int | None = 35) -> Job:
    return house.back_up(BackupRequest(lifecycle=None if days is None else Lifecycle(delete_after_days=days)))


def assert_kept(house: House, job: Job, mode: LockMode, days: int) -> None:
    """All that restoring the job's point takes is kept for so many days from the job's start."""
    store = house.access.for_reading(house.vault)
    locks = needs_locks(store.backend)
    record = store.point(job.id.lower())
    names = {f"points/{record.point_id}", "keys/0", *store.objects_used(record)}
    needed = Retention(mode, job.created_at + days * DAY)
    short = {n for n in names if not is_enough(locks.retention(first_version(locks, n)), needed)}
    assert short == set()


def modes(house: House) -> set[str]:
    backend = needs_locks(house.access.for_reading(house.vault).backend)
    names = [info.name for folder in LOCKED_FOLDERS for info in backend.list(folder)]
    kept = [backend.retention(first_version(backend, name)) for name in names]
    return {"none" if each is None else each.mode.value for each in kept}


def test_jobs_into_a_locked_vault_lock_what_they_write(house: House) -> None:
    fill(house.tree)
    lock(house)
    first = back_up(house)
    (house.tree / "new").write_bytes(b"since")
    second = back_up(house, days=60)
    assert [first.state, second.state] == ["COMPLETED", "COMPLETED"]
    assert_kept(house, first, LockMode.GOVERNANCE, 35)
    assert_kept(house, second, LockMode.GOVERNANCE, 60)
    backend = house.access.place(house.vault)
    with pytest.raises(ObjectLocked):
        backend.delete(f"points/{first.id.lower()}")
    with house.catalog.read() as tx:
        assert point_locks.kept_too_short(tx, house.vault, now=house.clock.at, limit=9) == []


@pytest.mark.parametrize(
    ("days", "is_taken"), [(6, False), (7, True), (40, True), (41, False), (None, False)]
)
def test_a_job_whose_retention_the_lock_does_not_take_fails_in_awss_words(
    house: House, days: int | None, is_taken: bool
) -> None:
    lock(house, min_retention_days=7, max_retention_days=40)
    job = back_up(house, days)
    message = "Backup job failed because the lifecycle is outside the valid range for backup vault."
    assert (job.state, job.status_message) == (("COMPLETED", None) if is_taken else ("FAILED", message))


def test_points_from_before_the_lock_are_kept_by_it(house: House) -> None:
    fill(house.tree)
    old = back_up(house)
    assert modes(house) == {"none"}
    lock(house)
    keep(house)
    assert_kept(house, old, LockMode.GOVERNANCE, 35)


def test_a_lock_whose_date_passes_is_made_final_in_its_store(house: House) -> None:
    fill(house.tree)
    lock(house, lock_date=house.clock.at + 3 * DAY)
    first = back_up(house)
    keep(house)
    assert modes(house) == {"GOVERNANCE"}
    assert "for ever from" in state_of(house.catalog, house.vault, house.clock.at)
    house.clock.at += 3 * DAY
    assert state_of(house.catalog, house.vault, house.clock.at).endswith("locking 0 of all objects")
    keep(house)
    assert modes(house) == {"COMPLIANCE"}
    assert_kept(house, first, LockMode.COMPLIANCE, 35)
    second = back_up(house)
    assert_kept(house, second, LockMode.COMPLIANCE, 35)
    house.clock.at -= 30 * DAY  # put back: the lock stays final
    assert house.vault.lock_is_final
    assert state_of(house.catalog, house.vault, house.clock.at) == "locked for ever"


def test_making_final_goes_on_where_it_was_cut_off(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(house.tree)
    lock(house, lock_date=house.clock.at + DAY)
    back_up(house)
    house.clock.at += DAY
    monkeypatch.setattr(lock_keeping, "NOTED_OBJECTS", 1)
    retain = LockingLocalBackend.retain
    calls = []

    def fail_third(self: LockingLocalBackend, *arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 3:
            raise StoreUnavailable("the disk is away")
        retain(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(LockingLocalBackend, "retain", fail_third)
    keep(house)
    with house.catalog.read() as tx:
        known = vault_locks.of(tx, house.vault.id)
    assert (known.done, known.final_at, known.trouble) == (
        3,
        None,
        "the disk is away",
    )  # one was final already
    told = alarms(house.catalog, house.vault, house.clock.at)
    assert [sentence for sentence in told if "the disk is away" in sentence] == told != []
    assert "locking 3 of" in state_of(house.catalog, house.vault, house.clock.at)
    keep(house)
    assert modes(house) == {"COMPLIANCE"}
    assert alarms(house.catalog, house.vault, house.clock.at) == []


def test_a_job_from_before_the_date_is_waited_for(house: House) -> None:
    fill(house.tree)
    lock(house, lock_date=house.clock.at + DAY)
    job = back_up(house)
    house.clock.at += DAY
    running = {"state": "RUNNING", "worker_id": "w"}
    with house.catalog.begin() as tx:
        tx.execute(update(tables.job).where(tables.job.c.id == job.id).values(running))
    keep(house)
    assert "GOVERNANCE" in modes(house)
    with house.catalog.begin() as tx:
        tx.execute(update(tables.job).values(state="COMPLETED", worker_id=None))
    keep(house)
    assert modes(house) == {"COMPLIANCE"}


def test_points_without_an_end_are_renewed_and_an_alarm_says_when_not(house: House) -> None:
    fill(house.tree)
    lock(house)
    job = back_up(house, days=None)
    assert_kept(house, job, LockMode.GOVERNANCE, 180)
    house.clock.at += 130 * DAY
    assert ["not renewed" in alarm for alarm in alarms(house.catalog, house.vault, house.clock.at)] == [True]
    keep(house)
    assert_kept(house, job, LockMode.GOVERNANCE, 130 + 180)
    assert alarms(house.catalog, house.vault, house.clock.at) == []


def test_one_damaged_point_keeps_no_other_from_its_lock(house: House) -> None:
    fill(house.tree)
    damaged, whole = back_up(house), back_up(house)
    place = house.access.place(house.vault)
    place.delete(f"points/{damaged.id.lower()}")
    lock(house)
    worker = LockKeeping(house.catalog, house.access, house.clock)
    worker.work()
    worker.work()  # which looks at no points, and still knows
    assert_kept(house, whole, LockMode.GOVERNANCE, 35)
    (told,) = alarms(house.catalog, house.vault, house.clock.at)
    assert damaged.id.lower() in told


def test_a_place_that_stopped_locking_raises_an_alarm_within_a_day(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(house.tree)
    lock(house)
    back_up(house)
    keep(house)
    monkeypatch.setattr(LockingLocalBackend, "can_lock", False)
    house.clock.at += DAY
    keep(house)
    (told,) = alarms(house.catalog, house.vault, house.clock.at)
    assert "keeps no attributes" in told
    assert back_up(house).state == "FAILED"


def test_points_whose_objects_are_not_locked_yet_are_counted(house: House) -> None:
    fill(house.tree)
    back_up(house)
    lock(house)
    assert points_to_lock(house.catalog, house.vault, house.clock.at) == 1
    keep(house)
    assert points_to_lock(house.catalog, house.vault, house.clock.at) == 0


def test_an_air_gapped_vault_becomes_available_with_its_store(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    gapped = {"state": "CREATING", "vault_type": "LOGICALLY_AIR_GAPPED_BACKUP_VAULT", "lock_is_final": True}
    lock(house, **gapped)
    keep(house)
    assert house.vault.state == "AVAILABLE"
    assert [info.name for info in house.access.place(house.vault).list("keys/")] == ["keys/0"]
    lock(house, **gapped)
    monkeypatch.setattr(LockingLocalBackend, "can_lock", False)
    keep(house)
    assert house.vault.state == "FAILED"
    (told,) = alarms(house.catalog, house.vault, house.clock.at)
    assert "cannot be locked" in told


def test_a_locked_vault_whose_keys_are_kept_nowhere_else_raises_an_alarm(house: House) -> None:
    lock(house)
    with house.catalog.begin() as tx:
        settings.put_key_export(tx, house.vault, is_proved=False, now=house.clock.at)
    (told,) = alarms(house.catalog, house.vault, house.clock.at)
    assert "safehold keys prove" in told


def test_a_job_from_before_the_lock_that_ended_since_is_found_within_a_minute(house: House) -> None:
    fill(house.tree)
    back_up(house)
    lock(house)
    worker = LockKeeping(house.catalog, house.access, house.clock)
    worker.work()
    with house.catalog.begin() as tx:
        tx.execute(tables_locking.point_lock.delete())  # as if the point had come without a lock
    worker.work()
    assert points_to_lock(house.catalog, house.vault, house.clock.at) == 1
    house.clock.at += timedelta(seconds=60)
    worker.work()
    assert points_to_lock(house.catalog, house.vault, house.clock.at) == 0


def test_a_catalog_that_is_away_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(house.tree)
    back_up(house)
    lock(house)
    worker = LockKeeping(house.catalog, house.access, house.clock)

    def away(tx: object) -> list[Vault]:
        raise CatalogUnavailable("the catalog is away")

    with monkeypatch.context() as patched:
        patched.setattr(vaults, "every", away)
        worker.start_due()
        worker.join()
    worker.start_due()
    worker.join()
    assert points_to_lock(house.catalog, house.vault, house.clock.at) == 0
