"""A copy knows what earlier ones have moved, whichever point it came with; a map is a hint, never a truth."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from safehold.store.backends.contract import LockMode, Retention
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.retention import is_enough
from safehold.store.copies import id_map
from safehold.store.copies.copying import CopyOrder, copy_point
from safehold.store.copies.id_map import IdMap, MapFolder
from safehold.store.points.locking import first_version
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from tests.store.collect.worlds import VaultWorld
from tests.store.copies.test_copying import BUSY, MIB, copy, measured, noise, target_of
from tests.store.vaults import Tree, back_up, flat, folder_names, open_store, restore

MAPS = "idmaps/"
TREE: Tree = {b"folder": {b"%03d" % n: noise(20_000, n) for n in range(100)}}
NEW: Tree = {b"new": noise(MIB, 1000), b"newer": noise(MIB, 1001)}  # a chunk each, whatever the vault's key
MORE: Tree = TREE | NEW


@pytest.fixture
def source() -> VaultStore:
    """Two points that share nearly all, of which neither was made upon the other."""
    store = open_store()
    back_up(store, "p", TREE)
    back_up(store, "q", MORE)
    return store


@pytest.fixture
def target(source: VaultStore) -> VaultStore:
    """With a copy of one of them."""
    store = target_of()
    copy(open_store(source.backend), store)
    return store


def reopened(store: VaultStore) -> VaultStore:
    return VaultStore(store.backend, store.keys, store.vault_id)


def maps_of(store: VaultStore) -> MapFolder:
    return MapFolder(store.backend, store.keys, store.vault_id)


def test_the_next_copy_reads_the_packs_of_new_chunks_and_no_others() -> None:
    source, target = open_store(), target_of()
    back_up(source, "p", TREE)
    copy(open_store(source.backend), target)
    old = set(folder_names(source.backend, "packs/"))
    back_up(source, "q", MORE)
    new = set(folder_names(source.backend, "packs/")) - old
    again, read = measured(open_store(source.backend))
    record = copy(again, reopened(target), "q")
    assert {name for called, name in read.calls if called == "get" and name.startswith("packs/")} == new
    assert record.stats.read_bytes == 2 * MIB
    assert restore(reopened(target), "copy-q") == flat(MORE)


HARM = {
    "lost": lambda data: None,
    "cut off": lambda data: data[: len(data) // 2],
    "flipped": lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],  # in its first part
    "empty": lambda data: b"",
}


@pytest.mark.parametrize("harm", HARM)
def test_without_its_map_a_copy_reads_more_and_is_the_same(
    source: VaultStore, target: VaultStore, harm: str
) -> None:
    backend = target.backend
    for name in folder_names(backend, MAPS):
        changed = HARM[harm](backend.get(name))
        backend.delete(name)
        if changed is not None:
            backend.put(name, [changed])
    record = copy(open_store(source.backend), reopened(target), "q")
    assert record.stats.read_bytes > 3 * MIB
    assert restore(reopened(target), "copy-q") == flat(MORE)
    (left,) = folder_names(backend, MAPS)  # the new one: what was damaged is gone
    assert maps_of(target).open(left).head.rows == 102


@pytest.mark.parametrize("operation", ["get", "put", "list", "delete"])
def test_a_map_that_fails_fails_no_copy(source: VaultStore, target: VaultStore, operation: str) -> None:
    faulty = FaultyBackend(target.backend, [Fault(operation, Trouble.FAIL, folder=MAPS)])
    copy(open_store(source.backend), VaultStore(faulty, target.keys, target.vault_id), "q")
    assert restore(reopened(target), "copy-q") == flat(MORE)


def test_a_full_store_fails_no_copy_by_its_map(source: VaultStore) -> None:
    faulty = FaultyBackend(MemoryBackend(), [Fault("put", Trouble.FULL, folder=MAPS)])
    copy(source, target_of(faulty))
    assert restore(target_of(faulty), "copy-p") == flat(TREE)


# -- never trusted over the truth


def test_what_the_map_names_and_the_vault_lost_is_read_again(source: VaultStore, target: VaultStore) -> None:
    for name in folder_names(target.backend, "packs/"):
        target.backend.delete(name)
    copy(open_store(source.backend), reopened(target), "q")
    assert restore(reopened(target), "copy-q") == flat(MORE)


def test_what_the_map_names_and_is_condemned_is_read_again(source: VaultStore, target: VaultStore) -> None:
    there = reopened(target)
    for name in folder_names(target.backend, "packs/"):
        there.index_for_writing().note_condemned(name, None)
    record = copy(open_store(source.backend), there, "q")
    assert record.stats.read_bytes > 3 * MIB


@pytest.mark.parametrize("lie", ["of nothing", "of another length"])
def test_a_map_that_lies_about_what_is_there_is_not_believed(
    source: VaultStore, target: VaultStore, lie: str
) -> None:
    folder = maps_of(target)
    (name,) = folder.names()
    rows = list(folder.open(name).rows())
    folder.delete([name])
    back_up(reopened(target), "own", {b"x": b"another length"})
    short = reopened(target).tree(target.point("own")).find(b"x")
    assert short is not None
    assert short.content is not None
    other = bytes(range(32)) if lie == "of nothing" else short.content
    folder.write(source.vault_id.hex(), "", [row[:32] + other for row in rows])
    copy(open_store(source.backend), reopened(target), "q")
    assert restore(reopened(target), "copy-q") == flat(MORE)


def test_collection_in_the_target_takes_nothing_that_a_mapped_copy_uses() -> None:
    """The point that brought the chunks is deleted, and they are on their way out."""
    source, world = open_store(), VaultWorld()
    back_up(source, "p", TREE)
    back_up(source, "q", MORE)
    copy(source, world.store())
    world.delete("copy-p")
    world.wait(timedelta(days=2))
    assert world.collect().announced

    def collect(items: int, size: int) -> None:
        world.collection(settings=BUSY).run()
        world.wait(timedelta(seconds=1))

    record = copy_point(source, world.store(), CopyOrder("q", "copy-q", "a", "j"), advance=collect)
    assert record.stats.read_bytes > 3 * MIB  # what is going counts as gone
    for _ in range(4):
        world.collection(settings=BUSY).run()
        world.wait(timedelta(seconds=1))
    assert restore(world.store(), "copy-q") == flat(MORE)
    assert verify(world.store(), read_data=True).problems == []


def test_what_the_map_names_is_locked_as_the_copy_is(source: VaultStore, tmp_path: Path) -> None:
    root = LockingLocalBackend.create(tmp_path / "vault").root
    backend = LockingLocalBackend(root, may_be_immutable=False)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)
    copy(source, target_of(backend), kept=Retention(LockMode.GOVERNANCE, until - timedelta(days=10)))
    needed = Retention(LockMode.COMPLIANCE, until)
    record = copy(open_store(source.backend), target_of(backend), "q", kept=needed)
    assert record.stats.read_bytes == 2 * MIB
    store = target_of(backend)
    used = {"points/copy-q", "keys/0", *store.objects_used(store.point("copy-q"))}
    for name in used:
        assert is_enough(backend.retention(first_version(backend, name)), needed)
    for name in folder_names(backend, MAPS):
        backend.delete(name)  # working state is under no lock


# -- tables


def some_rows(count: int, seed: int = 1) -> dict[bytes, bytes]:
    drawn = random.Random(seed)
    return {drawn.randbytes(32): drawn.randbytes(32) for _ in range(count)}


@pytest.fixture
def small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PART_ROWS", 8), ("TABLE_ROWS", 64), ("MOST_TABLES", 3), ("KEPT_PARTS", 5)):
        monkeypatch.setattr(id_map, name, value)


@pytest.mark.usefixtures("small_tables")
def test_all_that_was_put_is_found_however_tables_were_laid_together(target: VaultStore) -> None:
    folder, rows, known = maps_of(target), some_rows(3000), {}
    for number, (source_id, target_id) in enumerate(rows.items()):
        if number % 50 == 0:
            learnt = IdMap(folder, "a" * 32)
        learnt.put(source_id, target_id)
        known[source_id] = target_id
        if number % 50 == 49:
            learnt.keep()
            learnt.tend()
    found = IdMap(folder, "a" * 32)
    assert {source_id: found.find(source_id) for source_id in known} == rows
    assert [found.find(other) for other in some_rows(100, seed=2)] == [None] * 100
    tables = [folder.open(name) for name in folder.names("a" * 32)]
    assert max(Counter(table.head.prefix for table in tables).values()) <= 4
    assert any(len(table.head.prefix) > 1 for table in tables)
    assert sum(table.head.rows for table in tables) == 3000
    assert folder.names("b" * 32) == []


@pytest.mark.usefixtures("small_tables")
def test_rows_that_are_there_twice_become_one(target: VaultStore) -> None:
    folder, rows = maps_of(target), some_rows(10)
    for _ in range(5):
        learnt = IdMap(folder, "a" * 32)
        for source_id, target_id in rows.items():
            learnt.put(source_id, target_id)
        learnt.keep()
    learnt.tend()
    (name,) = folder.names("a" * 32)
    assert folder.open(name).head.rows == 10


@pytest.mark.usefixtures("small_tables")
def test_laying_together_that_fails_halfway_leaves_what_there_was(target: VaultStore) -> None:
    for number in range(8):
        learnt = IdMap(maps_of(target), "a" * 32)
        for source_id, target_id in some_rows(40, seed=number).items():
            learnt.put(source_id, target_id)
        learnt.keep()
    before = maps_of(target).names("a" * 32)
    faulty = FaultyBackend(target.backend, [Fault("put", Trouble.FAIL, first=5, folder=MAPS)])
    IdMap(MapFolder(faulty, target.keys, target.vault_id), "a" * 32).tend()
    assert maps_of(target).names("a" * 32) == before


def test_of_another_vaults_names_nothing_is_said(target: VaultStore) -> None:
    """Two sources have maps of their own: one's names mean nothing in the other."""
    folder = maps_of(target)
    folder.write("a" * 32, "", [bytes(32) + b"t" * 32])
    assert IdMap(folder, "a" * 32).find(bytes(32)) == b"t" * 32
    assert IdMap(folder, "b" * 32).find(bytes(32)) is None


