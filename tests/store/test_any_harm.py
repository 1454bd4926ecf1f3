"""Any one object of a vault in full life is harmed, lost, or gets a stranger beside it.

Readers give right data or the store's own errors; writers write sound points; collection takes nothing that a
point needs: when the object is put back as it was, all is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from safehold.core.errors import CollectionRefused, Damaged, KeyMismatch, ObjectMissing
from safehold.store.backends.memory import MemoryBackend
from safehold.store.collect.journal import Journal
from safehold.store.collect.undeleting import undelete
from safehold.store.soundness.verify import verify
from safehold.store.trees.diff import diff
from safehold.store.upkeep.index_rebuild import rebuild_index
from safehold.store.upkeep.scrub import scrub
from safehold.store.writers.intent_folder import IntentFolder
from tests.store.collect.worlds import VaultWorld
from tests.store.properties import STEADY
from tests.store.vaults import VAULT_ID, Tree, back_up, flat, restore
from tests.store.whole_world import STAY, TREES, harm, make_world

OWN = (Damaged, KeyMismatch, ObjectMissing)
SHORT = settings(STEADY, max_examples=25)
SOAK_EXAMPLES = int(os.environ.get("SAFEHOLD_HARMS", "2000"))
LONG = settings(STEADY, max_examples=SOAK_EXAMPLES, suppress_health_check=list(HealthCheck))
MORE: Tree = {**TREES["kept"], b"new": b"n" * 3000}

WORLD = make_world()
WHOLE: dict[str, bytes] = dict(WORLD.backend.objects)  # type: ignore[attr-defined]
Harm = tuple[str, bytes | None]


def harmed(what: Harm) -> VaultWorld:
    name, data = what
    backend = MemoryBackend()
    backend.objects = {**WHOLE, name: data or b""}
    if data is None:
        del backend.objects[name]
    world = VaultWorld(backend)
    world.clock.at = WORLD.clock.at
    return world


def readings(world: VaultWorld) -> Iterable[Callable[[], object]]:
    store = world.store
    keys = WORLD.store().keys
    yield lambda: verify(store(), read_data=True)
    yield lambda: rebuild_index(store(), dry_run=True)
    yield lambda: scrub(store(), budget_bytes=1 << 30, clock=world.clock)
    yield lambda: list(Journal(world.backend, keys, VAULT_ID).runs())
    yield lambda: list(IntentFolder(world.backend, keys, VAULT_ID).live())
    yield lambda: list(IntentFolder(world.backend, keys, VAULT_ID).revoked())
    yield lambda: store().index_folder.load()
    yield lambda: [store().amendments(point) for point in STAY]
    yield lambda: the_difference_is_right(world)
    for point in STAY:
        yield lambda point=point: what_comes_back_is_right(world, point, TREES[point])  # type: ignore[misc]


def the_difference_is_right(world: VaultWorld) -> None:
    store = world.store()
    told = diff(store.point("kept").root, store.point("back").root, store.chunks().read)
    paths = {change.path for change in told}
    assert paths == {b"large", *(path for path in flat(TREES["kept"]) if path.startswith(b"d"))}


def what_comes_back_is_right(world: VaultWorld, point: str, tree: Tree) -> None:
    skipped: list[tuple[bytes, str]] = []
    found, expected = restore(world.store(), point, skipped=skipped), flat(tree)
    assert all(expected[path] == what for path, what in found.items())
    assert skipped or found == expected


def read_all(what: Harm) -> None:
    world = harmed(what)
    for read in readings(world):
        with suppress(*OWN):
            read()


def write(what: Harm) -> None:
    world = harmed(what)
    for previous in (None, "kept"):
        name = f"after {previous}"
        with suppress(*OWN):
            back_up(world.store(), name, MORE, previous=previous)
            with suppress(*OWN):
                what_comes_back_is_right(world, name, MORE)


def collect(what: Harm) -> None:
    """For weeks, with an undeletion in between."""
    world = harmed(what)
    for number in range(8):
        with suppress(*OWN, CollectionRefused):
            world.collect()
        if number == 2:
            with suppress(*OWN, CollectionRefused):
                undelete(world.store(), points=["going"], now=world.now)
        world.wait(timedelta(days=4))
    put_back(world, *what)
    if what != (what[0], None) or not what[0].startswith("amendments/back"):
        all_is_there(world)  # without what brought it back, it was a deleted point


def put_back(world: VaultWorld, name: str, _: object) -> None:
    if name in WHOLE:
        world.backend.objects[name] = WHOLE[name]  # type: ignore[attr-defined]
    else:
        world.backend.delete(name)


def all_is_there(world: VaultWorld) -> None:
    for point in STAY:
        assert restore(world.store(), point) == flat(TREES[point]), point


ACTS = [read_all, write, collect]


@pytest.mark.slow
@pytest.mark.parametrize("act", ACTS)
def test_an_object_that_is_harmed_costs_no_more_than_itself(act: Callable[[Harm], None]) -> None:
    SHORT(given(harm(WHOLE))(act))()


@pytest.mark.soak
@pytest.mark.parametrize("act", ACTS)
def test_thousands_of_harms_cost_no_more_than_what_is_harmed(act: Callable[[Harm], None]) -> None:
    LONG(given(harm(WHOLE))(act))()


def test_the_world_has_objects_of_all_those_kinds() -> None:
    there = {name.split("/")[0] for name in WHOLE}
    assert there >= {"keys", "packs", "trees", "points", "amendments", "index", "revocations", "journal"}
    assert there >= {"condemned", "checks", "intents", "tombstones", "trash"}
    all_is_there(WORLD)
    assert len(list(IntentFolder(WORLD.backend, WORLD.store().keys, VAULT_ID).revoked())) == 1


@pytest.mark.parametrize(
    "stranger", ["trash/.DS_Store", "trash/00000001.old", "trash/x/y", "journal/.DS_Store"]
)
def test_what_a_stranger_leaves_in_the_vault_does_not_stop_collection(stranger: str) -> None:
    world = harmed((stranger, b"what is this"))
    purged = [name for _ in range(8) for name in collected_later(world)]
    assert "points/going" in purged
    assert stranger in world.names("trash/", "journal/")


def test_a_point_that_came_back_from_the_trash_is_missed_when_its_record_is_lost() -> None:
    world = harmed(("points/back", None))
    with pytest.raises(CollectionRefused, match="not listed any more that were: back"):
        world.collect()


def collected_later(world: VaultWorld) -> list[str]:
    world.wait(timedelta(days=4))
    return world.collect().purged
