"""A volume whose backup was cut off: gone on with while it is the same, else taken anew upon the point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from safehold.domain.items import Item, ItemKind, Listing, PreviousTree
from safehold.store.backends.memory import MemoryBackend
from safehold.store.soundness.verify import verify
from safehold.store.writing.volumes import PAGE_BLOCKS
from tests.store.resumed import Attempt, CountedSource, killed_at
from tests.store.vaults import open_store, restore
from tests.store.writing.test_volumes import BLOCK_BYTES, Changed, VolumeSource, back_up, volume
from tests.store.writing.test_volumes import small_blocks as small_blocks

PAGE_BYTES = PAGE_BLOCKS * BLOCK_BYTES
SIZE = 4 * PAGE_BYTES + 5 * BLOCK_BYTES


class Snapshot(VolumeSource):
    """Two volumes as they were at one moment, which its number names: `disk` and `z/disk`."""

    def __init__(self, data: bytes, number: int, previous: PreviousTree, changed: Changed) -> None:
        super().__init__(data, changed)
        self._number = number
        self._previous = previous

    def listings(self) -> Iterator[Listing]:
        disk = Item(b"disk", ItemKind.VOLUME, len(self.data), {"t": self._number})
        before = self._previous.listing(b"").get(b"disk")
        is_same = before is not None and (before.kind, before.facts) == (disk.kind, disk.facts)
        yield Listing(
            b"", [before if before is not None and is_same else disk, Item(b"z", ItemKind.DIRECTORY, 0, {})]
        )
        yield Listing(b"z", [Item(b"disk", ItemKind.VOLUME, len(self.data), {"t": self._number})])


def attempt(
    backend: MemoryBackend, data: bytes, number: int, *, previous: str | None = None, changed: Changed = None
) -> Attempt:
    def make_source(tree: object, before: PreviousTree) -> CountedSource:
        del tree
        return cast(CountedSource, Snapshot(data, number, before, changed))

    return Attempt(open_store(backend), {}, previous=previous, make_source=make_source)


def read_from(done: Attempt) -> list[int]:
    """In which pages of its list the volume was read."""
    return sorted({offset // PAGE_BYTES for offset, _ in done.source.reads})  # type: ignore[attr-defined]


@pytest.fixture
def backend() -> MemoryBackend:
    backend = MemoryBackend()
    open_store(backend)
    return backend


class OneVolume(Snapshot):
    """Its first volume alone."""

    def listings(self) -> Iterator[Listing]:
        first = next(super().listings())
        yield Listing(b"", first.items[:1])


def one_volume(backend: MemoryBackend, data: bytes, number: int, **more: object) -> Attempt:
    made = attempt(backend, data, number, **more)  # type: ignore[arg-type]
    changed = cast(Changed, more.get("changed"))
    made.make_source = lambda tree, before: cast(CountedSource, OneVolume(data, number, before, changed))
    return made


def test_a_volume_that_is_the_same_is_gone_on_with_page_by_page(backend: MemoryBackend) -> None:
    data = bytes(volume(SIZE // BLOCK_BYTES))
    backend, name = killed_at(one_volume(backend, data, 1), 3 * PAGE_BYTES + BLOCK_BYTES)
    again = one_volume(backend, data, 1)
    again.run(name)
    assert read_from(again) == [3, 4]
    assert restore(open_store(backend), "p") == {b"disk": data}
    assert verify(open_store(backend), read_data=True).problems == []


def test_a_volume_of_another_moment_is_read_from_its_start(backend: MemoryBackend) -> None:
    backend, name = killed_at(one_volume(backend, bytes(volume(SIZE // BLOCK_BYTES)), 1), 3 * PAGE_BYTES)
    data = bytes(volume(SIZE // BLOCK_BYTES, seed=1))
    again = one_volume(backend, data, 2)
    again.run(name)
    assert read_from(again) == [0, 1, 2, 3, 4]
    assert restore(open_store(backend), "p") == {b"disk": data}


def test_of_a_changed_volume_that_is_gone_on_with_only_what_changed_is_read(backend: MemoryBackend) -> None:
    old = volume(SIZE // BLOCK_BYTES)
    back_up(open_store(backend), "before", VolumeSource(bytes(old), None))
    new = bytearray(old)
    changed = [(number * PAGE_BYTES + 7, 9) for number in (0, 1, 3)]
    for offset, length in changed:
        new[offset : offset + length] = b"c" * length
    first = one_volume(backend, bytes(new), 1, previous="before", changed=changed)
    backend, name = killed_at(first, 3 * BLOCK_BYTES)
    again = one_volume(backend, bytes(new), 1, previous="before", changed=changed)
    again.run(name)
    assert read_from(again) == [3]
    assert restore(open_store(backend), "p") == {b"disk": bytes(new)}


def test_what_changed_back_since_an_attempt_took_the_whole_volume_is_as_it_is_now(
    backend: MemoryBackend,
) -> None:
    # The source tells what differs from the point: nothing does, though what the attempt took does.
    old = bytes(volume(SIZE // BLOCK_BYTES))
    changed = [(0, 4), (3 * PAGE_BYTES, 4)]
    then = bytearray(old)
    for offset, length in changed:
        then[offset : offset + length] = b"then"
    back_up(open_store(backend), "before", Snapshot(old, 0, PreviousTree(), None))
    first = attempt(backend, bytes(then), 1, previous="before", changed=changed)
    backend, name = killed_at(first, 4 * BLOCK_BYTES)  # within the second volume
    attempt(backend, old, 2, previous="before", changed=[]).run(name)
    assert restore(open_store(backend), "p") == {b"disk": old, b"z": None, b"z/disk": old}
