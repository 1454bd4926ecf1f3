"""What a legal hold covers the vault holds, if it can: also a point that the vault was told to delete."""

from __future__ import annotations

import os
import random
from datetime import timedelta

import pytest

from safehold.core.clock import to_micros
from safehold.core.ids import new_id
from safehold.domain.legal_holds import HoldStatus, LegalHold, Scope
from safehold.jobs.hold_keeping import HoldKeeping
from safehold.records import legal_holds
from safehold.store.collect.collection import Collection
from safehold.store.collect.settings import CollectionSettings
from safehold.store.points.points import is_held
from safehold.store.soundness.verify import verify
from tests.jobs.test_runners import House
from tests.jobs.test_runners import house as house

DAY = timedelta(days=1)


@pytest.fixture
def points(house: House) -> list[str]:
    """Two of them; the record of the first holds what the second needs as well. The vault was told to delete
    the first one, by a catalog of later days."""
    folder = house.tree / "folder"
    folder.mkdir()
    (folder / "large").write_bytes(random.Random(1).randbytes(2 << 20))
    zero = house.back_up()
    (house.tree / "small").write_bytes(random.Random(2).randbytes(3000))
    first = house.back_up()
    (folder / "large").write_bytes(random.Random(3).randbytes(2 << 20))
    os.utime(folder / "large", (1, 1))
    second = house.back_up()
    ids = [job.id.lower() for job in (zero, first, second)]
    for point_id in ids[:2]:
        store = house.access.for_reading(house.vault)
        store.amend(point_id, "deletion", {}, written_at=to_micros(house.clock.at))
    return ids[1:]


def collect(house: House, days: int) -> None:
    settings = CollectionSettings(most_dead_percent=100.0, repack_bytes=0)
    house.access.close()  # ends the writers' intents: nobody is waited for
    for _ in range(days):
        house.clock.at += DAY
        Collection(house.access.for_reading(house.vault), house.clock, settings=settings).run()


def hold(house: House) -> None:
    hold = LegalHold(
        new_id(),
        "arn:hold",
        house.account_id,
        house.vault.site,
        "case",
        "17/2030",
        HoldStatus.CREATING,
        house.clock.at,
    )
    with house.catalog.begin() as tx:
        legal_holds.insert_hold(tx, hold, [Scope(None, None, None, None)])
    HoldKeeping(house.catalog, house.access, house.clock).work()


def held(house: House, points: list[str]) -> list[bool]:
    store = house.access.for_reading(house.vault)
    return [is_held(store.amendments(point_id)) for point_id in points]


def test_a_deleted_point_whose_tree_is_gone_is_not_held_and_the_vault_is_collected_on(
    house: House, points: list[str]
) -> None:
    collect(house, 14)
    store = house.access.for_reading(house.vault)
    assert f"points/{points[0]}" in [info.name for info in store.backend.list("points/")]
    hold(house)
    assert held(house, points) == [False, True]
    collect(house, 3)
    assert verify(house.access.for_reading(house.vault), read_data=True).problems == []


def test_a_deleted_point_whose_tree_is_in_the_trash_is_held_whole(house: House, points: list[str]) -> None:
    collect(house, 4)
    store = house.access.for_reading(house.vault)
    assert list(store.backend.list("trash/"))
    hold(house)
    assert held(house, points) == [True, True]
    collect(house, 14)
    store = house.access.for_reading(house.vault)
    assert store.objects_used(store.point(points[0])) <= {info.name for info in store.backend.list("")}
    with house.catalog.read() as tx:
        assert legal_holds.to_hold(tx, limit=9) == []