# -- collection


def collected(world: VaultWorld) -> list[str]:
    forgotten = []
    for _ in range(5):
        forgotten += world.collection(settings=BUSY).run().forgotten
        world.wait(timedelta(seconds=1))
    return forgotten


def test_a_map_keeps_nothing_and_goes_with_the_last_copy() -> None:
    source, world = open_store(), VaultWorld()
    back_up(source, "p", TREE)
    copy(source, world.store())
    tables = world.names(MAPS)
    assert collected(world) == []
    world.delete("copy-p")
    world.wait(timedelta(days=2))
    assert collected(world) == tables
    assert world.names(MAPS, "packs/", "trees/", "points/") == []


def test_of_a_map_that_leads_to_little_what_lives_is_kept() -> None:
    source, world = open_store(), VaultWorld()
    back_up(source, "p", TREE)
    back_up(source, "q", {b"kept": TREE[b"folder"][b"007"]})  # type: ignore[call-overload,index]
    copy(source, world.store())
    copy(source, world.store(), "q")
    old = world.names(MAPS)
    world.delete("copy-p")
    world.wait(timedelta(days=2))
    assert collected(world) == old
    folder = maps_of(world.store())
    (name,) = folder.names()
    assert folder.open(name).head.rows == 1
    back_up(source, "r", {b"again": {b"kept": TREE[b"folder"][b"007"]}})  # type: ignore[call-overload,index]
    assert copy(open_store(source.backend), world.store(), "r").stats.read_bytes == 0


def test_while_somebody_writes_no_map_goes() -> None:
    source, world = open_store(), VaultWorld()
    back_up(source, "p", TREE)
    copy(source, world.store())
    tables = world.names(MAPS)
    world.delete("copy-p")
    world.wait(timedelta(days=2))
    with world.store().session():
        assert world.collection(settings=BUSY).run().forgotten == []
        assert world.names(MAPS) == tables
