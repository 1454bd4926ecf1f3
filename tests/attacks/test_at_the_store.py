"""Whoever holds the vault's own keys, or administers its store, wants the points of a locked vault gone."""

from __future__ import annotations

import uuid

import pytest

from safehold.core.clock import to_micros
from safehold.core.errors import ObjectLocked
from safehold.store.backends.contract import Backend
from safehold.store.collect.settings import CollectionSettings
from safehold.store.points.locking import LOCKED_FOLDERS
from tests.attacks.conftest import DAY, Besieged
from tests.fixtures.seaweed import Seaweed
from tests.jobs.test_runners import House
from tests.store.points.test_locks_attacked import Attacker

ALL_AT_ONCE = CollectionSettings(most_dead_percent=100.0)


def locked_names(place: Backend) -> list[str]:
    return [info.name for info in place.list("") if info.name.startswith(LOCKED_FOLDERS)]


def test_no_object_that_a_locked_point_needs_is_deleted_through_the_store(besieged: Besieged) -> None:
    besieged.lock_for_ever()
    place = besieged.house.access.place(besieged.house.vault)
    names = locked_names(place)
    assert {name.split("/")[0] for name in names} >= {"keys", "packs", "points"}
    for name in names:
        with pytest.raises(ObjectLocked):
            place.delete(name)
    besieged.assert_restores()


@pytest.mark.slow
def test_deletions_forged_with_the_vaults_keys_take_nothing(besieged: Besieged) -> None:
    """A deletion is written into the vault itself, past API and catalog, and collection runs for a month."""
    house = besieged.house
    besieged.lock_for_ever()
    store = house.access.for_reading(house.vault)
    before = set(locked_names(store.backend))
    for job in besieged.points:
        store.amend(job.id.lower(), "deletion", {}, written_at=to_micros(house.clock.at))
    house.access.close()
    for _ in range(30):
        collection = house.access.for_collecting(house.vault, ALL_AT_ONCE, who="attacker")
        collection._clock = house.clock  # its own is the machine's
        collection.run(is_confirmed=True)
        house.clock.at += DAY
    assert before <= set(locked_names(store.backend))
    besieged.assert_restores()


@pytest.mark.slow
def test_the_administrator_of_the_bucket_destroys_nothing(
    house: House, mortal: None, seaweed: Seaweed, locking_bucket: str
) -> None:
    prefix = f"attack-{uuid.uuid4().hex}"
    besieged = Besieged(house, storage_url=seaweed.url(locking_bucket, prefix))
    besieged.lock_for_ever()
    attacker = Attacker(seaweed.client(), locking_bucket, f"{prefix}/{house.vault.id}/")
    attacker.weaken_everything()
    attacker.delete_every_version()
    attacker.delete_and_overwrite_everything()
    attacker.mark_everything()
    assert {"put_object_retention", "delete_object"} <= set(attacker.refused)
    besieged.assert_restores()


@pytest.mark.slow
def test_without_the_lock_the_same_administrator_destroys_the_vault(
    house: House, seaweed: Seaweed, locking_bucket: str
) -> None:
    prefix = f"attack-{uuid.uuid4().hex}"
    besieged = Besieged(house, storage_url=seaweed.url(locking_bucket, prefix))
    attacker = Attacker(seaweed.client(), locking_bucket, f"{prefix}/{house.vault.id}/")
    attacker.delete_every_version()
    restored = house.restore(besieged.points[0])
    assert restored.state == "FAILED"
