"""A backup that was cut off goes on where it was: what was taken in and is unchanged is not read again."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from safehold.core.errors import StoreUnavailable
from safehold.domain.items import Item
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.points.checkpoints import CheckpointFolder
from safehold.store.points.locking import PointLock
from safehold.store.sealed.chunking import BUFFER_BYTES
from safehold.store.soundness.verify import verify
from safehold.store.writing import backup, loads
from safehold.store.writing.checkpointing import EVERY_SECONDS
from tests.store.points.test_locking import assert_kept, kept
from tests.store.resumed import Attempt, CountedSource, Cut, copy_of, killed_at, size_of
from tests.store.troubled import Tally
from tests.store.vaults import Blocks, CountingBackend, Tree, back_up, flat, folder_names, open_store, restore

MIB = 1 << 20
FILE_BYTES = 3000
LOAD_FILES = 8
EVERY = 5.0  # seconds; each load lasts one


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def folders(count: int, files: int = 20, seed: int = 0) -> dict[bytes, dict[bytes, bytes]]:
    return {
        b"%03d" % n: {b"%03d" % f: noise(FILE_BYTES, seed + n * 1000 + f) for f in range(files)}
        for n in range(count)
    }


MANY = folders(20)
EIGHTY_PERCENT = size_of(MANY) * 8 // 10
# Between two checkpoints, and what was read ahead of what was taken in.
INTERVAL_BYTES = (EVERY + 3) * LOAD_FILES * FILE_BYTES


@pytest.fixture(autouse=True)
def small_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a large source: what is read at a time, and ahead, is a small part of it."""
    monkeypatch.setattr(loads, "LOAD_ITEMS", LOAD_FILES)
    monkeypatch.setattr(backup, "AHEAD_LOADS", 1)


def is_well(backend: MemoryBackend) -> bool:
    return verify(open_store(backend), read_data=True).problems == []


def test_killed_at_eighty_percent_only_what_came_after_the_last_checkpoint_is_read_again() -> None:
    backend, name = killed_at(Attempt(open_store(), MANY, every_seconds=EVERY), EIGHTY_PERCENT)
    assert list(open_store(backend).points()) == []
    again = Attempt(open_store(backend), MANY)
    record = again.run(name)
    assert again.source.read_bytes <= size_of(MANY) - EIGHTY_PERCENT + INTERVAL_BYTES
    assert restore(open_store(backend), "p") == flat(MANY)
    assert is_well(backend)
    assert folder_names(backend, "checkpoints/") == []
    assert (record.stats.files, record.stats.total_bytes) == (400, size_of(MANY))
    # Those of both attempts: what was read twice is what the first one had not written down.
    assert size_of(MANY) == record.stats.read_bytes == record.stats.new_bytes - _page_bytes(backend)


def _page_bytes(backend: MemoryBackend) -> int:
    store = open_store(backend)
    trees = [store.object(name) for name in folder_names(backend, "trees/")]
    return sum(sum(note.lengths) for tree in trees for note in tree.directory.frames)


def test_an_attempt_that_is_told_to_let_go_leaves_its_last_checkpoint() -> None:
    backend = MemoryBackend()
    attempt = Attempt(open_store(backend), MANY, every_seconds=EVERY)
    _, name = killed_at(attempt, EIGHTY_PERCENT)
    assert folder_names(backend, "intents/") == []
    again = Attempt(open_store(backend), MANY)
    again.run(name)
    assert again.source.read_bytes <= size_of(MANY) - EIGHTY_PERCENT + INTERVAL_BYTES
    assert restore(open_store(backend), "p") == flat(MANY)


def test_a_point_is_not_shown_nor_its_checkpoint_one_before_it_is_whole() -> None:
    backend, _ = killed_at(Attempt(open_store(), MANY), EIGHTY_PERCENT)
    store = open_store(backend)
    assert list(store.points()) == []
    assert store.find_point("p") is None
    report = verify(store, read_data=True)
    assert (report.points, report.problems) == (0, [])
    back_up(store, "other", {b"a": b"b"})
    assert list(open_store(backend).points()) == ["other"]


