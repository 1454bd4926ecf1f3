"""Where collection meets undeletions, locks, damage and runs cut off: nothing falls between them."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from safehold.core.errors import CollectionRefused, StoreUnavailable
from safehold.store.backends import local
from safehold.store.backends.contract import LockMode, Retention
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.collect.collection import Collection
from safehold.store.collect.trash import Trash, in_trash
from safehold.store.collect.undeleting import undelete
from safehold.store.points.locking import PointLock
from safehold.store.points.points import HOLD
from safehold.store.soundness.verify import verify
from safehold.store.writers.tombstones import Decided, Tombstones, Trashed
from tests.store.collect.worlds import DAY, VaultWorld
from tests.store.vaults import Tree, back_up, flat, restore


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


BIG: Tree = {b"%d" % n: noise(1 << 20, n) for n in range(3)}
SMALL: Tree = {b"a": b"alpha", b"d": {b"b": b"beta"}}


@pytest.mark.parametrize("way", ["taken", "brought back"])
def test_an_object_that_is_taken_and_brought_back_at_once_is_never_gone(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = LocalBackend.create(tmp_path / "vault")
    backend.put("packs/one", [b"x" * 100])
    trash = Trash(backend)
    if way == "brought back":
        trash.take(1, "packs/one")
    first, second = (trash.take, trash.bring_back) if way == "taken" else (trash.bring_back, trash.take)
    others: list[threading.Thread] = []
    sync = local._sync_folder

    def halfway(folder: Path) -> None:
        sync(folder)
        if not others and (tmp_path / "vault/packs/one").exists() and list(backend.list("trash/")):
            others.append(threading.Thread(target=second, args=(1, "packs/one")))
            others[0].start()
            others[0].join(0.3)

    monkeypatch.setattr(local, "_sync_folder", halfway)
    first(1, "packs/one")
    for other in others:
        other.join()
    names = [info.name for info in backend.list("")]
    assert len(names) == 1
    assert backend.get(names[0]) == b"x" * 100


def test_a_crash_that_left_an_object_both_names_is_made_good(tmp_path: Path) -> None:
    backend = LocalBackend.create(tmp_path / "vault")
    backend.put("packs/one", [b"x" * 100])
    trash = Trash(backend)
    for undo in (trash.take, trash.bring_back):
        trash.take(1, "packs/one")
        (tmp_path / "vault/packs/one").hardlink_to(tmp_path / "vault" / in_trash(1, "packs/one"))
        undo(1, "packs/one")
        trash.bring_back(1, "packs/one")
        assert [info.name for info in backend.list("")] == ["packs/one"]


def test_a_point_whose_undeletion_was_cut_off_is_not_taken_again(world: VaultWorld) -> None:
    back_up(world.store(), "p", BIG)
    world.delete("p")
    world.collect_for(4)
    trash = Trash(world.backend)
    trash.bring_back(1, "points/p")
    world.store().amend("p", "undeletion", {}, written_at=world.now)
    world.collect()
    assert restore(world.store(), "p") == flat(BIG)
    world.collect_for(12)
    assert restore(world.store(), "p") == flat(BIG)


def test_an_undeletion_that_was_cut_off_when_it_had_decided_is_ended_by_the_next_run(
    world: VaultWorld,
) -> None:
    back_up(world.store(), "p", BIG)
    before = world.chunk_objects()
    world.delete("p")
    world.collect_for(4)
    Trash(world.backend).bring_back(1, "points/p")
    store = world.store()
    store.amend("p", "undeletion", {}, written_at=world.now)
    stones = Tombstones(store.backend, store.keys, store.vault_id)
    stones.put(1, Decided(what="undelete", written_at=world.now))
    world.collect()
    assert world.chunk_objects() == before
    assert stones.listed().open == []


def test_a_point_that_comes_back_while_its_purge_is_decided_is_not_purged(
    world: VaultWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(world.store(), "p", BIG)
    world.delete("p")
    world.collect_for(9)
    put = Tombstones.put

    def put_late(stones: Tombstones, number: int, record: object) -> None:
        put(stones, number, record)  # type: ignore[arg-type]
        if isinstance(record, Decided) and record.what == "purge":
            monkeypatch.setattr(Tombstones, "put", put)
            assert undelete(world.store(), points=["p"], now=world.now).too_late == [number]

    monkeypatch.setattr(Tombstones, "put", put_late)
    world.wait(3 * DAY)
    with pytest.raises(CollectionRefused, match="undeleted"):
        world.collect()
    world.collect()
    assert restore(world.store(), "p") == flat(BIG)


@pytest.fixture(params=["memory", "local"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> VaultWorld:
    return VaultWorld(
        MemoryBackend() if request.param == "memory" else LocalBackend.create(tmp_path / "vault")
    )


def test_what_a_run_that_was_cut_off_left_in_place_is_purged_with_the_rest(
    world: VaultWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(world.store(), "p", BIG)
    back_up(world.store(), "q", SMALL)
    world.delete("p")
    with monkeypatch.context() as patch:
        patch.setattr(Collection, "_take", lambda *_: None)
        world.collect_for(4)
    world.wait(8 * DAY)
    world.collect()
    assert world.chunk_objects() == {"points/q"}
    assert not list(world.backend.list("amendments/"))


@pytest.mark.slow
@pytest.mark.parametrize("locks_amendments", [False, True])
def test_a_deleted_point_stays_deleted_while_a_lock_keeps_its_objects(
    tmp_path: Path, locks_amendments: bool
) -> None:
    world = VaultWorld()
    root = LockingLocalBackend.create(tmp_path / "vault").root
    backend = world.backend = LockingLocalBackend(root, clock=world.clock, may_be_immutable=False)
    until = Retention(LockMode.COMPLIANCE, world.clock.at + timedelta(days=30))
    back_up(world.store(), "p", BIG, lock=PointLock(until, None))
    before = world.chunk_objects()
    kept = until if locks_amendments else None
    world.store().amend("p", "deletion", {}, written_at=world.now, kept=kept)
    reports = world.collect_for(25)
    assert [
        name for report in reports for name in report.purged if name.startswith(("packs/", "points/"))
    ] == []
    assert world.chunk_objects() >= {name for name in before if not name.startswith("index/")}
    assert world.store().is_deleted("p")
    assert verify(world.store(), read_data=True).problems == []
    world.collect_for(25)
    assert world.chunk_objects() == set()
    assert backend.root.is_dir()


def cut_off(backend: MemoryBackend, name: str) -> None:
    backend.objects[name] = backend.objects[name][:5000]


def flip(backend: MemoryBackend, name: str) -> None:
    data = bytearray(backend.objects[name])
    data[60] ^= 1
    backend.objects[name] = bytes(data)


@pytest.mark.parametrize(("harm", "folder"), [(cut_off, "packs/"), (cut_off, "trees/"), (flip, "trees/")])
def test_what_was_stored_again_stays_although_the_damaged_object_still_lists(
    harm: Callable[[MemoryBackend, str], None], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever is stored later has a later name, and of equals the first by name is what collection counts on.
    names = iter([f"{n:032x}" for n in range(1, 100)])
    monkeypatch.setattr("safehold.store.sealed.sealing.secrets.token_hex", lambda size: next(names))
    monkeypatch.setattr("safehold.store.writing.session.COMBINED_BYTES", 1000)
    backend = MemoryBackend()
    world = VaultWorld(backend)
    many: Tree = BIG | {b"%04d" % n: b"%d" % n for n in range(2000)}
    back_up(world.store(), "p", many)
    for name in world.names(folder):
        harm(backend, name)
    back_up(world.store(), "q", many, previous="p")
    assert restore(world.store(), "q") == flat(many)
    world.collect_for(12)
    assert restore(world.store(), "q") == flat(many)
    assert restore(world.store(), "p") == flat(many)


def test_what_another_run_spares_is_not_taken(world: VaultWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    back_up(world.store(), "p", BIG)
    world.delete("p")
    world.collect_for(3)
    put = Tombstones.put

    def put_late(stones: Tombstones, number: int, record: object) -> None:
        if isinstance(record, Trashed):
            put(stones, number, Trashed(names=[], written_at=world.now))
        put(stones, number, record)  # type: ignore[arg-type]

    monkeypatch.setattr(Tombstones, "put", put_late)
    world.collect()
    assert restore(world.store(), "p") == flat(BIG)


def test_a_tombstone_that_another_run_ended_since_it_was_listed_ends_this_run_in_peace() -> None:
    world = VaultWorld()
    back_up(world.store(), "p", {b"a": random.Random(5).randbytes(2 << 20)})
    back_up(world.store(), "q", {b"b": b"kept"})
    world.delete("p")
    for _ in range(3):
        world.collect()
        world.wait(DAY)
    store = world.store()
    stones = Tombstones(store.backend, store.keys, store.vault_id)
    listed = stones.listed()
    assert listed.open
    for name in world.names("tombstones/"):
        world.backend.delete(name)
    for read in (stones.announced, stones.trashed, stones.decided):
        with pytest.raises(CollectionRefused, match="another run has ended"):
            read(listed.open[0])
    assert list(stones.open_ones(listed)) == []


def test_a_hold_brings_a_point_back_from_the_trash(world: VaultWorld) -> None:
    """It was decided after the point's record had been moved there."""
    back_up(world.store(), "other", SMALL)
    back_up(world.store(), "p", BIG)
    world.delete("p")
    world.collect_for(4)
    assert "points/p" not in world.names("points/")
    assert [name for name in world.names("trash/") if name.endswith("points/p")]
    world.store().amend("p", HOLD, {"state": "held"}, written_at=world.now)
    world.collect_for(60)
    assert restore(world.store(), "p") == flat(BIG)
    world.store().amend("p", HOLD, {"state": "released"}, written_at=world.now)
    world.collect_for(60)
    assert world.names("points/") == ["points/other"]


