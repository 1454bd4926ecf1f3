"""What is damaged is found and told by name; everything else comes back."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from safehold.core.errors import Damaged, ObjectMissing, StoreUnavailable
from safehold.domain.items import Item, PreviousTree
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.names import ObjectType
from safehold.store.restoring.verdicts import Verdict
from safehold.store.sealed.chunking import chunk_id
from safehold.store.sealed.objects import FrameKind
from safehold.store.soundness.verify import VerifyReport, verify
from safehold.store.trees.contents import Part, decode_content, encode_content
from safehold.store.vault_store import VaultStore
from safehold.store.writers.intent_folder import IntentFolder, Revocation
from tests.store.vaults import (
    Flat,
    Tree,
    TreeSource,
    back_up,
    flat,
    folder_names,
    new_record,
    open_store,
    restore,
)

MIB = 1 << 20


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


def make_tree() -> Tree:
    """Three large files with frames of their own, and folders of small ones that share frames."""
    large: Tree = {b"large %d" % n: noise(MIB - 1000 * n, n) for n in range(3)}
    folders: Tree = {
        b"folder %d" % n: {b"%02d" % m: noise(20_000, 100 * n + m) for m in range(60)} for n in range(4)
    }
    return {**large, **folders, b"long": noise(9 * MIB, 50)}


TREE = make_tree()
FLAT = flat(TREE)


@pytest.fixture
def backend() -> MemoryBackend:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    return backend


def flip(backend: MemoryBackend, name: str, position: int) -> None:
    data = bytearray(backend.objects[name])
    data[position] ^= 0x20
    backend.objects[name] = bytes(data)


def place_of(store: VaultStore, path: bytes) -> tuple[str, int]:
    """Object and position where a file's longest chunk lies: each vault cuts elsewhere."""
    item = store.tree(store.point("p")).find(path)
    assert item is not None
    parts = decode_content(item.content or b"", item.size_bytes, store.chunks().read)
    place = store.chunks().places(max(parts, key=lambda part: part.length).id)[0]
    return place.object.name, place.sealed_offset + place.sealed_bytes // 2


def check(backend: MemoryBackend, *, read_data: bool = True) -> VerifyReport:
    return verify(open_store(backend), read_data=read_data)


def assert_restores_but(backend: MemoryBackend, lost: set[bytes]) -> None:
    skipped: list[tuple[bytes, str]] = []
    found = restore(open_store(backend), "p", skipped=skipped)
    expected: Flat = {path: what for path, what in FLAT.items() if path not in lost}
    assert found == expected
    assert {path for path, _ in skipped} == lost
    assert len(skipped) == len(lost)


def test_a_damaged_frame_of_one_large_file_costs_that_file(backend: MemoryBackend) -> None:
    flip(backend, *place_of(open_store(backend), b"large 1"))
    assert check(backend, read_data=False).is_well
    report = check(backend)
    assert {problem.path for problem in report.problems if problem.path} == {b"large 1"}
    assert_restores_but(backend, {b"large 1"})


def test_a_damaged_piece_of_a_long_file_leaves_nothing_half_written(backend: MemoryBackend) -> None:
    flip(backend, *place_of(open_store(backend), b"long"))
    assert {problem.path for problem in check(backend).problems if problem.path} == {b"long"}
    assert_restores_but(backend, {b"long"})


def test_a_damaged_shared_frame_costs_exactly_the_files_in_it(backend: MemoryBackend) -> None:
    store = open_store(backend)
    name, position = place_of(store, b"folder 2/30")
    opened = store.object(name)
    number = max(n for n, offset in enumerate(opened.offsets) if offset <= position)
    ids = opened.directory.frames[number].ids
    key = store.keys.chunk_id_key
    lost = {
        path for path, what in FLAT.items() if what and isinstance(what, bytes) and chunk_id(key, what) in ids
    }
    assert 10 < len(lost) < 60
    flip(backend, name, position)
    assert {problem.path for problem in check(backend).problems if problem.path} == lost
    assert_restores_but(backend, lost)


def test_a_pack_that_is_gone_is_found_without_reading_data(backend: MemoryBackend) -> None:
    name, _ = place_of(open_store(backend), b"large 0")
    backend.delete(name)
    files = {path for path, what in FLAT.items() if what}
    for read_data in (False, True):
        report = check(backend, read_data=read_data)
        assert {problem.path for problem in report.problems} == files
        assert {problem.where for problem in report.problems} == {"point p"}
    assert_restores_but(backend, files)


def test_a_pack_that_is_cut_off_is_found_without_reading_data(backend: MemoryBackend) -> None:
    name, position = place_of(open_store(backend), b"large 0")
    backend.objects[name] = backend.objects[name][:position]
    report = check(backend, read_data=False)
    assert b"large 0" in {problem.path for problem in report.problems}


def test_a_pack_with_a_damaged_directory_still_gives_its_files(backend: MemoryBackend) -> None:
    name, _ = place_of(open_store(backend), b"large 0")
    flip(backend, name, -1)
    assert name in {problem.where for problem in check(backend).problems}
    assert_restores_but(backend, set())


