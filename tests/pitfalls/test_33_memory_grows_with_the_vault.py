"""Elsewhere the whole index was read into memory, or every directory of a repository, and processes were
killed in the midst of their work once there was enough of it."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safehold.core.errors import ObjectMissing
from safehold.domain.items import Item, ItemKind
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.index.index import Index
from safehold.store.index.index_folder import IndexFolder
from safehold.store.index.scratch_index import ScratchIndex
from safehold.store.trees.tree_reader import KEPT_ITEMS, PointTree
from safehold.store.trees.trees import PageCutter, write_directory
from tests.store.fragments.test_stored_fragments import KEYS, Covered, an_object, random_ids, true_places
from tests.store.vaults import VAULT_ID, CountingBackend, Tree, back_up, open_store, restore

MIB = 1 << 20
SMALL, LARGE = 40_000, 320_000
PACK_CHUNKS = 4000


def packs(count: int) -> Iterator[Covered]:
    for number in range(count // PACK_CHUNKS):
        yield an_object(number, random_ids(PACK_CHUNKS, seed=number), frame_chunks=500)


def peak_of(work: Callable[[], object]) -> int:
    """Bytes that Python allocated at once for it, its result included."""
    tracemalloc.start()
    try:
        result = work()
        peak = tracemalloc.get_traced_memory()[1]
        del result
    finally:
        tracemalloc.stop()
    return peak


def written(folder: Path, count: int) -> IndexFolder:
    """An index of so many chunks on a disk, in fragments as sessions write them."""
    index = IndexFolder(LocalBackend.create(folder), KEYS, VAULT_ID)
    for covered in packs(count):
        index.write([covered])
    return index


@pytest.mark.slow
@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_merging_takes_no_more_memory_for_a_large_index(count: int, tmp_path: Path) -> None:
    index = written(tmp_path / "index", count)
    # The entries of the large one are 18 MB, and four times that as Python's objects.
    assert peak_of(lambda: index.merge(index.load().fragments)) < 60 * MIB


@pytest.mark.slow
def test_looking_into_a_merged_index_takes_four_bytes_a_chunk_at_most(tmp_path: Path) -> None:
    index = written(tmp_path / "index", LARGE)
    index.merge(index.load().fragments)
    wanted = [random_ids(1, seed=number)[0] for number in range(LARGE // PACK_CHUNKS)]
    unknown = random_ids(2000, seed=10_000)

    def look() -> Index:
        found = Index()
        for fragment in index.load().fragments:
            found.add(fragment)
        assert all(identity in found for identity in wanted)
        assert not any(identity in found for identity in unknown)
        return found

    assert peak_of(look) < 4 * LARGE + 8 * MIB  # and the blocks that were read last


@pytest.mark.slow
def test_a_reader_that_finds_no_index_keeps_none_in_memory() -> None:
    covered = list(packs(200_000))

    def gather(memory_chunks: int) -> ScratchIndex:
        return ScratchIndex(covered, KEYS, VAULT_ID, memory_chunks=memory_chunks)

    whole = peak_of(lambda: gather(1 << 30))
    assert peak_of(lambda: gather(20_000)) < whole / 2
    index = gather(20_000)
    expected = true_places(covered[::20])
    assert all(set(index.places(identity)) == places for identity, places in expected.items())


def test_what_a_reader_gathers_for_itself_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    index = ScratchIndex(packs(12_000), KEYS, VAULT_ID, memory_chunks=5000)
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert f"packs/{2:032x}" in index.covered
    assert random_ids(1, seed=0)[0] in index
    del index
    assert list(tmp_path.iterdir()) == []


def test_a_restore_takes_a_folder_page_by_page_whatever_its_length() -> None:
    pages: dict[bytes, bytes] = {}
    reads: list[bytes] = []
    lost: set[bytes] = set()

    def put(page: bytes) -> bytes:
        identity = random.Random(page).randbytes(32)
        pages[identity] = page
        return identity

    def get(identity: bytes) -> bytes:
        if identity in lost:
            raise ObjectMissing("lost")
        reads.append(identity)
        return pages[identity]

    files = [Item(b"%06d" % n, ItemKind.FILE, 0, {}, b"") for n in range(20_000)]
    root = Item(b"", ItemKind.DIRECTORY, 0, {}, write_directory(files, PageCutter(b"p" * 32), put))
    told: list[bytes] = []
    tree = PointTree(root, get)
    items = tree.below(b"", unreadable=lambda path, error: told.append(path))
    assert next(items) == (b"000000", files[0])
    assert len(reads) <= 3 < len(pages)
    assert [item for _, item in items] == files[1:]
    lost.add(reads[-1])
    rest = list(tree.below(b"", unreadable=lambda path, error: told.append(path)))
    assert [item for _, item in rest] == files[: len(rest)]
    assert len(rest) > 15_000
    assert told == [b""]


def test_a_walk_keeps_few_directories_and_reads_none_above_twice() -> None:
    pages: dict[bytes, bytes] = {}
    reads: list[bytes] = []

    def put(page: bytes) -> bytes:
        identity = random.Random(page).randbytes(32)
        pages[identity] = page
        return identity

    def get(identity: bytes) -> bytes:
        reads.append(identity)
        return pages[identity]

    cutter = PageCutter(b"p" * 32)
    below = write_directory([Item(b"%05d" % n, ItemKind.FILE, 0, {}, b"") for n in range(9000)], cutter, put)
    folders = [Item(b"%03d" % n, ItemKind.DIRECTORY, 0, {}, below) for n in range(20)]
    tree = PointTree(Item(b"", ItemKind.DIRECTORY, 0, {}, write_directory(folders, cutter, put)), get)
    for folder in folders:
        assert len(tree.listing(folder.name)) == 9000
        assert tree.kept_items <= KEPT_ITEMS + 9000
    assert reads.count(tree.root().content or b"") == 1


def test_one_file_is_restored_from_the_pages_on_its_path_however_many_there_are() -> None:
    backend = CountingBackend(MemoryBackend())
    chance = random.Random(1)
    # Long names: each folder is some twenty pages.
    tree: Tree = {
        b"%d" % folder: {
            b"%04d " % number + chance.randbytes(90).hex().encode(): b"" for number in range(3000)
        }
        for folder in range(8)
    }
    tree = {**tree, b"it": {**tree[b"5"], b"is": b"wanted"}, b"large": chance.randbytes(2 * MIB)}  # type: ignore[dict-item]
    back_up(open_store(backend), "p", tree)
    backend.calls.clear()
    assert restore(open_store(backend), "p", b"it/is")[b"it/is"] == b"wanted"
    one = backend.count()
    backend.calls.clear()
    store = open_store(backend)
    assert sum(len(listing.items) for listing in store.tree(store.point("p")).walk()) == 27_011
    assert one["get packs"] == 1
    assert one["get trees"] <= 4  # the root, and of the folder its root, perhaps a page between, and a leaf
    assert backend.count()["get trees"] > 15
    assert one["list packs"] + one["list trees"] == 0
    assert one["get index"] <= 6
