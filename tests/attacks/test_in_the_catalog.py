"""Whoever can write to the catalog, or makes a new one, wants a vault that is locked for ever to be open."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from safehold.core.clock import to_micros
from safehold.core.errors import InvalidRequest, ObjectLocked
from safehold.jobs import lock_facts
from safehold.jobs.lock_keeping import LockKeeping
from safehold.records import tables, tables_locking
from safehold.store.custody.key_proof import OF_THE_VAULT
from tests.attacks.conftest import DAY, Besieged

pytestmark = pytest.mark.slow
OPEN = {"is_locked": False, "lock_is_final": False, "lock_date": None, "max_retention_days": None}


def open_in_the_catalog(besieged: Besieged) -> None:
    """As a new catalog would say, too: nothing is known of the lock."""
    with besieged.house.catalog.begin() as tx:
        tx.execute(update(tables.vault).values(OPEN))
        tx.execute(tables_locking.vault_locking.delete())
        tx.execute(tables_locking.point_lock.delete())


@pytest.mark.parametrize("is_same_worker", [True, False], ids=["seen by who locked it", "a worker since"])
def test_a_lock_taken_out_of_the_catalog_is_put_back(besieged: Besieged, is_same_worker: bool) -> None:
    house = besieged.house
    worker = LockKeeping(house.catalog, house.access, house.clock)
    besieged.lock_for_ever()
    worker.work()
    before = house.vault
    open_in_the_catalog(besieged)
    (worker if is_same_worker else LockKeeping(house.catalog, house.access, house.clock)).work()
    assert house.vault == before
    with pytest.raises(InvalidRequest, match="Backup vault configured with Lock"):
        besieged.client().call("DeleteRecoveryPoint", **besieged.named())
    besieged.assert_restores()


def test_a_forged_fact_does_not_take_back_that_a_lock_is_final(besieged: Besieged) -> None:
    house = besieged.house
    besieged.lock_for_ever()
    store = house.access.for_reading(house.vault)
    house.clock.at += DAY
    store.amend(OF_THE_VAULT, lock_facts.KIND, lock_facts.OPEN, written_at=to_micros(house.clock.at))
    assert lock_facts.told(house.access.for_reading(house.vault))["state"] == "final"
    open_in_the_catalog(besieged)
    besieged.keep()
    assert house.vault.lock_is_final


def test_what_the_vault_says_of_its_lock_is_locked_itself(besieged: Besieged) -> None:
    besieged.lock_for_ever()
    place = besieged.house.access.place(besieged.house.vault)
    names = [info.name for info in place.list("amendments/vault/")]
    assert len(names) == 2  # cooling off, and final
    for name in names:
        with pytest.raises(ObjectLocked):
            place.delete(name)


def test_a_lock_that_its_owner_takes_off_stays_off(besieged: Besieged) -> None:
    besieged.lock()
    besieged.client().call("DeleteBackupVaultLockConfiguration", BackupVaultName="Default")
    besieged.keep()
    besieged.keep()
    assert not besieged.house.vault.is_locked
    store = besieged.house.access.for_reading(besieged.house.vault)
    assert lock_facts.told(store) == lock_facts.OPEN