def test_killed_again_before_it_came_to_where_the_first_attempt_was_it_has_lost_nothing() -> None:
    backend, name = killed_at(Attempt(open_store(), MANY, every_seconds=EVERY), EIGHTY_PERCENT)
    changed: Tree = {**MANY, b"000": {b"%03d" % n: noise(FILE_BYTES, 7000 + n) for n in range(40)}}
    second = Attempt(open_store(backend), changed)
    backend, name = killed_at(
        second, 30 * FILE_BYTES, name
    )  # in the first folder, the only one that it reads
    assert len(second.names) > 1
    third = Attempt(open_store(backend), changed)
    third.run(name)
    assert (
        third.source.read_bytes <= size_of(MANY) - EIGHTY_PERCENT + INTERVAL_BYTES + 40 * FILE_BYTES - 24_000
    )
    assert restore(open_store(backend), "p") == flat(changed)
    assert is_well(backend)


def test_what_changed_came_and_went_between_the_attempts_is_as_it_is_now() -> None:
    backend, name = killed_at(Attempt(open_store(), MANY), EIGHTY_PERCENT)
    now = {**folders(20), b"000 new": {b"new": b"new"}, b"file": b"new, too"}
    del now[b"003"]
    now[b"004"] = b"a folder before"
    now[b"005"] = {**MANY[b"005"], b"007": b"changed"}
    del now[b"005"][b"008"]
    again = Attempt(open_store(backend), now)
    again.run(name)
    assert restore(open_store(backend), "p") == flat(now)
    paths = set(again.source.read_paths)
    assert {b"000 new/new", b"file", b"004", b"005/007"} <= paths
    assert not any(path.startswith((b"001/", b"002/", b"006/")) for path in paths)


def test_what_a_point_before_holds_and_the_attempt_had_not_come_to_is_taken_over() -> None:
    # The first attempt reads the first folders anew and is killed there; all others are as they were.
    backend = MemoryBackend()
    back_up(open_store(backend), "before", MANY)
    now: Tree = {**MANY, **folders(4, seed=50_000)}
    attempt = Attempt(open_store(backend), now, previous="before")
    backend, name = killed_at(attempt, 70 * FILE_BYTES)
    again = Attempt(open_store(backend), now, previous="before")
    record = again.run(name)
    assert again.source.read_bytes <= 10 * FILE_BYTES + 2 * LOAD_FILES * FILE_BYTES
    assert restore(open_store(backend), "p") == flat(now)
    assert record.stats.items == 1 + 20 + 400
    assert is_well(backend)


def test_a_folder_of_which_each_of_two_trees_holds_a_part_is_taken_whole() -> None:
    # Every item of `d` is the very one that one of them held, and neither has them all.
    backend = MemoryBackend()
    kept = folders(3, seed=90_000)
    back_up(open_store(backend), "before", {b"d": {b"a": b"1", b"b": folders(1)[b"000"], b"z": kept}})
    now: Tree = {b"d": {b"a": b"2", b"b": folders(1, seed=50_000)[b"000"], b"z": kept}}
    backend, name = killed_at(Attempt(open_store(backend), now, previous="before"), 20 * FILE_BYTES)
    again = Attempt(open_store(backend), now, previous="before")
    again.run(name)
    assert again.source.read_bytes == 0
    assert restore(open_store(backend), "p") == flat(now)


def test_in_a_locked_vault_what_is_taken_over_is_locked_as_long_as_the_point(tmp_path: Path) -> None:
    def let_go(taken: int) -> None:
        first.clock.at += timedelta(seconds=1)
        if taken >= EIGHTY_PERCENT:
            raise Cut

    backend = LockingLocalBackend(LockingLocalBackend.create(tmp_path / "vault").root, may_be_immutable=False)
    first = Attempt(
        open_store(backend), MANY, lock=PointLock(kept(10), None), advance=let_go, every_seconds=12
    )
    with pytest.raises(Cut):
        first.run()
    again = Attempt(open_store(backend), MANY, lock=PointLock(kept(20), None), every_seconds=0)
    again.run(first.names[-1])
    assert again.source.read_bytes < size_of(MANY) / 2
    assert_kept(backend, "p", kept(20))
    assert restore(open_store(backend), "p") == flat(MANY)


LONG = noise(40 * MIB)


