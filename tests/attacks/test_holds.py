"""What is under legal hold stays, in a vault that is not locked, whoever wants it gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from safehold.core.clock import to_micros
from safehold.core.errors import InvalidRequest, ObjectLocked
from safehold.records import recovery_points
from safehold.store.collect.settings import CollectionSettings
from tests.attacks.conftest import DAY, Besieged


def hold(besieged: Besieged, **selection: Any) -> str:
    answer = besieged.client().call(
        "CreateLegalHold", Title="case", Description="17/2030", RecoveryPointSelection=selection
    )
    return str(answer["LegalHoldId"])


def try_to_delete(besieged: Besieged, number: int = 0) -> None:
    besieged.client().call("DeleteRecoveryPoint", **besieged.named(number))


@pytest.mark.parametrize("is_told", [False, True], ids=["at once", "when the stores know"])
def test_the_root_user_cannot_delete_a_held_point(besieged: Besieged, is_told: bool) -> None:
    hold(besieged, VaultNames=["Default"])
    if is_told:
        besieged.keep()
    for number in (0, 1):
        with pytest.raises(InvalidRequest, match="legal hold"):
            try_to_delete(besieged, number)
    besieged.assert_restores()


def test_a_shortened_life_does_not_end_a_held_point(besieged: Besieged) -> None:
    hold(besieged, VaultNames=["Default"])
    besieged.client().call(
        "UpdateRecoveryPointLifecycle", **besieged.named(), Lifecycle={"DeleteAfterDays": 1}
    )
    besieged.house.clock.at += 400 * DAY
    with besieged.house.catalog.read() as tx:
        assert recovery_points.expired(tx, now=besieged.house.clock.at, limit=9) == []


def test_whoever_deletes_at_the_store_is_refused(besieged: Besieged) -> None:
    hold(besieged, VaultNames=["Default"])
    besieged.keep()
    house = besieged.house
    store = house.access.for_reading(house.vault)
    place = house.access.place(house.vault)
    needed = {name for job in besieged.points for name in store.objects_used(store.point(job.id.lower()))}
    for name in {*needed, "keys/0", *(f"points/{job.id.lower()}" for job in besieged.points)}:
        with pytest.raises(ObjectLocked):
            place.delete(name)
    besieged.assert_restores()


@pytest.mark.slow
def test_deletions_forged_with_the_vaults_keys_do_not_count_for_held_points(besieged: Besieged) -> None:
    hold(besieged, VaultNames=["Default"])
    besieged.keep()
    house = besieged.house
    store = house.access.for_reading(house.vault)
    for job in besieged.points:
        store.amend(job.id.lower(), "deletion", {}, written_at=to_micros(house.clock.at))
    house.access.close()
    for _ in range(15):
        collection = house.access.for_collecting(
            house.vault, CollectionSettings(most_dead_percent=100.0), who="attacker"
        )
        collection._clock = house.clock  # its own is the machine's
        report = collection.run(is_confirmed=True)
        assert (report.announced, report.purged) == ([], [])
        house.clock.at += DAY
    besieged.assert_restores()


def test_letting_a_hold_go_opens_no_lock(besieged: Besieged) -> None:
    hold_id = hold(besieged, VaultNames=["Default"])
    besieged.lock_for_ever()
    besieged.client().call("CancelLegalHold", LegalHoldId=hold_id, CancelDescription="over")
    besieged.keep()
    assert besieged.client().call("GetLegalHold", LegalHoldId=hold_id)["Status"] == "CANCELED"
    with pytest.raises(InvalidRequest, match="Backup vault configured with Lock"):
        try_to_delete(besieged)
    besieged.assert_restores()


@pytest.mark.slow
def test_one_hold_let_go_leaves_the_other_ones(besieged: Besieged) -> None:
    ids = [hold(besieged, VaultNames=["Default"]), hold(besieged, ResourceIdentifiers=[resource(besieged)])]
    besieged.keep()
    for hold_id in ids:
        with pytest.raises(InvalidRequest, match="legal hold"):
            try_to_delete(besieged)
        besieged.client().call("CancelLegalHold", LegalHoldId=hold_id, CancelDescription="over")
        with pytest.raises(InvalidRequest, match="legal hold"):
            try_to_delete(besieged)  # until the stores have let go
        besieged.keep()
    try_to_delete(besieged)


def resource(besieged: Besieged) -> str:
    return besieged.points[0].resource_arn


def test_new_points_are_held_from_their_first_moment(besieged: Besieged) -> None:
    hold(besieged, ResourceIdentifiers=[resource(besieged)])
    besieged.keep()
    besieged.house.clock.at += timedelta(days=1)
    besieged.back_up()
    with pytest.raises(InvalidRequest, match="legal hold"):
        try_to_delete(besieged, 2)
    besieged.keep()
    place = besieged.house.access.place(besieged.house.vault)
    with pytest.raises(ObjectLocked):
        place.delete(f"points/{besieged.points[2].id.lower()}")
