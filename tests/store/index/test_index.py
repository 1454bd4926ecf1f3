from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from safehold.core.errors import Damaged
from safehold.store.backends.memory import MemoryBackend
from safehold.store.index.index import (
    BLOCK_ENTRIES,
    Index,
    ObjectRef,
    Place,
    build_fragment,
    fragment_frames,
    parse_fragment,
)
from safehold.store.sealed.objects import Directory, FrameKind, FrameNote
from safehold.store.vault_store import UNCOVERED_POINTS
from tests.store.properties import STEADY
from tests.store.vaults import CountingBackend, Tree, back_up, flat, folder_names, open_store, restore

ids = some.binary(min_size=32, max_size=32)
notes = some.builds(
    lambda chunks, kind, sealed: FrameNote(
        kind, sealed, [length for _, length in chunks], b"".join(i for i, _ in chunks)
    ),
    some.lists(some.tuples(ids, some.integers(0, 1 << 22)), min_size=1, max_size=5),
    some.sampled_from([0, 1]),
    some.integers(16, 1 << 22),
)
objects = some.lists(
    some.tuples(
        some.builds(ObjectRef, some.text("abc/", min_size=1), some.binary(min_size=48, max_size=48)),
        some.builds(Directory, some.just(1), some.lists(notes, max_size=4)),
    ),
    max_size=4,
    unique_by=lambda pair: pair[0].name,
)


@STEADY
@given(objects)
def test_a_fragment_gives_every_chunk_of_its_objects_and_survives_being_written(
    covered: list[tuple[ObjectRef, Directory]],
) -> None:
    fragment = build_fragment(covered)
    again = parse_fragment(iter(fragment_frames(fragment)))
    assert (again.objects, again.ids, again.places) == (fragment.objects, fragment.ids, fragment.places)
    for ref, directory in covered:
        offsets = directory.offsets()
        for number, note in enumerate(directory.frames):
            offset = 0
            for position, length in enumerate(note.lengths):
                identity = note.ids[32 * position : 32 * position + 32]
                place = Place(ref, number, offsets[number], note.sealed_bytes, offset, length)
                assert place in list(again.find(identity))
                offset += length
    assert len(again) == sum(len(note.lengths) for _, directory in covered for note in directory.frames)


@STEADY
@given(objects, some.randoms(use_true_random=False))
def test_the_order_of_objects_does_not_matter(
    covered: list[tuple[ObjectRef, Directory]], chance: random.Random
) -> None:
    shuffled = list(covered)
    chance.shuffle(shuffled)
    assert fragment_frames(build_fragment(shuffled)) == fragment_frames(build_fragment(covered))


def one_chunk(name: str, identity: bytes, *, kind: FrameKind = FrameKind.DATA) -> tuple[ObjectRef, Directory]:
    return ObjectRef(name, b"h" * 48), Directory(1, [FrameNote(int(kind), 99, [5], identity)])


def test_a_chunk_in_several_objects_has_several_places_the_newest_first() -> None:
    index = Index()
    for name in ("packs/a", "packs/b", "packs/c"):
        index.add(build_fragment([one_chunk(name, b"x" * 32)]))
    assert [place.object.name for place in index.places(b"x" * 32)] == ["packs/c", "packs/b", "packs/a"]
    assert b"x" * 32 in index
    assert b"y" * 32 not in index


def test_ids_that_begin_alike_are_told_apart() -> None:
    alike = [b"8 bytes!" + bytes([number]) * 24 for number in range(20)]
    fragment = build_fragment(
        one_chunk(f"packs/{number:02}", identity) for number, identity in enumerate(alike)
    )
    for number, identity in enumerate(alike):
        assert [place.object.name for place in fragment.find(identity)] == [f"packs/{number:02}"]
    assert list(fragment.find(b"8 bytes!" + b"z" * 24)) == []


def test_records_are_not_indexed_and_their_object_counts_as_covered() -> None:
    index = Index()
    ref, _ = one_chunk("points/p", b"")
    index.add(build_fragment([(ref, Directory(1, [FrameNote(int(FrameKind.RECORD), 99, [5], b"")]))]))
    assert len(index) == 0
    assert "points/p" in index.covered
    assert index.covers(ref)
    assert not index.covers(ObjectRef("points/p", b"i" * 48))


