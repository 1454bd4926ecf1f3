"""Volumes in fixed blocks: what is read, what is shared with the previous point, what comes back."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.core.errors import SourceError
from safehold.domain.items import Item, ItemKind, Listing, PreviousTree
from safehold.store.backends.contract import Backend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.points.points import PointRecord
from safehold.store.trees.contents import decode_content
from safehold.store.vault_store import VaultStore
from safehold.store.writing import volumes
from safehold.store.writing.volumes import PAGE_BLOCKS
from tests.store.vaults import folder_names, new_record, open_store, restore

Changed = Sequence[tuple[int, int]] | None
BLOCK_BYTES = 4096  # here, so that a volume whose list has pages is quick to store
PAGED = PAGE_BLOCKS + 3  # blocks of a volume whose list has two pages


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(volumes, "BLOCK_BYTES", BLOCK_BYTES)
        patch.setattr(volumes, "PAGE_BYTES", BLOCK_BYTES * PAGE_BLOCKS)
        yield


class VolumeSource:
    """A capture of one volume that tells what has changed. `reads`: (offset, length) of each."""

    def __init__(self, data: bytes, changed: Changed, *, most: int = 1 << 30) -> None:
        self.data = data
        self.changed = changed
        self.reads: list[tuple[int, int]] = []
        self.before: Item | None = None
        self._most = most

    def root(self) -> Item:
        return Item(b"", ItemKind.DIRECTORY, 0, {})

    def listings(self) -> Iterator[Listing]:
        yield Listing(b"", [Item(b"disk", ItemKind.VOLUME, len(self.data), {})])

    def read_whole(self, batch: object) -> list[None]:
        raise AssertionError(f"a volume is never read whole: {batch}")

    def open(self, directory: bytes, item: Item) -> None:
        raise AssertionError(f"a volume is no stream: {directory!r} {item}")

    def open_volume(self, item: Item, before: Item | None) -> VolumeSource:
        assert item.name == b"disk"
        self.before = before
        return self

    def read_at(self, offset: int, buffer: memoryview) -> int:
        piece = self.data[offset : offset + min(len(buffer), self._most)]
        buffer[: len(piece)] = piece
        self.reads.append((offset, len(piece)))
        return len(piece)

    def close(self) -> None:
        pass

    @property
    def read_bytes(self) -> int:
        return sum(length for _, length in self.reads)


def back_up(
    store: VaultStore, point_id: str, source: VolumeSource, previous: str | None = None
) -> PointRecord:
    before = store.previous_tree(store.point(previous)) if previous else PreviousTree()
    with store.session(parents=[previous] if previous else []) as session:
        root = store.take_in(session, source, before, advance=lambda items, size: None)
        return session.finish(new_record(point_id, root, session.stats, previous_point_id=previous))


def volume(blocks: int, seed: int = 0, tail: int = 0) -> bytearray:
    """Every block is another one, and most of it is nothing, so that it is quick to store."""
    data = bytearray(blocks * BLOCK_BYTES + tail)
    chance = random.Random(seed)
    for start in range(0, len(data), BLOCK_BYTES):
        data[start : start + 16] = chance.randbytes(16)
    return data


def content_of(store: VaultStore, record: PointRecord) -> list[int]:
    """Lengths of its parts."""
    (item,) = store.tree(record).listing(b"").values()
    parts = decode_content(item.content or b"", item.size_bytes, store.chunks().read)
    return [part.length for part in parts]


@pytest.mark.parametrize("size", [1, BLOCK_BYTES - 1, BLOCK_BYTES, 3 * BLOCK_BYTES + 7, 65 * BLOCK_BYTES])
def test_a_volume_of_any_size_comes_back(size: int) -> None:
    store = open_store()
    data = bytes(volume(size // BLOCK_BYTES + 1)[:size])
    record = back_up(store, "p1", VolumeSource(data, None))
    assert restore(open_store(store.backend), "p1") == {b"disk": data}
    lengths = content_of(store, record)
    assert set(lengths[:-1]) <= {BLOCK_BYTES}
    assert sum(lengths) == size


def test_blocks_are_of_the_size_that_the_format_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volumes, "BLOCK_BYTES", 512 << 10)
    monkeypatch.setattr(volumes, "PAGE_BYTES", PAGE_BLOCKS * (512 << 10))
    store = open_store()
    record = back_up(store, "p1", VolumeSource(bytes(range(256)) * 6000, None))
    assert content_of(store, record) == [512 << 10] * 2 + [256 * 6000 - (1 << 20)]


def test_an_empty_volume_comes_back() -> None:
    store = open_store()
    back_up(store, "p1", VolumeSource(b"", None))
    assert restore(open_store(store.backend), "p1") == {b"disk": b""}


def test_blocks_of_zeros_are_not_stored() -> None:
    store = open_store()
    data = bytes(BLOCK_BYTES * 300)
    record = back_up(store, "p1", VolumeSource(data, None))
    assert record.stats.new_chunks <= 3  # pages alone
    assert restore(open_store(store.backend), "p1") == {b"disk": data}


@pytest.mark.parametrize(
    ("changed", "touched"),
    [
        ([], 0),
        ([(0, 1)], 1),
        ([(BLOCK_BYTES - 1, 2)], 2),
        ([(5 * BLOCK_BYTES, BLOCK_BYTES)], 1),
        ([(PAGE_BLOCKS * BLOCK_BYTES - 1, 2)], 2),
        ([(7, 1), (7 * BLOCK_BYTES, 1), (0, 9), (PAGED * BLOCK_BYTES - 1, 1)], 3),
        ([((PAGED - 1) * BLOCK_BYTES, 10 * BLOCK_BYTES)], 1),
        ([(PAGED * BLOCK_BYTES, 1)], 0),
    ],
)
@pytest.mark.parametrize("blocks", [PAGED, 60])
def test_what_is_read_are_the_blocks_that_were_touched(
    changed: Sequence[tuple[int, int]], touched: int, blocks: int
) -> None:
    if blocks != PAGED:
        changed = [(offset % (blocks * BLOCK_BYTES - 1), 1) for offset, _ in changed]
        touched = len({offset // BLOCK_BYTES for offset, _ in changed})
    store = open_store()
    data = volume(blocks)
    back_up(store, "p1", VolumeSource(bytes(data), None))
    for offset, _ in changed:
        if offset < len(data):
            data[offset] ^= 1
    source = VolumeSource(bytes(data), changed)
    record = back_up(store, "p2", source, previous="p1")
    assert source.before is not None
    assert source.read_bytes == record.stats.read_bytes == touched * BLOCK_BYTES
    if all(length == 1 for _, length in changed):
        assert restore(open_store(store.backend), "p2") == {b"disk": bytes(data)}


def test_one_changed_block_writes_one_page_of_the_list() -> None:
    backend = MemoryBackend()
    store = open_store(backend)
    data = volume(PAGED * 2)
    back_up(store, "p1", VolumeSource(bytes(data), None))
    data[-1] ^= 1
    record = back_up(store, "p2", VolumeSource(bytes(data), [(len(data) - 1, 1)]), previous="p1")
    assert record.stats.new_chunks == 3  # the block, its page of the list, the directory


@pytest.mark.parametrize("blocks", [PAGED + 300, PAGED - 1, 40])
def test_a_volume_of_another_size_comes_back_whole(blocks: int) -> None:
    store = open_store()
    first = volume(PAGED, tail=100)
    back_up(store, "p1", VolumeSource(bytes(first), None))
    data = volume(blocks, seed=0, tail=9)
    source = VolumeSource(bytes(data), [])  # says nothing of what is beyond the old end, or lies about it
    back_up(store, "p2", source, previous="p1")
    assert restore(open_store(store.backend), "p2") == {b"disk": bytes(data)}


HALF = BLOCK_BYTES // 2


@pytest.mark.parametrize("before", [HALF, BLOCK_BYTES, BLOCK_BYTES + HALF, 2 * BLOCK_BYTES])
@pytest.mark.parametrize("after", [HALF, BLOCK_BYTES, BLOCK_BYTES + HALF, 2 * BLOCK_BYTES])
def test_a_volume_of_a_block_or_two_comes_back_whatever_it_was_before(before: int, after: int) -> None:
    """A single block is no list: nothing of it is taken for one."""
    store = open_store()
    back_up(store, "p1", VolumeSource(bytes(volume(2)[:before]), None))
    data = bytes(volume(2)[:after])
    back_up(store, "p2", VolumeSource(data, []), previous="p1")
    assert restore(open_store(store.backend), "p2") == {b"disk": data}


def test_where_it_is_not_known_what_changed_everything_is_read_and_nothing_stored_twice() -> None:
    store = open_store()
    data = volume(PAGED)
    back_up(store, "p1", VolumeSource(bytes(data), None))
    source = VolumeSource(bytes(data), None)
    record = back_up(store, "p2", source, previous="p1")
    assert source.read_bytes == len(data)
    assert record.stats.new_chunks == 0


def test_reads_that_give_little_are_asked_again_and_an_early_end_fails() -> None:
    store = open_store()
    data = bytes(volume(3))
    back_up(store, "p1", VolumeSource(data, None, most=1000))
    assert restore(open_store(store.backend), "p1") == {b"disk": data}

    class Short(VolumeSource):
        def listings(self) -> Iterator[Listing]:
            yield Listing(b"", [Item(b"disk", ItemKind.VOLUME, len(self.data) + 1, {})])

    with pytest.raises(SourceError, match=f"ended at byte {len(data)}"):
        back_up(store, "p2", Short(data, None))


def test_a_block_that_is_gone_from_the_vault_is_read_again() -> None:
    backend = MemoryBackend()
    data = random.Random(1).randbytes(300 * BLOCK_BYTES)  # more than a combined point holds
    back_up(open_store(backend), "p1", VolumeSource(data, None))
    for pack in folder_names(backend, "packs/"):
        backend.delete(pack)
    source = VolumeSource(data, [])
    back_up(open_store(backend), "p2", source, previous="p1")
    assert source.read_bytes == len(data)
    assert restore(open_store(backend), "p2") == {b"disk": data}


def test_where_the_list_of_before_cannot_be_read_the_volume_is_read_whole() -> None:
    store = open_store()
    data = bytes(volume(PAGED))
    first = back_up(store, "p1", VolumeSource(data, None))
    before = Item(b"disk", ItemKind.VOLUME, len(data), {}, b"\2" + bytes(40) * 2)

    class Damaged(PreviousTree):
        def listing(self, path: bytes) -> dict[bytes, Item]:
            return {b"disk": before}

        def root(self) -> Item:
            return first.root

    source = VolumeSource(data, [])
    with store.session(parents=["p1"]) as session:
        root = store.take_in(session, source, Damaged(), advance=lambda items, size: None)
        session.finish(new_record("p2", root, session.stats))
    assert source.read_bytes == len(data)
    assert restore(open_store(store.backend), "p2") == {b"disk": data}


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_any_history_of_changes_comes_back(chosen: st.DataObject) -> None:
    backend: Backend = MemoryBackend()
    store = open_store(backend)
    data = volume(chosen.draw(st.sampled_from([3, 64, 65, PAGED])))
    back_up(store, "p0", VolumeSource(bytes(data), None))
    for number in range(1, 4):
        offsets = chosen.draw(st.lists(st.integers(0, len(data) - 1), max_size=4))
        for offset in offsets:
            data[offset] = (data[offset] + number) % 256
        source = VolumeSource(bytes(data), [(offset, 1) for offset in offsets])
        back_up(store, f"p{number}", source, previous=f"p{number - 1}")
        assert source.read_bytes <= BLOCK_BYTES * len(set(offsets))
        assert restore(open_store(backend), f"p{number}") == {b"disk": bytes(data)}