@pytest.mark.slow
def test_within_one_long_item_reading_goes_on_where_the_last_checkpoint_was() -> None:
    tree: Tree = {b"a": b"small", b"b": {b"image": LONG, b"then": b"more"}}
    first = Attempt(open_store(), tree)
    backend, name = killed_at(first, 32 * MIB)
    again = Attempt(open_store(backend), tree)
    record = again.run(name)
    (offset,) = again.source.skips
    assert offset >= 32 * MIB - BUFFER_BYTES - MIB  # content is cut a buffer at a time
    assert again.source.read_bytes == len(LONG) - offset
    assert restore(open_store(backend), "p") == flat(tree)
    assert record.stats.read_bytes == size_of(tree)
    assert record.stats.surprises == 0
    assert is_well(backend)
    # Cut as if it had been read at once: the next backup of the same bytes stores none of them again.
    other = back_up(open_store(backend), "q", {b"image": LONG})
    assert other.stats.new_bytes < MIB


@pytest.mark.slow
def test_a_long_item_is_gone_on_with_after_several_kills() -> None:
    tree: Tree = {b"image": LONG}
    backend, name, read = MemoryBackend(), None, 0
    open_store(backend)
    for _ in range(2):
        attempt = Attempt(open_store(backend), tree)
        backend, name = killed_at(attempt, 20 * MIB, name)
        read += attempt.source.read_bytes
    attempt = Attempt(open_store(backend), tree)
    attempt.run(name)
    assert restore(open_store(backend), "p") == flat(tree)
    assert read + attempt.source.read_bytes <= len(LONG) + 2 * (2 * BUFFER_BYTES)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before it is listed", "after it is listed"])
def test_a_long_item_that_changed_meanwhile_is_read_from_its_start(when: str) -> None:
    class ChangesLate(CountedSource):
        def open(self, directory: bytes, item: Item) -> tuple[Blocks, Item] | None:
            if item.name == b"image":
                self._files[b"image"] = changed
                item = Item(item.name, item.kind, len(changed), {"t": 1, "s": 1})
            return super().open(directory, item)

    changed = noise(8 * MIB, 1) + LONG[8 * MIB :]
    backend, name = killed_at(Attempt(open_store(), {b"image": LONG}), 32 * MIB)
    if when == "before it is listed":
        again = Attempt(open_store(backend), {b"image": changed})
    else:
        again = Attempt(open_store(backend), {b"image": LONG}, make_source=ChangesLate)
    again.run(name)
    assert again.source.skips == []
    assert again.source.read_bytes == len(changed)
    assert restore(open_store(backend), "p") == {b"image": changed}


@pytest.mark.slow
def test_content_that_cannot_begin_in_the_middle_is_read_from_its_start() -> None:
    class Pipes(CountedSource):
        def open(self, directory: bytes, item: Item) -> tuple[Blocks, Item] | None:
            opened = super().open(directory, item)
            assert opened is not None
            return Blocks(LONG, 300_000), opened[1]

    backend, name = killed_at(Attempt(open_store(), {b"image": LONG}), 32 * MIB)
    again = Attempt(open_store(backend), {b"image": LONG}, make_source=Pipes)
    again.run(name)
    assert restore(open_store(backend), "p") == {b"image": LONG}


@pytest.mark.slow
def test_a_long_item_of_which_a_pack_was_lost_is_read_from_its_start() -> None:
    backend, name = killed_at(Attempt(open_store(), {b"image": LONG}), 32 * MIB)
    lost = folder_names(backend, "packs/")[0]
    del backend.objects[lost]
    again = Attempt(open_store(backend), {b"image": LONG})
    again.run(name)
    assert again.source.skips == []
    assert restore(open_store(backend), "p") == {b"image": LONG}


