"""A point's data moved to cold storage: nothing is lost, and what only it needed goes from the warm place."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from safehold.core.errors import Damaged, ObjectMissing, StoreError, StoreUnavailable, WriterRevoked
from safehold.core.secrets import RootKey
from safehold.store.backends.contract import Backend, LockMode, Retention
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.tiered import TieredBackend
from safehold.store.backends.tiers import is_cold
from safehold.store.cold.cold import cool
from safehold.store.collect.settings import CollectionSettings
from safehold.store.collect.undeleting import undelete
from safehold.store.custody.point_locks import hold_point, keep_point
from safehold.store.index.labels import read_label
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.points.locking import PointLock, first_version
from safehold.store.soundness.verify import verify
from safehold.store.trees.diff import diff
from safehold.store.upkeep.heal import heal_from
from safehold.store.upkeep.index_rebuild import rebuild_index
from safehold.store.upkeep.scrub import scrub
from safehold.store.vault_store import VaultStore
from tests.store.archives import Archive, two_places
from tests.store.backends.locking_contract import SOON
from tests.store.collect.worlds import DAY, VaultWorld
from tests.store.troubled import noise
from tests.store.vaults import Tree, TreeSource, back_up, flat, new_record, open_store, restore

MIB = 1 << 20
OLD: Tree = {b"large": noise(MIB + 9000, 1), b"d": {b"a": b"alpha", b"shared": noise(70_000, 5)}}
MIDDLE: Tree = {b"large": noise(MIB + 9000, 2), b"d": {b"a": b"alpha", b"shared": noise(70_000, 5)}}
NEW: Tree = {b"large": noise(MIB + 9000, 3), b"d": {b"a": b"alpha", b"shared": noise(70_000, 5)}}
PATIENT = CollectionSettings(silence_seconds=1e9, most_dead_percent=100.0)
TREES = {"old": OLD, "middle": MIDDLE, "new": NEW}


class ColdWorld(VaultWorld):
    """Three points of one resource, in two places."""

    def __init__(self, cold: Backend | None = None, warm: Backend | None = None) -> None:
        self.cold = cold if cold is not None else MemoryBackend()
        self.warm = warm if warm is not None else MemoryBackend()
        super().__init__(two_places(self.warm, self.cold))

    def fill(self) -> ColdWorld:
        previous = None
        for point, tree in TREES.items():
            back_up(self.store(), point, tree, previous=previous)
            previous = point
        return self

    def cool(self, point: str) -> None:
        cool(self.store(), point, now=self.now)

    def check(self, *points: str) -> None:
        store = self.store()
        assert verify(store, read_data=True).problems == []
        for point in points:
            assert restore(self.store(), point) == flat(TREES[point])


@pytest.fixture
def world() -> ColdWorld:
    return ColdWorld().fill()


def lose_all(place: Backend) -> None:
    for info in list(place.list("")):
        place.delete(info.name)


def warm_bytes(world: ColdWorld) -> int:
    """Of data; pages and records stay."""
    return sum(info.size_bytes for info in world.warm.list("packs/"))


def packs(backend: Backend) -> set[str]:
    return {info.name for info in backend.list("packs/")}


def test_a_point_that_was_moved_lies_whole_in_cold_storage_and_its_tree_stays_warm(world: ColdWorld) -> None:
    report = cool(world.store(), "old", now=world.now)
    assert report.chunks == report.new_chunks > 2
    assert report.bytes == report.new_bytes == MIB + 9000 + 5 + 70_000
    store = world.store()
    assert store.is_cold("old")
    assert not store.is_cold("new")
    used = store.objects_used(store.point("old"), cold=True)
    assert {name.split("/")[0] for name in used} == {"cold", "labels", "trees"}
    assert all(is_cold(info.name) for info in world.cold.list(""))
    assert not any(is_cold(info.name) for info in world.warm.list(""))
    world.check("old", "middle", "new")


def test_what_only_cold_points_need_goes_from_the_warm_place_and_what_warm_ones_need_stays(
    world: ColdWorld,
) -> None:
    before = warm_bytes(world)
    world.cool("old")
    world.collect_for(20)
    assert before - warm_bytes(world) > MIB
    world.check("old", "middle", "new")
    assert {info.name.split("/")[0] for info in world.cold.list("")} == {"cold"}
    lose_all(world.cold)
    for point in ("middle", "new"):
        assert restore(world.store(), point) == flat(TREES[point])


def test_the_warm_place_gives_up_what_a_cold_point_alone_needs_only_while_the_cold_place_holds_it(
    world: ColdWorld,
) -> None:
    world.cool("old")
    lose_all(world.cold)
    world.collect_for(12)
    world.check("old")


def test_cold_points_share_what_they_hold(world: ColdWorld) -> None:
    first = cool(world.store(), "old", now=world.now)
    second = cool(world.store(), "middle", now=world.now)
    assert second.new_bytes == MIB + 9000
    assert second.bytes == first.bytes
    assert second.objects == 2
    world.collect_for(12)
    world.check("old", "middle", "new")


def test_moving_a_point_again_stores_nothing(world: ColdWorld) -> None:
    world.cool("old")
    before = world.names("cold/", "labels/", "amendments/", "index/")
    report = cool(world.store(), "old", now=world.now)
    assert (report.was_cold, report.new_chunks) == (True, 0)
    assert world.names("cold/", "labels/", "amendments/", "index/") == before


def test_moving_a_point_again_brings_back_what_cold_storage_has_lost(world: ColdWorld) -> None:
    world.cool("old")
    lose_all(world.cold)
    assert cool(world.store(), "old", now=world.now).new_chunks > 0
    world.collect_for(12)
    world.check("old", "middle", "new")


def test_a_label_that_is_lost_is_told_of_and_made_again_by_moving_the_point_again(world: ColdWorld) -> None:
    world.cool("old")
    for name in world.names("labels/"):
        world.warm.delete(name)
    assert [problem.what for problem in verify(world.store(), read_data=False).problems] == [
        "its label is not there: move the points in it to cold storage again"
    ]
    world.cool("old")
    world.collect_for(12)
    world.check("old", "middle", "new")


def test_a_backup_that_builds_upon_a_cold_point_stores_again_what_is_not_warm_any_more(
    world: ColdWorld,
) -> None:
    for point in TREES:
        world.cool(point)
    world.collect_for(12)
    assert packs(world.warm) == set()
    tree: Tree = {**NEW, b"more": b"m"}
    record = back_up(world.store(), "next", tree, previous="new")
    assert record.stats.new_bytes >= MIB + 9000 + 5 + 70_000 + 1
    assert not any(map(is_cold, world.store().objects_used(record)))
    lose_all(world.cold)
    assert restore(world.store(), "next") == flat(tree)


def test_a_backup_that_began_before_its_parent_was_moved_keeps_what_it_took_over(world: ColdWorld) -> None:
    world.collect()
    world.delete("old")
    world.delete("middle")
    world.collect_for(3)  # an epoch, so that parents are asked about
    store = world.store()
    before = store.previous_tree(store.point("new"))
    with store.session(parents=["new"]) as session:
        world.cool("new")
        for _ in range(4):
            world.collection(settings=PATIENT).run()
            world.wait(DAY)
        source = TreeSource(NEW, before)
        root = store.take_in(session, source, before, advance=lambda items, size: None)
        session.finish(new_record("next", root, session.stats))
    world.collect_for(12)
    lose_all(world.cold)
    assert restore(world.store(), "next") == flat(NEW)


def test_listing_search_and_comparison_ask_the_cold_place_for_nothing(world: ColdWorld) -> None:
    world.cool("old")
    world.collect_for(12)

    def away(create: bool) -> Backend:
        raise StoreUnavailable("the cold place is away")

    store = world.store(TieredBackend(world.warm, away))
    old = store.tree(store.point("old"))
    assert sorted(old.listing(b"")) == [b"d", b"large"]
    assert old.find(b"d/shared") is not None
    roots = (store.point(point).root for point in ("old", "new"))
    assert [change.path for change in diff(*roots, store.chunks().read)] == [b"large"]
    back_up(store, "next", NEW, previous="new")


def test_a_deleted_cold_point_goes_from_both_places_and_can_be_undeleted_until_the_purge(
    world: ColdWorld,
) -> None:
    world.cool("old")
    world.collect_for(12)
    world.delete("old")
    world.wait(2 * DAY)
    for _ in range(3):
        world.collect()
        world.wait(DAY)
    assert [info.name for info in world.cold.list("cold/")] == []
    assert list(world.cold.list("trash/"))
    report = undelete(world.store(), points=["old"], now=world.now)
    assert report.broken == {}
    world.check("old", "middle", "new")
    world.delete("old")
    world.wait(2 * DAY)
    world.collect_for(14)
    assert list(world.cold.list("")) == []
    assert list(world.warm.list("labels/")) == []
    world.check("middle", "new")


def test_an_undeletion_brings_back_what_a_cold_point_had_released(world: ColdWorld) -> None:
    world.cool("old")
    world.collect_for(3)
    assert world.names("trash/")
    undelete(world.store(), points=[], now=world.now)
    assert world.names("trash/") == []
    world.check("old", "middle", "new")


@pytest.mark.parametrize("number", [1, 2])
def test_a_cold_object_that_does_not_arrive_as_it_was_sent_leaves_the_point_warm(number: int) -> None:
    for trouble in (Trouble.FORGET, Trouble.UNSURE, Trouble.FULL, Trouble.FAIL):
        world = ColdWorld().fill()
        sound = world.backend
        world.backend = FaultyBackend(sound, [Fault("put", trouble, number, number, folder="cold/")])
        if number == 1:
            with pytest.raises(StoreError):
                world.cool("old")
            assert not world.store(sound).is_cold("old")
        else:
            world.cool("old")  # it takes one object
        world.backend = sound
        world.check("old", "middle", "new")
        world.cool("old")
        world.collect_for(12)
        world.check("old", "middle", "new")


def test_a_bit_that_flips_on_the_way_to_cold_storage_is_seen_before_anything_relies_on_it(
    world: ColdWorld,
) -> None:
    class Flipping(MemoryBackend):
        def put(self, name, parts):  # type: ignore[no-untyped-def]
            data = bytearray(b"".join(parts))
            data[len(data) // 2] ^= 1
            super().put(name, [data])

    world.cold = Flipping()
    world.backend = two_places(world.warm, world.cold)
    with pytest.raises(Damaged, match="other bytes than were sent"):
        world.cool("old")
    assert not world.store().is_cold("old")
    assert list(world.cold.list("")) == list(world.warm.list("labels/")) == []


def test_a_writer_that_was_revoked_moves_nothing(world: ColdWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    store = world.store()

    def revoke(items: int, size: int) -> None:
        for intent in {name.split("/")[1].partition(".")[0] for name in world.names("intents/")}:
            world.fence.revoke(intent)

    with pytest.raises(WriterRevoked):
        cool(store, "old", now=world.now, advance=revoke)
    assert not world.store().is_cold("old")
    world.check("old", "middle", "new")


def test_a_point_that_was_deleted_or_is_not_there_is_not_moved(world: ColdWorld) -> None:
    world.delete("old")
    with pytest.raises(ObjectMissing, match="deleted"):
        world.cool("old")
    with pytest.raises(ObjectMissing):
        world.cool("never")
    assert list(world.cold.list("")) == []


def test_one_that_cannot_be_read_stays_warm_and_nothing_of_it_is_left_in_cold_storage(
    world: ColdWorld,
) -> None:
    store = world.store()
    name = next(n for n in sorted(store.objects_used(store.point("old"))) if n.startswith("packs/"))
    data = bytearray(world.warm.objects[name])
    data[200] ^= 1
    world.warm.objects[name] = bytes(data)
    with pytest.raises(Damaged):
        world.cool("old")
    assert not world.store().is_cold("old")
    world.collect_for(12)
    assert list(world.cold.list("")) == []


def test_the_index_is_made_again_from_labels_without_reading_what_is_cold() -> None:
    archive = Archive()
    world = ColdWorld(archive).fill()
    world.cool("old")
    world.collect_for(12)
    for name in world.names("index/"):
        world.warm.delete(name)
    assert rebuild_index(world.store(), dry_run=False).unread == {}
    assert archive.read == set()
    store = world.store()
    used = store.objects_used(store.point("old"), cold=True)
    assert any(map(is_cold, used))
    world.collect_for(12)
    archive_open(archive)
    world.check("old", "middle", "new")


def test_a_reader_finds_what_is_cold_although_the_index_is_lost(world: ColdWorld) -> None:
    world.cool("old")
    world.collect_for(12)
    for name in world.names("index/"):
        world.warm.delete(name)
    assert restore(world.store(), "old") == flat(OLD)


def archive_open(archive: Archive) -> None:
    """Everything in it can be read from now on."""
    for info in list(archive.list("")):
        archive.retrieve(info.name)
    archive.now += archive.hours


def test_an_archive_is_looked_through_without_reading_it_and_what_is_gone_or_replaced_is_found() -> None:
    archive = Archive()
    world = ColdWorld(archive).fill()
    world.cool("old")
    world.cool("middle")
    assert verify(world.store(), read_data=True).problems == []
    found = scrub(world.store(), budget_bytes=1 << 40, clock=world.clock, pause=lambda seconds: None)
    assert (found.damaged_count, found.unreadable_count, archive.read) == (0, 0, set())
    first, second = (info.name for info in archive.list("cold/"))
    inner = archive.inner
    assert isinstance(inner, MemoryBackend)
    inner.objects[first] = inner.objects[first][:-1024]
    archive._digests[second] = b"another"
    found = scrub(world.store(), budget_bytes=1 << 40, clock=world.clock, pause=lambda seconds: None)
    assert {finding.name for finding in found.findings} == {first, second}
    world.collect_for(12)  # for what is condemned nothing is given up
    for point, tree in TREES.items():
        assert restore(world.store(), point) == flat(tree)


def test_what_is_damaged_in_cold_storage_is_stored_again_while_it_is_warm(world: ColdWorld) -> None:
    world.cool("old")
    (name,) = world.names("cold/")
    cold = world.cold
    assert isinstance(cold, MemoryBackend)
    data = bytearray(cold.objects[name])
    data[200] ^= 1
    cold.objects[name] = bytes(data)
    scrub(world.store(), budget_bytes=1 << 40, clock=world.clock, pause=lambda seconds: None)
    assert cool(world.store(), "old", now=world.now).new_chunks > 0
    world.collect_for(14)
    for point, tree in TREES.items():
        assert restore(world.store(), point) == flat(tree)


def test_healing_leaves_cold_points_cold_and_stores_what_both_places_lack() -> None:
    world = ColdWorld().fill()
    world.cool("old")
    world.collect_for(12)
    other = VaultStore.for_writing(MemoryBackend(), KeyFile(RootKey(b"o" * 32)), b"o" * 16)
    back_up(other, "old", OLD)
    assert heal_from(world.store(), other, dry_run=False).lacking == 0
    lose_all(world.cold)
    report = heal_from(world.store(), other, dry_run=False)
    assert (report.healed, report.unhealed) == (1, [])
    assert restore(world.store(), "old") == flat(OLD)
    world.cool("old")
    world.collect_for(14)
    world.check("old", "middle", "new")


# -- locks


@pytest.fixture
def locked(tmp_path: Path) -> ColdWorld:
    places = []
    for name in ("warm", "cold"):
        root = LockingLocalBackend.create(tmp_path / name).root
        places.append(LockingLocalBackend(root, may_be_immutable=False))
    return ColdWorld(cold=places[1], warm=places[0])


def retention_of(world: ColdWorld, name: str) -> Retention | None:
    both = world.backend
    assert isinstance(both, TieredBackend)
    return both.retention(first_version(both, name))


def test_cold_objects_are_kept_as_the_point_is_before_the_point_counts_as_cold(locked: ColdWorld) -> None:
    needed = Retention(LockMode.COMPLIANCE, SOON)
    longer = Retention(LockMode.COMPLIANCE, SOON + timedelta(days=9))
    back_up(locked.store(), "old", OLD, lock=PointLock(needed, None))
    back_up(locked.store(), "middle", MIDDLE, lock=PointLock(needed, None))
    locked.cool("old")
    names = locked.names("cold/", "labels/")
    assert names
    assert {retention_of(locked, name) for name in names} == {needed}
    keep_point(locked.store(), "middle", longer)
    locked.cool("middle")  # shares some with the other
    store = locked.store()
    used = [
        n for n in store.objects_used(store.point("middle"), cold=True) if n.startswith(("cold/", "labels/"))
    ]
    assert len(used) == 4
    assert {retention_of(locked, name) for name in used} == {longer}
    (amendment,) = locked.names("amendments/middle/")
    assert retention_of(locked, amendment) == longer
    keep_point(locked.store(), "old", longer)
    assert {retention_of(locked, name) for name in locked.names("cold/", "labels/")} == {longer}


def test_a_held_point_is_held_in_cold_storage_too(locked: ColdWorld) -> None:
    back_up(locked.store(), "old", OLD)
    hold_point(locked.store(), "old")
    locked.cool("old")
    both = locked.backend
    assert isinstance(both, TieredBackend)
    names = locked.names("cold/", "labels/")
    assert all(both.is_held(first_version(both, name)) for name in names)


def test_a_locked_warm_object_stays_until_its_lock_ends(locked: ColdWorld) -> None:
    back_up(locked.store(), "old", OLD, lock=PointLock(Retention(LockMode.GOVERNANCE, SOON), None))
    locked.cool("old")
    before = packs(locked.warm)
    settings = CollectionSettings(grace_seconds=0, trash_seconds=0, most_dead_percent=100.0)
    reports = [locked.collection(settings=settings).run() for _ in range(5)]
    assert before == packs(locked.warm) != set()
    assert any(name in report.locked for report in reports for name in before)
    assert restore(locked.store(), "old") == flat(OLD)
    assert open_store(locked.backend).is_cold("old")


def test_the_label_says_what_the_object_holds(world: ColdWorld) -> None:
    world.cool("old")
    store = world.store()
    (name,) = world.names("cold/")
    label = read_label(store.object, name)
    opened = store.object(name)
    assert (label.header, label.directory) == (opened.seal.header, opened.directory)
    assert label.size_bytes == world.cold.size(name)
