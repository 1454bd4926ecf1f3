"""Packs of which much is dead: what lives is stored anew and restores, the rest goes, no lock is touched."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from safehold.core.errors import StoreError
from safehold.domain.items import PreviousTree
from safehold.store.backends.contract import LockMode, Retention
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.collect import repacking
from safehold.store.collect import survey as survey_module
from safehold.store.collect.needed import NeededIds
from safehold.store.collect.repacking import Candidate, within_budget
from safehold.store.collect.settings import CollectionSettings
from safehold.store.index.index import ids_in
from safehold.store.points.locking import first_version
from safehold.store.soundness.verify import verify
from tests.store.collect.worlds import DAY, SETTINGS, START, VaultWorld
from tests.store.vaults import Tree, TreeSource, back_up, flat, new_record, restore

MIB = 1 << 20


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


FILES: dict[bytes, bytes] = {b"%02d" % n: noise(300_000, n) for n in range(12)}
LIVING: Tree = {name: FILES[name] for name in sorted(FILES)[::4]}
MOST: Tree = {name: FILES[name] for name in sorted(FILES)[:10]}


def nothing(items: int, size: int) -> None:
    del items, size


def pack_bytes(world: VaultWorld) -> int:
    return sum(info.size_bytes for info in world.backend.list("packs/"))


def mostly_dead(world: VaultWorld, living: Tree = LIVING) -> str:
    """A pack whose point is gone, but for what another point needs of it."""
    back_up(world.store(), "p", FILES)
    (pack,) = world.names("packs/")
    back_up(world.store(), "q", living)
    world.delete("p")
    return pack


def test_what_lives_in_a_mostly_dead_pack_is_stored_anew_and_the_pack_goes() -> None:
    world = VaultWorld()
    pack = mostly_dead(world)
    reports = world.collect_for(30)
    assert [report.repacked for report in reports if report.repacked] == [[pack]]
    assert sum(report.repacked_bytes for report in reports) == 900_000
    assert pack_bytes(world) < MIB
    assert restore(world.store(), "q") == flat(LIVING)
    assert verify(world.store(), read_data=True).problems == []
    assert world.names("intents/", "trash/") == []


def test_what_is_needed_is_the_same_when_it_does_not_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "NeededIds", partial(NeededIds, 64))
    world = VaultWorld()
    pack = mostly_dead(world)
    reports = [report for report in world.collect_for(6) if report.repacked]
    assert [(report.repacked, report.repacked_bytes) for report in reports] == [([pack], 900_000)]
    assert restore(world.store(), "q") == flat(LIVING)


def test_many_packs_are_stored_anew_in_one_run_and_one_by_one_when_they_hold_many_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = VaultWorld()
    first = mostly_dead(world)
    others: Tree = {name: noise(300_000, 100 + n) for n, name in enumerate(FILES)}
    back_up(world.store(), "r", others)
    (second,) = {*world.names("packs/")} - {first}
    back_up(world.store(), "s", {b"00": others[b"00"]})
    world.delete("r")
    world.wait(2 * DAY)
    assert world.collection().run(dry_run=True).repacked == sorted([first, second])
    with monkeypatch.context() as patch:
        patch.setattr(repacking, "MOST_CHUNKS", 1)
        store = world.store()
        work = repacking.Repacking(store, NeededIds(), SETTINGS)
        chosen = [Candidate(name, 100, 100, 40) for name in (first, second)]
        assert [pack.name for pack in work.open(chosen)] == [first]
    assert world.collect().repacked == sorted([first, second])
    assert restore(world.store(), "q") == flat(LIVING)


def test_chunks_stay_in_the_order_of_their_paths() -> None:
    world = VaultWorld()
    pack = mostly_dead(world)
    before = list(ids_in(world.store().object(pack).directory))
    world.collect_for(14)
    (new,) = world.names("packs/")
    assert list(ids_in(world.store().object(new).directory)) == before[::4]


def test_a_pack_of_which_little_is_dead_stays_whole() -> None:
    world = VaultWorld()
    pack = mostly_dead(world, MOST)
    for report in world.collect_for(14):
        assert report.repacked == []
    assert world.names("packs/") == [pack]


def test_a_dry_run_says_which_packs_it_would_store_anew_and_stores_nothing() -> None:
    world = VaultWorld()
    pack = mostly_dead(world)
    world.wait(2 * DAY)
    before = world.names("")
    assert world.collection().run(dry_run=True).repacked == [pack]
    assert world.names("") == before


@pytest.mark.parametrize("is_held", [False, True])
@pytest.mark.usefixtures("mortal")
def test_what_a_lock_keeps_is_never_stored_anew(tmp_path: Path, is_held: bool) -> None:
    backend = LockingLocalBackend.create(tmp_path / "vault")
    world = VaultWorld(backend)
    pack = mostly_dead(world)
    version = first_version(backend, pack)
    if is_held:
        backend.hold(version, is_held=True)
    else:
        backend.retain(version, Retention(LockMode.GOVERNANCE, START + timedelta(days=90)))
    for report in world.collect_for(6):
        assert report.repacked == []
    assert pack in world.names("packs/")
    if is_held:
        backend.hold(version, is_held=False)
    else:
        world.wait(timedelta(days=90))
    assert world.collect().repacked == [pack]


def test_no_more_is_written_in_a_run_than_its_budget_allows() -> None:
    ordered = [Candidate(f"packs/{n}", 100, 100, 40) for n in range(10)]
    chosen = list(within_budget(ordered, lambda name: name != "packs/1", written=100, dead=1000))
    assert [pack.name for pack in chosen] == ["packs/0", "packs/2"]
    few = list(within_budget(ordered, lambda name: True, written=1000, dead=130))
    assert [pack.name for pack in few] == ["packs/0", "packs/1"]


def test_without_a_budget_nothing_is_stored_anew() -> None:
    world = VaultWorld()
    mostly_dead(world)
    world.wait(2 * DAY)
    frugal = CollectionSettings(most_dead_percent=100.0, repack_bytes=0)
    assert world.collection(settings=frugal).run().repacked == []


def test_more_is_freed_than_usual_only_when_somebody_says_so() -> None:
    world = VaultWorld()
    pack = mostly_dead(world)
    world.wait(2 * DAY)
    careful = world.collection(settings=CollectionSettings())
    assert careful.run().repacked == []
    assert careful.run(is_confirmed=True).repacked == [pack]


def test_a_pack_of_which_two_fragments_tell_does_not_look_half_dead() -> None:
    world = VaultWorld()
    back_up(world.store(), "p", FILES)
    store = world.store()
    (pack,) = world.names("packs/")
    opened = store.object(pack)
    (fragment,) = store.index().fragments()
    ref = next(ref for ref in fragment.objects if ref.name == pack)
    store.index_folder.write([(ref, opened.directory)])
    for report in world.collect_for(3):
        assert report.repacked == []


def test_what_a_writer_at_work_found_in_the_old_pack_stays() -> None:
    world = VaultWorld()
    pack = mostly_dead(world)
    world.wait(2 * DAY)
    store = world.store()
    with store.session(parents=[]) as session:
        root = store.take_in(session, TreeSource(FILES, PreviousTree()), PreviousTree(), advance=nothing)
        assert world.collect().repacked == [pack]
        world.wait(timedelta(hours=1))
        assert pack in world.collect().announced
        session.finish(new_record("r", root, session.stats))
    world.collect_for(14)
    assert restore(world.store(), "r") == flat(FILES)
    assert restore(world.store(), "q") == flat(LIVING)
    assert verify(world.store(), read_data=True).problems == []


def test_a_frame_that_cannot_be_read_keeps_its_pack() -> None:
    backend = MemoryBackend()
    world = VaultWorld(backend)
    pack = mostly_dead(world)
    whole = backend.get(pack)
    backend.delete(pack)
    backend.put(pack, [whole[:100], bytes(1000), whole[1100:]])
    world.collect_for(14)
    assert pack in world.names("packs/")


def test_a_pack_that_is_gone_stops_nothing() -> None:
    world = VaultWorld()
    pack = mostly_dead(world)
    world.backend.delete(pack)
    for report in world.collect_for(3):
        assert report.repacked == []


def test_when_the_store_is_full_the_rest_of_the_run_counts() -> None:
    world = VaultWorld()
    mostly_dead(world)
    world.wait(2 * DAY)
    full = FaultyBackend(world.backend, [Fault("put", Trouble.FULL, folder="packs/")])
    report = world.collection(full).run()
    assert (report.repacked, world.names("intents/")) == ([], [])
    world.collect_for(14)
    assert pack_bytes(world) < MIB


@pytest.mark.slow
def test_cut_off_anywhere_it_goes_on_and_nothing_is_lost() -> None:
    call = 0
    cut = True
    while cut:
        call += 1
        world = VaultWorld()
        mostly_dead(world)
        world.wait(2 * DAY)
        faulty = FaultyBackend(
            world.backend, [Fault("put", Trouble.FAIL, first=call), Fault("delete", Trouble.FAIL)]
        )
        try:
            world.collection(faulty).run()
            cut = False
        except StoreError:
            pass
        assert restore(world.store(), "q") == flat(LIVING)
        world.collect_for(36)
        assert restore(world.store(), "q") == flat(LIVING)
        assert verify(world.store(), read_data=True).problems == []
        assert pack_bytes(world) < MIB
        assert world.names("intents/", "trash/") == []
    assert call > 5


def test_what_was_named_before_the_run_was_cut_off_is_not_stored_again() -> None:
    world = VaultWorld()
    pack = mostly_dead(world)
    world.wait(2 * DAY)
    # The last thing that repacking writes is its fragment: from then on the new pack counts.
    assert world.collection().run().repacked == [pack]
    new = set(world.names("packs/")) - {pack}
    for report in world.collect_for(14):
        assert report.repacked == []
    assert set(world.names("packs/")) == new