def test_a_damaged_folder_page_costs_what_is_below_it(backend: MemoryBackend) -> None:
    store = open_store(backend)
    folder = store.tree(store.point("p")).find(b"folder 1")
    assert folder is not None
    place = store.chunks().places(folder.content or b"")[0]
    shared = [n for n in store.object(place.object.name).directory.frames if n.kind == FrameKind.PAGES]
    assert len(shared) == 1  # all pages of this small tree lie in one frame
    backend.delete(place.object.name)
    report = check(backend)
    assert [(problem.where, problem.path) for problem in report.problems] == [("point p", b"")]
    skipped: list[tuple[bytes, str]] = []
    assert restore(open_store(backend), "p", skipped=skipped) == {}
    assert [path for path, _ in skipped] == [b""]


def test_a_folder_whose_page_lies_nowhere_is_told_and_its_neighbours_come_back() -> None:
    backend = MemoryBackend()
    one: Tree = {b"a": {b"x": b"1"}}
    two: Tree = {**one, b"b": {b"y": b"2"}}
    three: Tree = {**two, b"c": {b"z": b"3"}}
    for point, tree in (("one", one), ("two", two), ("three", three)):
        back_up(open_store(backend), point, tree)
    backend.delete("points/two")  # the list of `b` was in there
    skipped: list[tuple[bytes, str]] = []
    found = restore(open_store(backend), "three", skipped=skipped)
    assert found == {path: what for path, what in flat(three).items() if path != b"b/y"}
    assert [path for path, _ in skipped] == [b"b"]
    assert [problem.path for problem in check(backend).problems] == [b"b"]


def test_a_second_copy_of_a_chunk_stands_in_for_a_damaged_one() -> None:
    backend = MemoryBackend()
    one, other = open_store(backend), open_store(backend)
    one.index(), other.index()  # neither knows of the other
    back_up(one, "p", TREE)
    back_up(other, "q", TREE)
    for path in (b"large 1", b"folder 2/30", b"long"):
        flip(backend, *place_of(open_store(backend), path))
    assert restore(open_store(backend), "p") == FLAT
    report = check(backend)
    assert report.problems
    assert [problem for problem in report.problems if problem.path] == []


def test_a_whole_pack_lost_is_replaced_by_its_second_copy() -> None:
    backend = MemoryBackend()
    one, other = open_store(backend), open_store(backend)
    one.index(), other.index()
    back_up(one, "p", TREE)
    back_up(other, "q", TREE)
    backend.delete(place_of(open_store(backend), b"large 0")[0])
    assert restore(open_store(backend), "p") == FLAT


def test_an_affected_file_is_told_for_every_point_that_has_it() -> None:
    backend = MemoryBackend()
    deep: Tree = {b"a": {b"b": {b"file": noise(2 * MIB, 1)}}}
    back_up(open_store(backend), "p", deep)
    back_up(open_store(backend), "q", deep, previous="p")
    back_up(open_store(backend), "r", {**deep, b"new": b"x"}, previous="q")
    for name in folder_names(backend, "packs/"):
        flip(backend, name, 5000)
    told = {(problem.where, problem.path) for problem in check(backend).problems if problem.path}
    assert told == {(f"point {point}", b"a/b/file") for point in "pqr"}


@pytest.mark.parametrize("folder", ["points/", "amendments/", "index/", "trees/", "packs/"])
@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data[:20] + b"?" + data[21:],
        lambda data: data + b"?",
        lambda data: bytes(len(data)),
    ],
    ids=["short by one", "half", "empty", "header", "longer", "zeros"],
)
def test_every_kind_of_object_is_checked(
    backend: MemoryBackend, folder: str, harm: Callable[[bytes], bytes]
) -> None:
    open_store(backend).amend("p", "tags", {}, written_at=1)
    assert check(backend).problems == []
    name = folder_names(backend, folder)[0]
    backend.objects[name] = harm(backend.objects[name])
    report = check(backend)
    assert name in {problem.where for problem in report.problems}


def test_a_damaged_piece_of_the_index_is_told_without_reading_data(backend: MemoryBackend) -> None:
    name = folder_names(backend, "index/")[0]
    backend.objects[name] = backend.objects[name][:-1]
    (problem,) = check(backend, read_data=False).problems
    assert (problem.where, problem.path, problem.verdict) == (name, b"", Verdict.DAMAGED)
    assert_restores_but(backend, set())


def test_a_revocation_that_cannot_be_read_is_told(backend: MemoryBackend) -> None:
    store = open_store(backend)
    revocation = Revocation(version=1, intent_id="1" * 32, admitted=[], written_at=1)
    IntentFolder(backend, store.keys, store.vault_id).revoke(revocation)
    (name,) = folder_names(backend, "revocations/")
    assert check(backend, read_data=False).problems == []
    flip(backend, name, -1)
    assert [problem.where for problem in check(backend, read_data=False).problems] == ["revocations"]


