"""Index fragments that stay where they are: a dictionary's answers, for one read of a block each."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as some

from safehold.core.errors import Damaged, SafeholdError, StoreFull, StoreUnavailable
from safehold.core.secrets import RootKey
from safehold.store.backends.contract import Backend
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.fragments.id_filter import Shape
from safehold.store.fragments.places import ObjectRef, Place
from safehold.store.fragments.stored_fragment import BLOCK_ROWS, PART_BLOCKS, StoredFragment
from safehold.store.index.fragment_merging import FEW_FRAGMENTS, MOST_FRAGMENTS, to_merge
from safehold.store.index.index import Fragment, FragmentLike, Index, build_fragment
from safehold.store.index.index_folder import IndexFolder, is_part
from safehold.store.index.object_sizes import ObjectSizes
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.sealed.keys import open_or_create_keys
from safehold.store.sealed.objects import Directory, FrameKind, FrameNote
from tests.store.properties import STEADY
from tests.store.vaults import ROOT_KEY, VAULT_ID, CountingBackend, folder_names

Covered = tuple[ObjectRef, Directory]
KEYS = open_or_create_keys(MemoryBackend(), KeyFile(RootKey(ROOT_KEY)), VAULT_ID)


def folder_on(backend: Backend) -> IndexFolder:
    return IndexFolder(backend, KEYS, VAULT_ID)


def an_object(number: int, ids: Sequence[bytes], *, frame_chunks: int = 7) -> Covered:
    """A pack that holds those chunks, a few in a frame."""
    groups = [ids[start : start + frame_chunks] for start in range(0, len(ids), frame_chunks)]
    notes = [FrameNote(FrameKind.DATA, 100 + len(g), [9] * len(g), b"".join(g)) for g in groups]
    return ObjectRef(f"packs/{number:032x}", b"%048d" % number), Directory(1, notes)


def random_ids(count: int, seed: int = 1) -> list[bytes]:
    data = random.Random(seed).randbytes(32 * count)
    return [data[start : start + 32] for start in range(0, len(data), 32)]


def true_places(covered: Sequence[Covered]) -> dict[bytes, set[Place]]:
    """What an index over those objects must say: a dictionary, built the plain way."""
    found: dict[bytes, set[Place]] = defaultdict(set)
    for ref, directory in covered:
        start = 48
        for number, note in enumerate(directory.frames):
            offset = 0
            for position, length in enumerate(note.lengths):
                identity = note.ids[32 * position : 32 * position + 32]
                found[identity].add(Place(ref, number, start, note.sealed_bytes, offset, length))
                offset += length
            start += note.sealed_bytes
    return found


def index_of(fragments: Sequence[FragmentLike]) -> Index:
    index = Index()
    for fragment in fragments:
        index.add(fragment)
    return index


def stored(folder: IndexFolder, covered: Sequence[Covered]) -> FragmentLike:
    """Opened where it lies, not read whole as short ones are by those who load all."""
    return folder.open(folder.write(covered).name)


# Few different ids, alike in the bits that choose a bucket or in the bytes of the filter.
ids = some.builds(
    lambda first, middle, last: first * 8 + middle * 2 + last * 22,
    *(some.sampled_from([b"\x00", b"\x01", b"\x80", b"\xff"]) for _ in range(3)),
)
notes = some.builds(
    lambda chunks, sealed: FrameNote(
        0, sealed, [length for _, length in chunks], b"".join(i for i, _ in chunks)
    ),
    some.lists(some.tuples(ids, some.integers(1, 1 << 22)), min_size=1, max_size=9),
    some.integers(16, 1 << 22),
)
some_objects = some.lists(
    some.tuples(
        some.builds(
            ObjectRef,
            some.sampled_from(["packs/1", "packs/20", "packs/3ab", "points/p", "points/q", "trees/1"]),
            some.sampled_from([b"h" * 48, b"i" * 48]),
        ),
        some.builds(Directory, some.just(1), some.lists(notes, max_size=4)),
    ),
    max_size=6,
    unique_by=lambda pair: pair[0],
)


@pytest.mark.slow
@STEADY
@given(some.lists(some_objects, max_size=4), some.integers(0, 4), some.sets(ids, max_size=3))
def test_any_fragments_stored_merged_or_in_memory_answer_as_a_dictionary_does(
    groups: list[list[Covered]], merged: int, absent: set[bytes]
) -> None:
    covered = [pair for group in groups for pair in group]
    expected = true_places(covered)
    folder = folder_on(MemoryBackend())
    fragments = [stored(folder, group) for group in groups]
    if merged:
        folder.merge(fragments[:merged])
    for kind in (fragments, folder.load().fragments, [build_fragment(covered)]):
        index = index_of(kind)
        for identity in expected.keys() | absent:
            assert set(index.places(identity)) == expected.get(identity, set())
            assert (identity in index) == (identity in expected)
        for ref, _ in covered:
            assert index.covers(ref)
            assert ref.name in index.covered
            assert not index.covers(ObjectRef(ref.name, b"other" + bytes(43)))
        assert "packs/none" not in index.covered
        assert index.unreadable == {}


@STEADY
@given(some_objects, some.data())
def test_places_in_objects_that_are_gone_or_cut_off_and_in_damaged_frames_are_left_out(
    covered: list[Covered], data: some.DataObject
) -> None:
    index = index_of([stored(folder_on(MemoryBackend()), covered)])
    expected = true_places(covered)
    everywhere = sorted({place for places in expected.values() for place in places})
    sizes = {
        name: data.draw(some.integers(0, 1 << 24), label=f"size of {name}")
        for name in sorted({place.object.name for place in everywhere})
        if data.draw(some.booleans(), label=f"{name} is there")
    }
    condemned = data.draw(some.lists(some.sampled_from(everywhere), max_size=3)) if everywhere else []
    index.note_objects(sizes)
    for place in condemned:
        index.condemn(place)
    bad_frames = {(place.object.name, place.frame) for place in condemned}
    for identity, places in expected.items():
        alive = {
            place
            for place in places
            if place.sealed_offset + place.sealed_bytes <= sizes.get(place.object.name, 0)
            and (place.object.name, place.frame) not in bad_frames
        }
        assert set(index.places(identity)) == alive
    assert index.has_gaps() == any(ref.name not in sizes for ref, _ in covered)


def test_a_lookup_reads_one_block_and_an_absent_chunk_next_to_none() -> None:
    backend = CountingBackend(MemoryBackend())
    known = random_ids(20_000)
    fragment = stored(folder_on(backend), [an_object(1, known[:9000]), an_object(2, known[9000:])])
    assert isinstance(fragment, StoredFragment)
    index = index_of([fragment])
    list(index.places(known[0]))  # the filter and the table, once
    for identity in random.Random(2).sample(known, 300):
        backend.calls.clear()
        assert len(list(index.places(identity))) == 1
        assert len(backend.calls) <= 1
    backend.calls.clear()
    assert not any(identity in index for identity in random_ids(20_000, seed=3))
    assert len(backend.calls) <= 20  # one in 5,000 looks as if it were there


@pytest.mark.slow
def test_entries_with_their_filter_and_table_take_no_more_than_64_bytes() -> None:
    folder = folder_on(MemoryBackend())
    known = random_ids(100_000)
    large_chunks = [
        an_object(n, known[32 * n : 32 * n + 32], frame_chunks=1) for n in range(len(known) // 32)
    ]
    written = folder.write(large_chunks)
    assert written.size_bytes <= 64 * len(known)


@pytest.fixture(scope="module")
def in_parts() -> tuple[MemoryBackend, list[bytes]]:
    """A merged fragment that is too long for one object, and the two that it replaces."""
    backend = MemoryBackend()
    folder = folder_on(backend)
    known = random_ids(BLOCK_ROWS * PART_BLOCKS + 20_000)
    half = len(known) // 2
    pair = [stored(folder, [an_object(1, known[:half])]), stored(folder, [an_object(2, known[half:])])]
    folder.merge(pair)
    return backend, known


def copy_of(backend: MemoryBackend) -> MemoryBackend:
    copy = MemoryBackend()
    copy.objects.update(backend.objects)
    return copy


@pytest.mark.slow
def test_a_fragment_too_long_for_one_object_has_its_blocks_in_parts(
    in_parts: tuple[MemoryBackend, list[bytes]],
) -> None:
    backend, known = in_parts
    counting = CountingBackend(backend)
    loaded = folder_on(counting).load()
    (fragment,) = loaded.fragments
    assert len(fragment) == len(known)
    parts = [name for name in backend.objects if is_part(name)]
    assert len(parts) == 2
    assert len(loaded.replaced) == 2
    index = index_of([fragment])
    list(index.places(known[0]))
    for identity in random.Random(1).sample(known, 200):
        counting.calls.clear()
        assert len(list(index.places(identity))) == 1
        assert len(counting.calls) <= 3  # a block, and perhaps a new frame of filter and table
    assert [row[:32] for rows in fragment.rows() for row in rows] == sorted(known)


@pytest.mark.slow
def test_while_a_part_is_missing_what_the_fragment_replaces_counts(
    in_parts: tuple[MemoryBackend, list[bytes]],
) -> None:
    backend = copy_of(in_parts[0])
    lost = next(name for name in backend.objects if is_part(name))
    backend.delete(lost)
    loaded = folder_on(backend).load()
    assert loaded.unreadable == {lost.split(".")[0]: f"{lost}, which is a part of it, is not there"}
    assert len(loaded.fragments) == 2
    assert loaded.replaced == []
    index = index_of(loaded.fragments)
    assert all(identity in index for identity in in_parts[1][::1000])


MERGED = [an_object(number, random_ids(300, seed=number)) for number in range(5)]


def all_answers(backend: Backend) -> dict[bytes, set[Place]]:
    index = index_of(folder_on(backend).load().fragments)
    return {identity: set(index.places(identity)) for identity in true_places(MERGED)}


@pytest.mark.parametrize("trouble", [Trouble.FULL, Trouble.FAIL, Trouble.UNSURE])
def test_a_merge_that_fails_changes_no_answer(trouble: Trouble) -> None:
    backend = MemoryBackend()
    fragments = [stored(folder_on(backend), [covered]) for covered in MERGED]
    faulty = FaultyBackend(backend, [Fault("put", trouble)])
    with pytest.raises((StoreFull, StoreUnavailable)):
        folder_on(faulty).merge(fragments)
    assert all_answers(backend) == true_places(MERGED)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [Trouble.FULL, Trouble.FAIL, Trouble.UNSURE])
@pytest.mark.parametrize("put", [1, 2, 3])
def test_a_long_merge_that_dies_anywhere_leaves_nothing_that_is_read(
    in_parts: tuple[MemoryBackend, list[bytes]], trouble: Trouble, put: int
) -> None:
    backend = copy_of(in_parts[0])
    folder = folder_on(backend)
    old = [folder.open(name) for name in folder.load().replaced]
    for name in [name for name in backend.objects if name.split(".")[0] not in {one.name for one in old}]:
        backend.delete(name)
    with pytest.raises((StoreFull, StoreUnavailable)):
        folder_on(FaultyBackend(backend, [Fault("put", trouble, first=put)])).merge(old)
    loaded = folder.load()
    assert loaded.unreadable == {}
    is_done = trouble is Trouble.UNSURE and put == 3
    assert len(loaded.fragments) == (1 if is_done else 2)
    index = index_of(loaded.fragments)
    assert all(len(list(index.places(identity))) == 1 for identity in in_parts[1][::1000])
    if trouble is Trouble.FULL:  # else who knows whether they are needed
        assert loaded.stray == []


def test_two_merges_at_once_say_the_same_and_the_next_one_leaves_one() -> None:
    backend = MemoryBackend()
    folder = folder_on(backend)
    fragments = [stored(folder, [covered]) for covered in MERGED]
    folder.merge(fragments)
    folder.merge(fragments[:3])
    assert all_answers(backend) == true_places(MERGED)
    folder.merge(folder.load().fragments)
    loaded = folder.load()
    assert (len(loaded.fragments), len(loaded.fragments[0])) == (1, 1500)
    for name in loaded.replaced:
        backend.delete(name)
    assert all_answers(backend) == true_places(MERGED)


def test_what_a_merged_fragment_replaced_does_not_come_back_when_that_one_is_taken_away() -> None:
    backend = MemoryBackend()
    folder = folder_on(backend)
    first = stored(folder, MERGED[:1])
    second = folder.open(folder.merge([first]).name)
    folder.merge([second])
    backend.delete(second.name)
    assert folder.load().replaced == [first.name]


def test_objects_that_were_deleted_for_good_are_left_out_of_a_merge_when_asked() -> None:
    backend = MemoryBackend()
    folder = folder_on(backend)
    fragments = [stored(folder, [covered]) for covered in MERGED]
    gone = {MERGED[1][0].name, MERGED[4][0].name}
    folder.merge(fragments, without=gone)
    index = index_of(folder.load().fragments)
    kept = [covered for covered in MERGED if covered[0].name not in gone]
    assert {i: set(index.places(i)) for i in true_places(MERGED) if i in index} == true_places(kept)
    assert [ref.name in index.covered for ref, _ in MERGED] == [True, False, True, True, False]


def test_damage_anywhere_in_a_fragment_hides_places_and_never_gives_a_wrong_one() -> None:
    whole = MemoryBackend()
    covered = [an_object(number, random_ids(400, seed=number)) for number in range(3)]
    name = folder_on(whole).write(covered).name
    expected = true_places(covered)
    chance = random.Random(5)
    hidden = 0
    for _ in range(150):
        data = bytearray(whole.objects[name])
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        backend = MemoryBackend()
        backend.objects[name] = bytes(data)
        loaded = folder_on(backend).load()
        index = index_of(loaded.fragments)
        for identity in chance.sample(sorted(expected), 20):
            found = set(index.places(identity))
            assert found in (set(), expected[identity])
            if not found:
                hidden += 1
                assert loaded.unreadable.keys() | index.unreadable.keys() == {name}
    assert hidden > 100


@STEADY
@given(some.binary(max_size=400), some.integers(0, 14), some.integers(0, 100))
def test_any_bytes_as_a_filter_are_damage_or_give_rows_that_are_there(
    frame: bytes, bucket_bits: int, count: int
) -> None:
    shape = Shape(bucket_bits)
    try:
        shape.check(frame, count)
    except Damaged:
        return
    for bucket in range(shape.buckets):
        assert all(0 <= row < count for row in shape.rows(frame, bucket, bytes(32)))


def test_a_fragment_whose_blocks_fail_is_given_up_and_told_of() -> None:
    backend = MemoryBackend()
    folder = folder_on(backend)
    known = random_ids(12_000)  # too many to be read whole
    folder.write([an_object(1, known)])
    faulty = FaultyBackend(backend, [])
    (fragment,) = folder_on(faulty).load().fragments
    index = index_of([fragment, build_fragment([an_object(2, known[:1])])])
    backend.delete(fragment.name)
    assert [place.object.name for place in index.places(known[0])] == [an_object(2, [])[0].name]
    assert list(index.places(known[1])) == []
    assert list(index.unreadable) == [fragment.name]
    assert "packs/" + f"{1:032x}" not in index.covered


def test_a_backend_that_fails_is_not_taken_for_a_damaged_fragment() -> None:
    backend = MemoryBackend()
    known = random_ids(12_000)
    folder_on(backend).write([an_object(1, known)])
    faulty = FaultyBackend(backend, [Fault("get", Trouble.FAIL, first=4)])
    index = index_of(folder_on(faulty).load().fragments)
    with pytest.raises(StoreUnavailable):
        list(index.places(known[0]))
    faulty.mend()
    assert len(list(index.places(known[0]))) == 1
    assert index.unreadable == {}


def test_fragments_stay_few_and_each_entry_is_written_again_only_now_and_then() -> None:
    lengths: dict[str, int] = {}
    written_again = added = 0
    chance = random.Random(1)
    for number in range(3000):
        lengths[f"session {number}"] = length = chance.randrange(1, 2000)
        added += length
        names = to_merge(lengths)
        if names:
            merged = sum(lengths.pop(name) for name in names)
            lengths[f"merge {number}"] = merged
            written_again += merged
            assert len(lengths) <= FEW_FRAGMENTS
        assert len(lengths) <= MOST_FRAGMENTS
    assert written_again <= 7 * added


def test_sizes_of_many_objects_are_found_by_name_whatever_they_are_called() -> None:
    backend = MemoryBackend()
    chance = random.Random(1)
    names = [f"packs/{chance.randbytes(16).hex()}" for _ in range(500)]
    names += ["points/p", "points/another", "packs/" + "A" * 32, "packs/" + "g" * 32, "packs/" + " 1" * 16]
    for size, name in enumerate(names):
        backend.put(name, [bytes(size)])
    sizes = ObjectSizes()
    sizes.add_listing(backend.list(""))
    sizes.add_listing(backend.list("packs/"))  # again, now out of order
    assert [sizes.get(name) for name in names] == list(range(len(names)))
    assert "packs/" + chance.randbytes(16).hex() not in sizes
    assert sizes.get("elsewhere/p") is None


def test_a_fragment_in_memory_and_its_stored_form_hold_the_same_rows() -> None:
    fragment: Fragment = build_fragment(MERGED)
    name = folder_on(backend := MemoryBackend()).write(MERGED).name
    again = folder_on(backend).open(name)
    assert [r for rows in again.rows() for r in rows] == [r for rows in fragment.rows() for r in rows]
    assert list(again.objects) == fragment.objects
    assert folder_names(backend, "index/") == [name]
    assert issubclass(Damaged, SafeholdError)


def test_a_print_is_found_that_begins_in_the_middle_of_one_that_looks_like_it() -> None:
    shape = Shape(0)
    prints = [b"xa", b"aa", b"ab", b"aa"]
    rows = sorted(bytes([n]) * 8 + each + bytes(46) for n, each in enumerate(prints))
    frame = shape.encode(0, rows)
    assert shape.rows(frame, 0, bytes(8) + b"aa" + bytes(22)) == [1, 3]
    assert shape.rows(frame, 0, bytes(8) + b"ba" + bytes(22)) == []
