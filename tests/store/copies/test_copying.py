"""A point copied into another vault restores equal there; what is known is not moved; whole or not at all."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from safehold.core.errors import JobAborted, ObjectMissing, PointDamaged
from safehold.core.secrets import RootKey
from safehold.domain.items import ItemKind
from safehold.store.backends.contract import Backend, LockMode, Retention
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.backends.retention import is_enough
from safehold.store.collect.settings import CollectionSettings
from safehold.store.copies import copy_trees
from safehold.store.copies.copying import CopyOrder, copy_point
from safehold.store.copies.translations import Translations
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.points.locking import PointLock, first_version
from safehold.store.points.points import PointRecord
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from tests.store.collect.worlds import VaultWorld
from tests.store.vaults import Other, Tree, back_up, flat, folder_names, open_store, restore

T = TypeVar("T")
MIB = 1 << 20
BUSY = CollectionSettings(grace_seconds=0, trash_seconds=0, most_dead_percent=100.0)
OTHER_VAULT, OTHER_KEY = b"o" * 16, b"o" * 32


class Measured(PassingBackend):
    """Counts calls and bytes, by operation and name."""

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self.calls: Counter[tuple[str, str]] = Counter()
        self.sizes: Counter[tuple[str, str]] = Counter()
        self.frames: list[tuple[str, int]] = []

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        data = super().get(name, offset=offset, length=length)
        self.sizes["get", name] += len(data)
        if offset >= 48:
            self.frames.append((name, offset))
        return data

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        self.sizes["put", name] += sum(map(len, parts))
        super().put(name, parts)

    def _call(self, operation: str, name: str, work: Callable[[], T]) -> T:
        self.calls[operation, name] += 1
        return work()

    def names(self, operation: str) -> set[str]:
        return {name.split("/")[0] for called, name in self.calls if called == operation}

    def bytes_of(self, operation: str, *folders: str) -> int:
        return sum(
            n for (called, name), n in self.sizes.items() if called == operation and name.startswith(folders)
        )


def measured(store: VaultStore) -> tuple[VaultStore, Measured]:
    """The store opened anew, and what it asks its place for from now on."""
    backend = Measured(store.backend)
    return VaultStore(backend, store.keys, store.vault_id), backend


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


TREE: Tree = {
    b"long": noise(2 * MIB, 1) + bytes(9 * MIB) + noise(MIB // 2, 2),
    b"zeros": bytes(2 * MIB),
    b"few zeros": bytes(1000),
    b"empty": b"",
    b"twice": noise(2 * MIB, 1),
    b"link": Other(ItemKind.SYMLINK, (("l", b"long"),)),
    b"\xff\x01": b"name of bytes",
    b"none": {},
    b"folder": {b"%02d" % n: noise(30_000, n) for n in range(30)} | {b"sub": {b"deep": b"x" * 5000}},
    b"same": {b"a": b"1" * 300, b"b": {b"c": b"2" * 300}},
}


def target_of(backend: Backend | None = None) -> VaultStore:
    """A vault of its own: other keys, another id, another place."""
    return VaultStore.for_writing(backend or MemoryBackend(), KeyFile(RootKey(OTHER_KEY)), OTHER_VAULT)


def copy(source: VaultStore, target: VaultStore, point: str = "p", **options: object) -> PointRecord:
    order = CopyOrder(point, f"copy-{point}", f"arn:copy:{point}", "copy job", {"lifecycle": "its own"})
    return copy_point(source, target, order, advance=lambda items, size: None, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def base() -> MemoryBackend:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    return backend


@pytest.fixture
def source(base: MemoryBackend) -> VaultStore:
    backend = MemoryBackend()
    backend.objects = dict(base.objects)
    return open_store(backend)


@pytest.fixture(params=["memory", "local"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return MemoryBackend() if request.param == "memory" else LocalBackend.create(tmp_path / "target")


def test_a_copy_restores_to_what_the_point_held(source: VaultStore, place: Backend) -> None:
    copy(source, target_of(place))
    assert restore(target_of(place), "copy-p") == flat(TREE) == restore(source, "p")
    assert verify(target_of(place), read_data=True).problems == []
    assert folder_names(place, "intents/") == folder_names(source.backend, "intents/") == []


def test_a_copy_says_what_it_is(source: VaultStore) -> None:
    target = target_of()
    record = copy(source, target)
    mine = source.point("p")
    assert (record.point_id, record.point_arn, record.job_id) == ("copy-p", "arn:copy:p", "copy job")
    assert (record.taken_at, record.created_at) == (mine.taken_at, mine.created_at)
    assert record.resource_arn == mine.resource_arn
    assert record.facts["lifecycle"] == "its own"
    assert record.facts["copied_from_point"] == "p"
    assert record.facts["copied_from_vault"] == source.vault_id.hex()
    assert (record.stats.items, record.stats.files) == (mine.stats.items, mine.stats.files)
    assert record.stats.total_bytes == mine.stats.total_bytes
    assert target_of(target.backend).point("copy-p").facts == record.facts


def test_a_copy_of_a_copy_knows_the_first_point(source: VaultStore) -> None:
    second = VaultStore.for_writing(MemoryBackend(), KeyFile(RootKey(b"3" * 32)), b"3" * 16)
    target = target_of()
    copy(source, target)
    record = copy(target, second, "copy-p")
    assert (record.facts["copied_from_point"], record.facts["origin_point"]) == ("copy-p", "p")
    assert record.facts["origin_vault"] == source.vault_id.hex()
    assert restore(second, "copy-copy-p") == flat(TREE)


def test_a_copy_done_again_reads_nothing(source: VaultStore) -> None:
    target = target_of()
    copy(source, target)
    again, read = measured(source)
    there = copy(again, target_of(target.backend))
    assert there.point_id == "copy-p"
    assert read.calls == Counter()


# -- what is known is not moved


def test_a_point_that_did_not_change_is_copied_by_its_record_alone(source: VaultStore) -> None:
    target = target_of()
    copy(source, target)
    back_up(source, "q", TREE, previous="p")
    again, read = measured(source)
    there, written = measured(target)
    record = copy(again, there, "q", earlier=["copy-p"])
    assert read.bytes_of("get", "packs/", "trees/") == 0
    assert written.names("put") == {"points", "intents"}
    assert (record.stats.read_bytes, record.stats.new_bytes) == (0, 0)
    assert record.previous_point_id == "copy-p"
    assert restore(target_of(target.backend), "copy-q") == flat(TREE)


def wide(changed: int | None = None) -> Tree:
    """A folder of many pages: long names, short files."""
    folder = {noise(100, n).hex().encode(): noise(50, n) for n in range(8000)}
    if changed is not None:
        folder[noise(100, changed).hex().encode()] = noise(1000, 10_000)
    return {b"wide": folder, b"other": {b"sub": {b"x": b"1" * 700}}}


@pytest.mark.slow
def test_one_changed_file_costs_its_frame_and_the_pages_on_its_way() -> None:
    source, target = open_store(), target_of()
    back_up(source, "p", wide())
    copy(source, target)
    back_up(source, "q", wide(changed=1234), previous="p")
    again, read = measured(open_store(source.backend))
    there, written = measured(target)
    record = copy(again, there, "q", earlier=["copy-p"])
    assert record.stats.read_bytes == 1000
    assert read.bytes_of("get", "packs/") == 0  # the changed file lies in the combined point
    pages = sum(len(source.backend.get(name)) for name in folder_names(source.backend, "trees/"))
    assert pages > 1_000_000
    assert read.bytes_of("get", "trees/") < pages / 2
    assert written.bytes_of("put", "packs/", "trees/", "points/") < 300_000
    assert restore(target_of(target.backend), "copy-q") == flat(wide(changed=1234))


@pytest.mark.slow
def test_of_a_long_file_only_changed_chunks_are_read() -> None:
    before = noise(50 * MIB, 1)
    after = before[: 30 * MIB] + b"!" + before[30 * MIB :]
    source, target = open_store(), target_of()
    back_up(source, "p", {b"long": before})
    copy(source, target)
    back_up(source, "q", {b"long": after}, previous="p")
    record = copy(open_store(source.backend), target_of(target.backend), "q", earlier=["copy-p"])
    assert 0 < record.stats.read_bytes < 20 * MIB
    assert restore(target_of(target.backend), "copy-q") == {b"long": after}


def test_a_renamed_folder_is_taken_over(source: VaultStore) -> None:
    target = target_of()
    copy(source, target)
    moved = {name: entry for name, entry in TREE.items() if name != b"folder"} | {b"new": TREE[b"folder"]}
    back_up(source, "q", moved, previous="p")
    record = copy(open_store(source.backend), target_of(target.backend), "q", earlier=["copy-p"])
    assert record.stats.read_bytes == 0
    assert restore(target_of(target.backend), "copy-q") == flat(moved)


CHANGES: dict[str, Tree] = {
    "a file becomes a folder": TREE | {b"long": {b"now": b"a folder"}},
    "a folder becomes a file": TREE | {b"folder": b"now a file"},
    "a folder is emptied": TREE | {b"folder": {}},
    "a folder goes": {name: entry for name, entry in TREE.items() if name != b"folder"},
    "everything goes": {},
    "a file grows": TREE | {b"few zeros": noise(2 * MIB, 9)},
    "a long file becomes short": TREE | {b"long": b"short"},
    "facts change": TREE | {b"link": Other(ItemKind.SYMLINK, (("l", b"elsewhere"),))},
    "a folder gets a twin": TREE | {b"twin": TREE[b"folder"]},
    "a folder changes places": TREE | {b"folder": TREE[b"same"], b"same": TREE[b"folder"]},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "is_whole",
    [pytest.param(True, id="whole"), pytest.param(False, id="with gaps", marks=pytest.mark.slow)],
)
def test_whatever_changed_the_next_copy_restores_equal(
    source: VaultStore, change: str, is_whole: bool
) -> None:
    target = target_of()
    copy(source, target)
    back_up(source, "q", CHANGES[change], previous="p")
    if not is_whole:  # what the earlier copy refers to may be gone, and some of it is
        lost = sorted(folder_names(target.backend, "packs/"), key=target.backend.size)[-1]
        target.backend.delete(lost)
    copy(open_store(source.backend), target_of(target.backend), "q", earlier=["copy-p"])
    assert restore(target_of(target.backend), "copy-q") == flat(CHANGES[change])
    where = {problem.where for problem in verify(target_of(target.backend), read_data=True).problems}
    assert where <= {"point copy-p"}


def test_a_file_with_the_bytes_of_a_folders_page_is_copied_as_a_file(source: VaultStore) -> None:
    target = target_of()
    copy(source, target)
    folder = source.tree(source.point("p")).find(b"same")
    assert folder is not None
    tree = TREE | {b"same": source.chunks().read(folder.content or b"")}
    back_up(source, "q", tree, previous="p")
    copy(source, target_of(target.backend), "q", earlier=["copy-p"])
    assert restore(target_of(target.backend), "copy-q") == flat(tree)


def test_without_the_earlier_point_no_data_is_read_and_nothing_moved(source: VaultStore) -> None:
    target = target_of()
    copy(source, target)
    back_up(source, "q", TREE, previous="p")
    source.amend("p", "deletion", {}, written_at=1)
    there, written = measured(target)
    again, read = measured(source)
    record = copy(again, there, "q", earlier=["copy-p"])
    assert read.bytes_of("get", "packs/") == 0
    assert record.stats.read_bytes == 0
    assert record.stats.new_chunks == 0
    assert written.names("put") == {"points", "intents"}
    assert restore(target_of(target.backend), "copy-q") == flat(TREE)


def test_a_copy_of_another_vaults_point_is_not_built_upon(source: VaultStore) -> None:
    target = target_of()
    stranger = VaultStore.for_writing(MemoryBackend(), KeyFile(RootKey(b"3" * 32)), b"3" * 16)
    back_up(stranger, "p", TREE | {b"folder": {b"00": b"the stranger's"}})
    copy(stranger, target)
    back_up(target, "own", TREE)
    back_up(source, "q", TREE, previous="p")
    record = copy(source, target_of(target.backend), "q", earlier=["own", "copy-p", "unknown"])
    assert record.previous_point_id is None
    assert restore(target_of(target.backend), "copy-q") == flat(TREE)


@pytest.mark.parametrize("limits", [(1, 1, 1), (3, 1000, 2), (2, 1 << 40, 5)])
def test_where_windows_end_does_not_matter(
    source: VaultStore, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int, int]
) -> None:
    for name, limit in zip(("WINDOW_PIECES", "WINDOW_BYTES", "WINDOW_ITEMS"), limits, strict=True):
        monkeypatch.setattr(copy_trees, name, limit)
    target = target_of()
    copy(source, target, named_bytes=1)
    assert restore(target_of(target.backend), "copy-p") == flat(TREE)


@pytest.mark.slow
def test_every_frame_is_read_once() -> None:
    source = open_store()
    back_up(source, "p", wide() | {b"long": noise(40 * MIB, 3)})
    again, read = measured(open_store(source.backend))
    copy(again, target_of())
    seen = [(name, offset) for name, offset in read.frames if name.startswith("packs/")]
    assert len(seen) == len(set(seen)) > 20
    assert len(set(folder_names(source.backend, "packs/"))) > 1


# -- whole or not at all


def test_a_lost_chunk_is_told_by_item_and_no_point_comes_to_be(source: VaultStore) -> None:
    for name in folder_names(source.backend, "packs/"):
        data = bytearray(source.backend.get(name))
        data[60] ^= 1  # in its first frame
        source.backend.objects[name] = bytes(data)  # type: ignore[attr-defined]
    target = target_of()
    with pytest.raises(PointDamaged) as caught:
        copy(open_store(source.backend), target)
    assert caught.value.point_id == "p"
    assert caught.value.items.keys() <= {path for path, what in flat(TREE).items() if what}
    assert "cannot be copied" in str(caught.value)
    assert folder_names(target.backend, "points/") == []
    assert folder_names(target.backend, "packs/") == []
    assert folder_names(target.backend, "intents/") == folder_names(source.backend, "intents/") == []


def test_a_lost_list_of_a_folder_is_told_by_its_path(source: VaultStore) -> None:
    for name in folder_names(source.backend, "trees/"):
        source.backend.delete(name)
    with pytest.raises(PointDamaged, match="list cannot be read"):
        copy(open_store(source.backend), target_of())


def test_a_lost_place_is_made_good_by_another(source: VaultStore) -> None:
    """The chunk lies twice: the damaged place does not stop the copy."""
    back_up(source, "q", {b"again": TREE[b"folder"]})
    lost = folder_names(source.backend, "packs/")[0]
    fresh = open_store(source.backend)
    fresh.index_for_writing().note_condemned(lost, None)
    source.backend.delete(lost)
    with pytest.raises(PointDamaged):
        copy(open_store(source.backend), target_of())
    back_up(fresh, "r", TREE)
    target = target_of()
    copy(open_store(source.backend), target)
    assert restore(target_of(target.backend), "copy-p") == flat(TREE)


@pytest.mark.parametrize("point", ["unknown", "p"])
def test_what_is_not_there_or_was_deleted_is_not_copied(source: VaultStore, point: str) -> None:
    source.amend("p", "deletion", {}, written_at=1)
    with pytest.raises(ObjectMissing, match=point):
        copy(source, target_of(), point)


def test_a_copy_that_is_stopped_leaves_nothing(source: VaultStore) -> None:
    target = target_of()
    before = set(folder_names(target.backend, ""))

    def stop(items: int, size: int) -> None:
        raise JobAborted("stop")

    with pytest.raises(JobAborted):
        copy_point(source, target, CopyOrder("p", "c", "arn", "job"), advance=stop)
    assert set(folder_names(target.backend, "")) == before
    assert folder_names(source.backend, "intents/") == []


@pytest.mark.slow
def test_what_a_dead_copy_had_named_is_not_moved_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_trees, "WINDOW_BYTES", 16 * MIB)
    source = open_store()
    tree: Tree = {b"%02d" % n: noise(8 * MIB, n) for n in range(20)}
    back_up(source, "p", tree)
    backend = MemoryBackend()
    dying = target_of(FaultyBackend(backend, [Fault("delete", Trouble.FAIL)]))  # it cleans nothing up
    moved = 0

    def die(items: int, size: int) -> None:
        nonlocal moved
        moved += size
        if moved > 130 * MIB:
            raise JobAborted("as dead")

    with pytest.raises(JobAborted):
        copy_point(source, dying, CopyOrder("p", "c", "arn", "job"), advance=die, named_bytes=32 * MIB)
    target, written = measured(target_of(backend))
    record = copy_point(source, target, CopyOrder("p", "c", "arn", "job"), advance=lambda i, s: None)
    assert record.stats.new_bytes < 100 * MIB
    assert record.stats.read_bytes < 100 * MIB  # nor read
    assert written.bytes_of("put", "packs/") < 100 * MIB
    assert restore(target_of(backend), "c") == flat(tree)


def test_two_copiers_of_one_order_make_one_point(source: VaultStore) -> None:
    backend = MemoryBackend()
    first, second = target_of(backend), target_of(backend)
    told = []

    def overtaken(items: int, size: int) -> None:
        if not told:
            told.append(copy(open_store(source.backend), second))

    record = copy_point(source, first, CopyOrder("p", "copy-p", "late", "late"), advance=overtaken)
    assert record.job_id == told[0].job_id == "copy job"
    assert restore(target_of(backend), "copy-p") == flat(TREE)
    assert verify(target_of(backend), read_data=True).problems == []


# -- beside collection, and under locks


def test_a_point_deleted_and_collected_while_it_is_copied_is_copied_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(copy_trees, "WINDOW_PIECES", 1)  # most is read after it was collected
    world = VaultWorld()
    for point in ("p", "other"):
        back_up(world.store(), point, TREE if point == "p" else {b"x": noise(2 * MIB, 5)})
    target, steps = target_of(), 0

    def delete_and_collect(items: int, size: int) -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            world.delete("p")
            for _ in range(4):
                world.collection(settings=BUSY).run()
                world.wait(timedelta(seconds=1))

    order = CopyOrder("p", "copy-p", "arn", "job")
    copy_point(world.store(), target, order, advance=delete_and_collect)
    assert steps > 3
    assert restore(target_of(target.backend), "copy-p") == flat(TREE)
    for _ in range(4):
        world.collection(settings=BUSY).run()
        world.wait(timedelta(seconds=1))
    assert world.names("points/") == ["points/other"]  # nothing pins it any more


def test_collection_in_the_target_takes_nothing_that_the_copy_uses() -> None:
    """The earlier copy is deleted, and its chunks on their way out, while the next one is made."""
    source, world = open_store(), VaultWorld()
    back_up(source, "p", TREE)
    back_up(source, "q", TREE | {b"new": noise(2 * MIB, 8)}, previous="p")
    copy(source, world.store())
    world.delete("copy-p")
    world.wait(timedelta(days=2))
    assert world.collect().announced
    steps = 0

    def collect(items: int, size: int) -> None:
        nonlocal steps
        steps += 1
        world.collection(settings=BUSY).run()
        world.wait(timedelta(seconds=1))

    copy_point(source, world.store(), CopyOrder("q", "copy-q", "a", "j"), earlier=["copy-p"], advance=collect)
    assert steps > 0
    for _ in range(4):
        world.collection(settings=BUSY).run()
        world.wait(timedelta(seconds=1))
    assert restore(world.store(), "copy-q") == flat(TREE | {b"new": noise(2 * MIB, 8)})
    assert verify(world.store(), read_data=True).problems == []


def test_everything_that_the_copy_uses_is_locked_before_its_record_is(
    source: VaultStore, tmp_path: Path
) -> None:
    root = LockingLocalBackend.create(tmp_path / "vault").root
    backend = LockingLocalBackend(root, may_be_immutable=False)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)
    short = Retention(LockMode.GOVERNANCE, until - timedelta(days=10))
    copy(source, target_of(backend), kept=short)
    back_up(source, "q", TREE | {b"new": b"since"}, previous="p")
    needed = Retention(LockMode.COMPLIANCE, until)
    record = copy(open_store(source.backend), target_of(backend), "q", earlier=["copy-p"], kept=needed)
    assert (record.facts["locked_until"], record.facts["lock_mode"]) == (until.isoformat(), "COMPLIANCE")
    store = target_of(backend)
    used = {"points/copy-q", "keys/0", *store.objects_used(store.point("copy-q"))}
    assert {name for name in used if name.startswith("packs/")}
    for name in used:
        assert is_enough(backend.retention(first_version(backend, name)), needed)


def test_a_copy_is_not_locked_as_its_source_was(tmp_path: Path) -> None:
    root = LockingLocalBackend.create(tmp_path / "vault").root
    locked = open_store(LockingLocalBackend(root, may_be_immutable=False))
    needed = Retention(LockMode.GOVERNANCE, datetime.now(UTC) + timedelta(days=1))
    back_up(locked, "p", {b"a": b"1"}, lock=PointLock(needed, None))
    record = copy(locked, target_of())
    assert "locked_until" not in record.facts


# -- what was learnt


def test_what_was_put_or_asked_for_last_is_known_longest() -> None:
    known = Translations(kept_ids=4)
    for n in range(4):
        known.put(b"%d" % n, b"t%d" % n)
    assert known.get(b"1") == b"t1"
    for n in range(4, 7):
        known.put(b"%d" % n, b"t%d" % n)
    assert known.get(b"1") == b"t1"
    assert known.get(b"0") is None
    assert known.get(b"6") == b"t6"
