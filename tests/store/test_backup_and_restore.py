"""A tree goes into a vault and comes back, whole or in parts, however it is shaped."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from safehold.domain.items import Item, ItemKind, PreviousTree
from safehold.store.backends.memory import MemoryBackend
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from tests.store.vaults import (
    CountingBackend,
    Other,
    Tree,
    TreeSource,
    TreeTarget,
    back_up,
    flat,
    folder_names,
    new_record,
    open_store,
    restore,
)

MIB = 1 << 20


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


EVERYTHING: Tree = {
    b"empty": b"",
    b"empty folder": {},
    b"\xff\xfe not UTF-8": b"bytes",
    b"small": b"hello",
    b"one MiB": noise(MIB),
    b"one byte more": noise(MIB + 1, 1),
    b"large": noise(9 * MIB, 2),
    b"all holes": bytes(6 * MIB),
    b"holes": noise(MIB, 3) + bytes(12 * MIB) + noise(MIB, 4),
    b"deep": {b"er": {b"and": {b"deeper": b"found"}}},
    b"link": Other(ItemKind.SYMLINK, (("l", b"small"),)),
    b"pipe": Other(ItemKind.FIFO),
    b"socket": Other(ItemKind.SOCKET),
    b"character": Other(ItemKind.CHARACTER_DEVICE, (("d", 259),)),
    b"block": Other(ItemKind.BLOCK_DEVICE, (("d", 2048),)),
}


@pytest.fixture(scope="module")
def everything() -> VaultStore:
    store = open_store()
    back_up(store, "p", EVERYTHING, block_bytes=300_001)
    return store


def test_every_kind_of_item_comes_back(everything: VaultStore) -> None:
    assert restore(open_store(everything.backend), "p") == flat(EVERYTHING)


def test_a_restore_tells_of_each_file_and_of_the_bytes_that_it_wrote(everything: VaultStore) -> None:
    store = open_store(everything.backend)
    told: list[tuple[int, int]] = []
    counts = store.restore(
        store.point("p"), TreeTarget(), advance=lambda *step: told.append(step), skip=lambda *_: None
    )
    files = [what for what in flat(EVERYTHING).values() if isinstance(what, bytes)]
    assert (counts.items, counts.files, counts.failed) == (len(flat(EVERYTHING)), len(files), 0)
    assert (sum(items for items, _ in told), sum(size for _, size in told)) == (counts.files, counts.bytes)
    assert counts.bytes <= sum(map(len, files)) - 6 * MIB  # holes are not written


def test_long_runs_of_zeros_are_not_stored(everything: VaultStore) -> None:
    stored = sum(info.size_bytes for info in everything.backend.list("packs/"))
    kept = 1 + 1 + 9 + 2
    assert kept * MIB < stored < (kept + 4) * MIB  # cuts beside a hole keep a few of its zeros


def test_one_folder_comes_back_with_its_parents_and_nothing_else(everything: VaultStore) -> None:
    assert restore(everything, "p", b"deep/er") == {
        b"deep": None,
        b"deep/er": None,
        b"deep/er/and": None,
        b"deep/er/and/deeper": b"found",
    }


def test_a_path_that_is_not_in_the_point_is_told_and_the_others_come_back(everything: VaultStore) -> None:
    skipped: list[tuple[bytes, str]] = []
    assert restore(everything, "p", b"small", b"nowhere/x", skipped=skipped) == {b"small": b"hello"}
    assert skipped == [(b"nowhere/x", "is not in the recovery point")]


def test_what_the_statistics_say_is_what_was_done() -> None:
    store = open_store()
    first = back_up(store, "p1", {b"a": b"12345", b"b": {b"c": b"678", b"same": b"12345"}}).stats
    assert (first.items, first.files, first.total_bytes) == (5, 3, 13)  # with the root
    assert (first.read_items, first.read_bytes) == (3, 13)
    second = back_up(
        store, "p2", {b"a": b"12345", b"b": {b"c": b"9", b"same": b"12345"}}, previous="p1"
    ).stats
    assert (second.items, second.files, second.total_bytes) == (5, 3, 11)
    assert (second.read_items, second.read_bytes) == (1, 1)
    stored = store.backend.size("points/p1") + store.backend.size("points/p2")
    assert first.stored_bytes + second.stored_bytes == stored


def test_an_unchanged_backup_adds_nothing_but_its_record() -> None:
    backend = CountingBackend(MemoryBackend())
    store = open_store(backend)
    back_up(store, "p1", EVERYTHING)
    backend.calls.clear()
    again = back_up(open_store(backend), "p2", EVERYTHING, previous="p1")
    written = [(verb, name.split(".")[0]) for verb, name in backend.calls if verb not in ("get", "list")]
    intent = written[0][1]
    assert written == [("put", intent), ("put", "points/p2"), ("delete", intent)]
    assert intent.startswith("intents/")
    assert (again.stats.new_chunks, again.stats.read_items) == (0, 0)


def test_a_small_point_is_one_object_and_a_later_reader_finds_its_chunks() -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p1", {b"a": b"alpha", b"d": {b"b": b"beta"}})
    assert [name for name in backend.objects if name != "keys/0"] == ["points/p1"]
    assert restore(open_store(backend), "p1") == {b"a": b"alpha", b"d": None, b"d/b": b"beta"}


def test_one_small_file_costs_one_read_of_data_and_the_pages_on_its_way() -> None:
    backend = CountingBackend(MemoryBackend())
    tree: Tree = {
        b"%03d" % folder: {b"%03d" % file: noise(3000, folder * 1000 + file) for file in range(60)}
        for folder in range(40)
    }
    back_up(open_store(backend), "p", tree)
    store = open_store(backend)
    record = store.point("p")
    store.index()
    backend.calls.clear()
    assert restore(store, "p", b"020/030") == {b"020": None, b"020/030": noise(3000, 20_030)}
    counts = backend.count()
    assert counts["get packs"] == 1
    assert counts["get trees"] <= 4  # two directories' pages, each lying in one frame or two
    assert counts["get points"] <= 3
    assert counts["get index"] == 0
    assert record.stats.files == 2400


@pytest.mark.slow
def test_directories_of_many_thousand_items_go_through_in_order() -> None:
    tree: Tree = {b"%05d" % number: b"%d" % number for number in range(9000)}
    store = open_store()
    back_up(store, "p1", {b"huge": tree, b"after": b"it"})
    assert restore(store, "p1") == flat({b"huge": tree, b"after": b"it"})
    changed: Tree = {**tree, b"04500": b"other"}
    record = back_up(store, "p2", {b"huge": changed, b"after": b"it"}, previous="p1")
    assert record.stats.read_items == 1
    assert record.stats.new_chunks <= 5
    assert restore(store, "p2")[b"huge/04500"] == b"other"
    assert restore(store, "p1")[b"huge/04500"] == b"4500"


def test_a_file_that_vanishes_between_listing_and_reading_is_left_out() -> None:
    store = open_store()
    tree: Tree = {b"a": b"1", b"gone": b"2", b"large": noise(2 * MIB), b"z": b"3"}
    back_up(store, "p", tree, vanished=[b"gone", b"large"])
    assert restore(store, "p") == {b"a": b"1", b"z": b"3"}


def test_a_small_file_that_grew_before_it_was_read_is_cut_like_a_large_one() -> None:
    store = open_store()
    grown = noise(6 * MIB, 9)

    class Source(TreeSource):
        def read_whole(self, batch: Sequence[tuple[bytes, Item]]) -> list[tuple[bytes, Item] | None]:
            return [(grown, item) for _, item in batch]

    with store.session() as session:
        root = store.take_in(
            session, Source({b"log": b"short"}, PreviousTree()), PreviousTree(), advance=lambda i, b: None
        )
        session.finish(new_record("p", root, session.stats))
        assert session.stats.read_bytes == len(grown)
    assert restore(store, "p") == {b"log": grown}
    longest = max(
        max(note.lengths)
        for name in folder_names(store.backend, "packs/")
        for note in store.object(name).directory.frames
    )
    assert longest <= 4 * MIB


LINKED: Tree = {
    b"a": {b"first": b"shared bytes"},
    b"b": {
        b"second": Other(ItemKind.HARDLINK, (("link_to", b"a/first"),)),
        b"third": Other(ItemKind.HARDLINK, (("link_to", b"a/first"),)),
    },
}


def test_hard_links_come_back_as_links_to_their_first_member() -> None:
    store = open_store()
    back_up(store, "p", LINKED)
    assert restore(store, "p") == flat(LINKED)


def test_a_hard_link_restored_without_its_first_member_brings_the_bytes_along() -> None:
    store = open_store()
    back_up(store, "p", LINKED)
    assert restore(store, "p", b"b") == {
        b"b": None,
        b"b/second": b"shared bytes",
        b"b/third": Other(ItemKind.HARDLINK, (("link_to", b"b/second"),)),
    }


def test_verify_finds_a_sound_vault_well(everything: VaultStore) -> None:
    for read_data in (False, True):
        report = verify(open_store(everything.backend), read_data=read_data)
        assert report.problems == []
        assert (report.points, report.items) == (1, len(flat(EVERYTHING)))