def test_a_hold_that_comes_while_a_purge_begins_is_heeded(world: VaultWorld) -> None:
    back_up(world.store(), "other", SMALL)
    back_up(world.store(), "p", BIG)
    world.delete("p")
    world.collect_for(4)
    world.wait(30 * DAY)
    backend = world.backend

    class HoldsLate(PassingBackend):
        def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
            super().put(name, parts)
            if name.endswith(".decided"):
                VaultWorld.store(world, backend).amend("p", HOLD, {"state": "held"}, written_at=world.now)

    with pytest.raises(CollectionRefused, match="held"):
        world.collection(HoldsLate(backend)).run()
    assert [name for name in world.names("trash/") if "/packs/" in name]
    world.collect()
    assert restore(world.store(), "p") == flat(BIG)


def test_a_hold_that_comes_when_a_purge_has_taken_something_stops_nothing(world: VaultWorld) -> None:
    back_up(world.store(), "other", SMALL)
    back_up(world.store(), "p", BIG)
    world.delete("p")
    world.collect_for(4)
    world.wait(30 * DAY)
    failing = FaultyBackend(world.backend, [Fault("delete", Trouble.FAIL, 2)])
    with pytest.raises(StoreUnavailable):
        world.collection(failing).run()
    world.store().amend("p", HOLD, {"state": "held"}, written_at=world.now)
    world.collect_for(4)
    assert world.names("points/") == ["points/other"]
    assert not [name for name in world.names("trash/") if "/packs/" in name or "/points/" in name]
