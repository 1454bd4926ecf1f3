"""Collection on a real vault: what is needed stays, all else goes in the end, may come back until then."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from safehold.core.errors import CollectionRefused, StoreUnavailable
from safehold.domain.items import PreviousTree
from safehold.store.backends.contract import Backend
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.collect.journal import Journal
from safehold.store.collect.settings import CollectionSettings
from safehold.store.collect.trash import Trash
from safehold.store.collect.undeleting import undelete
from safehold.store.soundness.verify import verify
from tests.store.collect.worlds import DAY, VaultWorld
from tests.store.vaults import VAULT_ID, Tree, TreeSource, back_up, flat, new_record, restore


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


BIG: Tree = {b"%d" % n: noise(1 << 20, n) for n in range(3)}
OTHER: Tree = {b"%d" % n: noise(1 << 20, n + 10) for n in range(3)}
SMALL: Tree = {b"a": b"alpha", b"d": {b"b": b"beta"}}


class InPlace(MemoryBackend):
    """As an object store: nothing is renamed."""

    can_rename = False


@pytest.fixture(params=["memory", "in place", "local"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> VaultWorld:
    makers = {
        "memory": lambda: MemoryBackend(),
        "in place": lambda: InPlace(),
        "local": lambda: LocalBackend.create(tmp_path / "vault"),
    }
    backend: Backend = makers[request.param]()
    return VaultWorld(backend)


def chunk_bytes(world: VaultWorld) -> int:
    return sum(world.backend.size(name) for name in world.chunk_objects())


def nothing(items: int, size: int) -> None:
    del items, size


def test_what_a_deleted_point_alone_needed_is_gone_in_the_end_and_the_rest_restores(
    world: VaultWorld,
) -> None:
    back_up(world.store(), "p", BIG)
    back_up(world.store(), "q", {**OTHER, b"0": BIG[b"0"]}, previous="p")
    before = chunk_bytes(world)
    world.delete("p")
    world.collect_for(36)
    assert restore(world.store(), "q") == flat({**OTHER, b"0": BIG[b"0"]})
    assert verify(world.store(), read_data=True).problems == []
    assert "points/p" not in world.chunk_objects()
    assert chunk_bytes(world) < before - (3 << 19)
    assert world.names("amendments/", "trash/", "intents/") == []
    assert not world.store().index_for_writing().has_gaps()


def test_collection_of_a_vault_that_needs_everything_takes_nothing(world: VaultWorld) -> None:
    back_up(world.store(), "p", BIG)
    back_up(world.store(), "q", SMALL, previous="p")
    before = world.chunk_objects()
    for report in world.collect_for(10):
        assert (report.announced, report.purged) == ([], [])
    assert world.chunk_objects() == before
    assert world.names("tombstones/") == []


def test_a_combined_point_whose_chunks_another_needs_stays_although_it_was_deleted(world: VaultWorld) -> None:
    back_up(world.store(), "p", SMALL)
    back_up(world.store(), "q", SMALL)
    world.delete("p")
    world.collect_for(12)
    assert restore(world.store(), "q") == flat(SMALL)
    assert world.store().is_deleted("p")
    world.delete("q")
    world.collect_for(12)
    assert world.chunk_objects() == set()


def test_a_dry_run_says_what_would_go_and_writes_nothing(world: VaultWorld) -> None:
    back_up(world.store(), "p", BIG)
    world.delete("p")
    world.wait(2 * DAY)
    before = world.names("")
    report = world.collection().run(dry_run=True)
    assert set(report.announced) >= world.chunk_objects()
    assert world.names("") == before


def test_a_writer_at_work_is_waited_for_and_its_point_is_whole(world: VaultWorld) -> None:
    back_up(world.store(), "p", BIG)
    store = world.store()
    with store.session(parents=[]) as session:
        root = store.take_in(session, TreeSource(BIG, PreviousTree()), PreviousTree(), advance=nothing)
        world.delete("p")
        world.wait(2 * DAY)
        assert world.collect().announced != []
        world.wait(DAY - timedelta(hours=1))
        waiting = world.collect()
        assert (waiting.trashed, len(waiting.waiting_for)) == ([], 1)
        session.finish(new_record("q", root, session.stats))
    world.collect_for(12)
    assert restore(world.store(), "q") == flat(BIG)


def test_a_writer_that_fell_silent_is_revoked_and_what_it_left_goes(world: VaultWorld) -> None:
    back_up(world.store(), "p", SMALL)
    dying = FaultyBackend(
        world.backend, [Fault("put", Trouble.FAIL, folder="points/"), Fault("delete", Trouble.FAIL)]
    )
    with pytest.raises(StoreUnavailable):
        back_up(world.store(dying), "q", BIG)
    assert len(world.names("intents/")) == 1
    reports = world.collect_for(14)
    assert sum(len(report.revoked) for report in reports) == 1
    assert world.chunk_objects() == {"points/p"}


def test_what_was_trashed_comes_back_and_so_does_its_point(world: VaultWorld) -> None:
    back_up(world.store(), "p", BIG)
    back_up(world.store(), "q", SMALL)
    before = world.chunk_objects()
    world.delete("p")
    world.collect_for(5)
    report = undelete(world.store(), points=["p"], now=world.now)
    assert report.broken == {}
    assert world.chunk_objects() == before
    assert restore(world.store(), "p") == flat(BIG)
    world.collect_for(12)
    assert restore(world.store(), "p") == flat(BIG)


def test_after_the_purge_it_is_too_late_and_that_is_told(world: VaultWorld) -> None:
    back_up(world.store(), "p", BIG)
    world.delete("p")
    world.collect_for(14)
    with pytest.raises(Exception, match="gone"):
        undelete(world.store(), points=["p"], now=world.now)


def test_the_journal_says_of_each_object_when_it_went_and_why(world: VaultWorld) -> None:
    back_up(world.store(), "p", BIG)
    before = world.chunk_objects()
    world.delete("p")
    world.collect_for(14)
    store = world.store()
    runs = list(Journal(world.backend, store.keys, VAULT_ID).runs())
    told = {(e.action, e.name): e.why for run in runs for part in run.parts for e in part.entries}
    for name in before:
        assert told["announced", name]
        assert told["trashed", name]
        assert told["purged", name]


def test_more_than_the_usual_share_goes_only_when_somebody_says_so() -> None:
    world = VaultWorld()
    back_up(world.store(), "p", BIG)
    world.delete("p")
    world.wait(2 * DAY)
    careful = world.collection(settings=CollectionSettings())
    with pytest.raises(CollectionRefused, match="100 %"):
        careful.run()
    assert careful.run(is_confirmed=True).announced != []


def test_points_that_are_not_listed_any_more_stop_it() -> None:
    world = VaultWorld()
    back_up(world.store(), "p", BIG)
    back_up(world.store(), "q", SMALL)
    world.collect()
    world.backend.delete("points/q")
    with pytest.raises(CollectionRefused, match="q"):
        world.collect()


@pytest.mark.parametrize("folder", ["points/", "packs/", "trees/", "amendments/", "intents/", "index/"])
def test_a_listing_that_fails_stops_it(folder: str) -> None:
    world = VaultWorld()
    back_up(world.store(), "p", BIG)
    world.delete("p")
    world.wait(2 * DAY)
    before = world.chunk_objects()
    faulty = FaultyBackend(world.backend, [Fault("list", Trouble.FAIL, folder=folder)])
    with pytest.raises(StoreUnavailable):
        world.collection(faulty).run()
    assert (world.chunk_objects(), world.names("tombstones/")) == (before, [])


def test_a_page_that_cannot_be_read_stops_it_and_the_point_is_named_with_what_to_do() -> None:
    world = VaultWorld()
    back_up(world.store(), "o", SMALL)
    back_up(world.store(), "p", BIG)
    for name in world.names("trees/"):
        world.backend.delete(name)
    with pytest.raises(CollectionRefused, match="what point p needs cannot be told: page") as why:
        world.collect()
    assert "safehold store heal" in why.value.hint
    assert "delete it" in why.value.hint


@pytest.mark.parametrize("seconds", [-86_400, 86_400])
def test_clocks_that_disagree_stop_it_or_do_no_harm(seconds: int) -> None:
    world = VaultWorld()
    back_up(world.store(), "p", BIG)
    back_up(world.store(), "q", SMALL)
    world.delete("p")
    world.collect_for(2)
    world.wait(timedelta(seconds=seconds * 3))
    if seconds < 0:
        with pytest.raises(CollectionRefused, match="clocks"):
            world.collect()
    else:
        world.collect()
    assert restore(world.store(), "q") == flat(SMALL)


def test_a_run_that_was_cut_off_while_it_took_things_leaves_no_deleted_point_alive(world: VaultWorld) -> None:
    back_up(world.store(), "p", BIG)
    back_up(world.store(), "q", SMALL)
    world.delete("p")
    world.collect_for(4)
    if world.names(
        "trash/"
    ):  # as if the run had ended before it took the record; nobody collects for a month
        world.backend.rename("trash/00000001/points/p", "points/p")  # type: ignore[attr-defined]
    world.wait(30 * DAY)
    world.collect()
    world.collect_for(1)
    assert world.chunk_objects() == {"points/q"}
    assert restore(world.store(), "q") == flat(SMALL)


def test_a_run_may_be_cut_off_anywhere_and_the_next_ones_go_on() -> None:
    for call in range(1, 400, 7):
        world = VaultWorld()
        back_up(world.store(), "p", BIG)
        back_up(world.store(), "q", SMALL)
        world.delete("p")
        cut = 0
        for operation in ("put", "delete", "rename"):
            faulty = FaultyBackend(world.backend, [Fault(operation, Trouble.FAIL, first=call)])
            for _ in range(4):
                try:
                    world.collection(faulty).run()
                except StoreUnavailable:
                    cut += 1
                world.wait(3 * DAY)
        world.collect_for(36)
        assert restore(world.store(), "q") == flat(SMALL)
        assert world.chunk_objects() == {"points/q"}
        assert [name for name in world.names("trash/", "amendments/") if "/index/" not in name] == []
        if not cut:
            return


def test_of_a_tombstone_that_is_spent_only_its_number_stays() -> None:
    world = VaultWorld()
    back_up(world.store(), "p", {b"a": b"alpha"})
    world.delete("p")
    world.collect_for(14)
    assert world.names("tombstones/") == ["tombstones/00000001.spent"]


def test_what_was_in_its_place_all_the_time_is_not_left_in_the_trash_when_it_is_brought_back() -> None:
    world = VaultWorld()
    for name in ("packs/a", "trash/00000001/packs/a"):
        world.backend.put(name, [b"a"])
    Trash(world.backend).bring_back(1, "packs/a")
    assert world.names("packs/", "trash/") == ["packs/a"]