@pytest.mark.parametrize("folder", ["checkpoints/", "trees/", "index/", "packs/"])
@pytest.mark.parametrize("is_cut", [False, True], ids=["lost", "cut off"])
def test_what_is_lost_of_a_checkpoint_is_read_again(folder: str, is_cut: bool) -> None:
    backend, name = killed_at(Attempt(open_store(), MANY), EIGHTY_PERCENT)
    for each in folder_names(backend, folder)[::2]:
        data = backend.objects.pop(each)
        if is_cut:
            backend.objects[each] = data[: 9 * len(data) // 10]
    again = Attempt(open_store(backend), MANY)
    again.run(name)
    assert restore(open_store(backend), "p") == flat(MANY)
    if folder == "checkpoints/":
        assert again.source.read_bytes == size_of(MANY)
    if folder == "packs/":  # one in two of many
        assert again.source.read_bytes < size_of(MANY)


def _checkpoint_itself(backend: MemoryBackend, name: str) -> list[str]:
    return ["checkpoints/" + name]


def _its_root_page(backend: MemoryBackend, name: str) -> list[str]:
    store = open_store(backend)
    root = CheckpointFolder(backend, store.keys, store.vault_id).get(name).root
    return [place.object.name for place in store.chunks().places(root.content or b"")]


def _the_index(backend: MemoryBackend, name: str) -> list[str]:
    del name
    return folder_names(backend, "index/")


@pytest.mark.parametrize("of", [_checkpoint_itself, _its_root_page, _the_index])
def test_what_is_damaged_of_a_checkpoint_is_read_again(of: Callable[[MemoryBackend, str], list[str]]) -> None:
    backend, name = killed_at(Attempt(open_store(), MANY), EIGHTY_PERCENT)
    for each in of(backend, name):
        data = backend.objects[each]
        backend.objects[each] = data[:60] + bytes([data[60] ^ 1]) + data[61:]
    again = Attempt(open_store(backend), MANY)
    again.run(name)
    assert restore(open_store(backend), "p") == flat(MANY)


def test_a_checkpoint_of_a_later_version_is_not_used() -> None:
    backend, name = killed_at(Attempt(open_store(), MANY), EIGHTY_PERCENT)
    store = open_store(backend)
    folder = CheckpointFolder(backend, store.keys, store.vault_id)
    later = folder.put(msgspec.structs.replace(folder.get(name), version=2))
    again = Attempt(open_store(backend), MANY)
    again.run(later)
    assert again.source.read_bytes == size_of(MANY)


@pytest.mark.slow
def test_wherever_a_checkpoint_is_cut_off_the_one_before_it_or_it_is_gone_on_with() -> None:
    tree: Tree = folders(3, files=6)
    empty = MemoryBackend()
    open_store(empty)
    tally = Tally(copy_of(empty))
    Attempt(open_store(tally), tree).run()
    read = [_read_again_after(copy_of(empty), tree, calls) for calls in range(4, tally.calls.total())]
    assert read[0] == size_of(tree)
    assert min(read) < size_of(tree) / 2


def _read_again_after(backend: MemoryBackend, tree: Tree, calls: int) -> int:
    """How many bytes, when the place was gone after so many calls."""
    attempt = Attempt(open_store(Tally(backend, stops_after=calls)), tree)
    with suppress(StoreUnavailable):
        attempt.run()
    again = Attempt(open_store(backend), tree)
    again.run(attempt.names[-1] if attempt.names else None)
    assert restore(open_store(backend), "p") == flat(tree)
    assert is_well(backend)
    return again.source.read_bytes


def test_with_none_due_a_backup_does_what_it_did_without_checkpoints() -> None:
    calls = []
    for every_seconds in (0, EVERY_SECONDS):
        backend = CountingBackend(MemoryBackend())
        Attempt(open_store(backend), MANY, every_seconds=every_seconds).run()
        calls.append(backend.count())
    without = CountingBackend(MemoryBackend())
    back_up(open_store(without), "p", MANY)
    assert calls == [without.count()] * 2


def test_no_checkpoint_is_made_when_nothing_was_read_since_the_last_one() -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "before", MANY)
    attempt = Attempt(open_store(backend), MANY, previous="before")
    attempt.run()
    assert attempt.names == []


def test_of_several_checkpoints_only_the_last_one_is_kept() -> None:
    backend = MemoryBackend()
    seen: list[int] = []
    attempt = Attempt(open_store(backend), MANY)
    attempt.advance = lambda size: seen.append(len(folder_names(backend, "checkpoints/")))
    attempt.run()
    assert len(attempt.names) > 5
    assert max(seen) == 1
    assert folder_names(backend, "checkpoints/") == []