def test_a_fragment_of_many_entries_is_several_blocks() -> None:
    chance = random.Random(1)
    note = FrameNote(0, 99, [1] * (BLOCK_ENTRIES + 5), chance.randbytes(32 * (BLOCK_ENTRIES + 5)))
    fragment = build_fragment([(ObjectRef("packs/a", b"h" * 48), Directory(1, [note]))])
    frames = fragment_frames(fragment)
    assert [len(frame) // 56 for frame in frames[1:]] == [BLOCK_ENTRIES, 5]
    assert len(parse_fragment(iter(frames))) == BLOCK_ENTRIES + 5


def test_a_fragment_that_contradicts_itself_is_damage() -> None:
    head, block = fragment_frames(build_fragment([one_chunk("packs/a", b"x" * 32)]))
    later = msgspec.msgpack.encode({**msgspec.msgpack.decode(head), "version": 2})
    for frames in ([], [b"?"], [head], [head, block, block], [head, block[:-1]], [later, block]):
        with pytest.raises(Damaged):
            parse_fragment(iter(frames))
    stray = parse_fragment(iter([head, block[:32] + b"\0\0\0\x09" + block[36:]]))
    with pytest.raises(Damaged):
        list(stray.find(b"x" * 32))


BIG: Tree = {b"%d" % n: random.Random(n).randbytes(1 << 20) for n in range(3)}


def test_points_without_a_fragment_are_gathered_into_one_when_they_are_many() -> None:
    backend = CountingBackend(MemoryBackend())
    store = open_store(backend)
    for number in range(UNCOVERED_POINTS):
        if number == UNCOVERED_POINTS - 1:
            store.compact_index()
            assert folder_names(backend, "index/") == []
        back_up(store, f"p{number}", {b"file": b"%d" % number})
    open_store(backend).compact_index()
    assert len(folder_names(backend, "index/")) == 1
    open_store(backend).compact_index()
    assert len(folder_names(backend, "index/")) == 1
    backend.calls.clear()
    reopened = open_store(backend)
    reopened.index()
    assert backend.count()["get points"] == 0
    assert restore(reopened, "p7") == {b"file": b"7"}


@pytest.mark.parametrize("harm", ["lost", "damaged"])
def test_points_are_read_without_their_index(harm: str) -> None:
    backend = MemoryBackend()
    back_up(open_store(backend), "p1", BIG)
    back_up(open_store(backend), "p2", {**BIG, b"more": b"small"}, previous="p1")
    for name in folder_names(backend, "index/"):
        backend.objects[name] = backend.objects[name][:-1]
        if harm == "lost":
            backend.delete(name)
    store = open_store(backend)
    assert restore(store, "p1") == flat(BIG)
    assert restore(store, "p2", b"more") == {b"more": b"small"}
    assert bool(store.unreadable_fragments) == (harm == "damaged")


def test_a_writer_does_not_rely_on_packs_that_no_fragment_names() -> None:
    # They may belong to a session that is under way and takes them back when it fails.
    backend = MemoryBackend()
    back_up(open_store(backend), "p1", BIG)
    for name in folder_names(backend, "index/"):
        backend.delete(name)
    again = back_up(open_store(backend), "p2", BIG)
    assert again.stats.new_bytes > 3 << 20
    unchanged = back_up(open_store(backend), "p3", BIG, previous="p1")
    assert unchanged.stats.read_items == 0


def test_with_a_whole_index_no_object_is_opened_to_find_chunks() -> None:
    backend = CountingBackend(MemoryBackend())
    back_up(open_store(backend), "p", BIG)
    backend.calls.clear()
    store = open_store(backend)
    store.index()
    counts = backend.count()
    assert (counts["get packs"], counts["get trees"], counts["get points"]) == (0, 0, 0)


def test_what_stays_comes_before_what_is_about_to_go_and_that_before_what_is_condemned() -> None:
    identity = b"i" * 32
    index = Index()
    for name in ("packs/stays", "packs/condemned", "packs/going"):
        index.add(build_fragment([one_chunk(name, identity)]))
    index.note_tombstoned(["packs/going"])
    index.note_condemned("packs/condemned", None)
    names = [place.object.name for place in index.places(identity)]
    assert names == ["packs/stays", "packs/going", "packs/condemned"]