def test_damage_weighs_more_than_what_could_not_be_read_and_neither_is_well() -> None:
    report = VerifyReport()
    assert (report.is_well, report.verdict) == (True, Verdict.OK)
    report.add_intruder("packs/a", "was written over by others")
    assert (report.is_well, report.verdict) == (False, Verdict.OK)
    assert [(told.where, told.verdict) for told in report.intruders] == [("packs/a", Verdict.OK)]
    report.add("packs/b", b"", "no answer", Verdict.UNREADABLE)
    assert (report.verdict, report.problem_count, report.unreadable_count) == (Verdict.UNREADABLE, 1, 1)
    report.add("packs/c", b"", "other bytes")
    assert (report.verdict, report.problem_count, report.unreadable_count) == (Verdict.DAMAGED, 2, 1)
    assert [told.where for told in report.problems] == ["packs/b", "packs/c"]


def test_a_damaged_record_costs_its_point_and_no_other(backend: MemoryBackend) -> None:
    back_up(open_store(backend), "q", {b"other": b"bytes"})
    flip(backend, "points/q", open_store(backend).object("points/q").offsets[-1] + 5)
    report = check(backend)
    assert "point q" in {problem.where for problem in report.problems}
    assert_restores_but(backend, set())
    with pytest.raises(Damaged):
        open_store(backend).point("q")
    again = back_up(open_store(backend), "r", {b"other": b"bytes"})
    assert restore(open_store(backend), "r") == {b"other": b"bytes"}
    assert again.stats.files == 1


def test_a_deleted_points_bytes_are_not_asked_for(backend: MemoryBackend) -> None:
    store = open_store(backend)
    store.amend("p", "deletion", {}, written_at=1)
    assert store.is_deleted("p")
    for name in folder_names(backend, ObjectType.PACK.folder):
        backend.delete(name)
    report = check(backend)
    assert report.is_well
    assert report.points == 1


def test_a_listing_that_fails_proves_nothing(backend: MemoryBackend) -> None:
    with pytest.raises(StoreUnavailable):
        verify(open_store(FaultyBackend(backend, [Fault("list", Trouble.FAIL)])), read_data=True)


@pytest.mark.parametrize("trouble", [Trouble.FLIP, Trouble.CUT])
def test_a_read_that_lies_is_noticed(backend: MemoryBackend, trouble: Trouble) -> None:
    lying = FaultyBackend(backend, [Fault("get", trouble, folder="packs/")])
    report = verify(open_store(lying), read_data=True)
    assert not report.is_well
    skipped: list[tuple[bytes, str]] = []
    found = restore(open_store(lying), "p", skipped=skipped)
    assert {path for path, what in found.items() if what} == set()
    assert len(skipped) == len([what for what in FLAT.values() if what])


def test_a_point_that_is_not_there_is_missing(backend: MemoryBackend) -> None:
    store = open_store(backend)
    assert store.find_point("nobody") is None
    with pytest.raises(ObjectMissing):
        store.point("nobody")


def test_amendments_keep_their_order_whoever_writes_them(backend: MemoryBackend) -> None:
    one, other = open_store(backend), open_store(backend)
    for number, store in enumerate((one, other, one, one, other)):
        store.amend("p", "tags", {"n": str(number)}, written_at=number)
    assert [(a.sequence, a.facts["n"]) for a in one.amendments("p")] == [(n + 1, str(n)) for n in range(5)]
    assert one.amendments("q") == []


def test_two_writers_of_an_amendment_get_numbers_of_their_own(backend: MemoryBackend) -> None:
    class Racing(MemoryBackend):
        def list(self, prefix):  # type: ignore[no-untyped-def]
            return iter(()) if prefix.startswith("amendments/") else super().list(prefix)

    racing = Racing()
    racing.objects = backend.objects
    for number in range(3):
        open_store(racing).amend("p", "tags", {"n": str(number)}, written_at=number)
    assert [amendment.facts["n"] for amendment in open_store(backend).amendments("p")] == ["0", "1", "2"]


@pytest.mark.parametrize(("size", "lengths"), [(9, [4, 4]), (7, [4, 4]), (8, [5, 3]), (3, [4])])
def test_a_content_list_that_contradicts_its_item_is_told(size: int, lengths: list[int]) -> None:
    class Source(TreeSource):
        def _item(self, path: bytes, name: bytes, entry: object) -> Item:
            return Item(name, 1, size, {}, content)

    store = open_store()
    with store.session() as session:
        identity = chunk_id(store.keys.chunk_id_key, b"four")
        session.add_chunk(identity, b"four")
        content = encode_content([Part(identity, length) for length in lengths], session.put_page)
        source = Source({b"file": b""}, PreviousTree())
        root = store.take_in(session, source, PreviousTree(), advance=lambda items, size: None)
        session.finish(new_record("p", root, session.stats))
    assert {problem.path for problem in verify(store, read_data=False).problems} == {b"file"}
    skipped: list[tuple[bytes, str]] = []
    assert restore(store, "p", skipped=skipped) == {}
    assert [path for path, _ in skipped] == [b"file"]
