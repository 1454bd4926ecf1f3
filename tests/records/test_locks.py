"""Which points of a locked vault are kept too short, and who may still write as before a lock was final."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from safehold.domain.jobs import Job, JobKind
from safehold.records import jobs, point_locks, recovery_points, vault_locks, vaults
from safehold.records.engine import Catalog
from safehold.records.vault_locks import Locking
from tests.records.samples import ACCOUNT, NOW, RESOURCE, SITE, a_point, put_account, put_vault

DAY = timedelta(days=1)


def test_points_that_are_kept_too_short(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        put_account(tx)
        vault = put_vault(tx, is_locked=True)
        other = put_vault(tx, "other", is_locked=True)
        ends = {"ended": NOW - DAY, "short": NOW + 9 * DAY, "long": NOW + 2 * DAY, "ever": None, "new": None}
        for name, end in ends.items():
            recovery_points.insert_if_new(tx, a_point(vault, name, delete_at=end, resource_arn=f"arn:{name}"))
        recovery_points.insert_if_new(tx, a_point(other, "elsewhere"))
        for name, until in (("short", NOW + 8 * DAY), ("long", NOW + 2 * DAY), ("ever", NOW + 89 * DAY)):
            point_locks.put_until(tx, name, vault_id=vault.id, until=until)

        def short() -> set[str]:
            return {point.id for point in point_locks.kept_too_short(tx, vault, now=NOW, limit=9)}

        assert short() == {"short", "ever", "new"}
        assert point_locks.overdue(tx, vault, forever_until=NOW + 60 * DAY, now=NOW)  # "new" has no date
        point_locks.put_until(tx, "new", vault_id=vault.id, until=NOW + 180 * DAY)
        assert not point_locks.overdue(tx, vault, forever_until=NOW + 60 * DAY, now=NOW)
        point_locks.put_held(tx, "short", vault_id=vault.id, is_held=True)
        point_locks.put_until(tx, "short", vault_id=vault.id, until=NOW + 9 * DAY)
        point_locks.put_until(tx, "ever", vault_id=vault.id, until=NOW + 90 * DAY)
        assert short() == set()
        recovery_points.forget(tx, "short")
        assert point_locks.until(tx, "short") is None


def test_a_lock_is_final_for_good_and_its_work_is_noted(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        put_account(tx)
        vault = put_vault(tx)
        vault_locks.mark_final(tx, vault.id)  # of a vault that is not locked there is nothing final
        assert vaults.find_by_id(tx, vault.id) == vault
        locked = replace(vault, is_locked=True, lock_date=NOW, min_retention_days=7)
        vault_locks.put_lock(tx, locked)
        vault_locks.mark_final(tx, vault.id)
        assert vaults.find_by_id(tx, vault.id) == replace(locked, lock_is_final=True)
        for noted in (Locking(done=1, total=2, after="a"), Locking(NOW, "away", 2, 2, "b", NOW)):
            vault_locks.put(tx, vault.id, noted)
            assert vault_locks.of(tx, vault.id) == noted
        assert vaults.delete_empty(tx, vault.id)
        assert vault_locks.of(tx, vault.id) == Locking()


def test_writers_from_before_a_lock_was_final(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        put_account(tx)
        vault = put_vault(tx, is_locked=True, lock_date=NOW)
        job = Job("j", JobKind.BACKUP, ACCOUNT, SITE, "RUNNING", RESOURCE, "EFS", NOW, {})
        for number, (state, worker, started, is_older) in enumerate(
            (
                ("RUNNING", "w", NOW, True),
                ("RUNNING", "w", NOW + DAY, False),
                ("COMPLETED", "w", NOW, False),
                ("CREATED", None, None, False),
            )
        ):
            changed = replace(job, id=f"j-{number}", state=state, vault_arn=vault.arn, started_at=started)
            jobs.insert_job(tx, replace(changed, worker_id=worker))
            assert vault_locks.has_older_writers(tx, vault) is is_older
            assert jobs.update_in_state(tx, changed.id, [state], state="COMPLETED")
