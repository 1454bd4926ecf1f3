"""The index is made again from packs, trees and points alone, and says the same."""

from __future__ import annotations

import random

import pytest

from safehold.core.errors import WritersAtWork
from safehold.store.backends.memory import MemoryBackend
from safehold.store.fragments.places import ObjectRef, Place
from safehold.store.sealed.objects import Directory, FrameKind, FrameNote
from safehold.store.upkeep import index_rebuild
from safehold.store.upkeep.index_rebuild import rebuild_index
from safehold.store.vault_store import VaultStore
from tests.store.vaults import Tree, back_up, flat, folder_names, open_store, restore


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


TREE: Tree = {
    b"long": noise(3 << 20, 1),
    b"folder": {b"%02d" % n: noise(30_000, n) for n in range(30)},
}


@pytest.fixture
def backend() -> MemoryBackend:
    """Two large points and a combined one."""
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    back_up(open_store(backend), "q", TREE | {b"more": noise(2 << 20, 2)}, previous="p")
    back_up(open_store(backend), "r", TREE | {b"little": b"x"}, previous="q")
    return backend


def places(store: VaultStore) -> dict[bytes, set[Place]]:
    """All that the index says, whatever fragments say it."""
    index = store.index()
    index.places(bytes(32))  # reads what is read late
    found: dict[bytes, set[Place]] = {}
    for fragment in index.fragments():
        for rows in fragment.rows():
            for row in rows:
                identity = row[:32]
                found[identity] = set(index.places(identity))
    return found


@pytest.mark.parametrize("group", [1, 10, 500_000])
def test_from_nothing_comes_the_same_index(
    backend: MemoryBackend, group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_rebuild, "GROUP_ENTRIES", group)
    before = places(open_store(backend))
    points = list(open_store(backend).points())
    for name in folder_names(backend, "index/"):
        backend.delete(name)
    report = rebuild_index(open_store(backend), dry_run=False)
    assert (report.is_written, report.missing > 0, report.surplus, report.unread) == (True, True, 0, {})
    assert places(open_store(backend)) == before
    assert list(open_store(backend).points()) == points
    again = rebuild_index(open_store(backend), dry_run=True)
    assert (again.is_needed, again.entries) == (False, report.entries)


def test_a_dry_run_tells_what_is_wrong_and_writes_nothing(backend: MemoryBackend) -> None:
    assert not rebuild_index(open_store(backend), dry_run=True).is_needed
    (first, *_) = folder_names(backend, "index/")
    backend.objects[first] = b"?" * 2000
    before = dict(backend.objects)
    report = rebuild_index(open_store(backend), dry_run=True)
    assert report.is_needed
    assert (report.unreadable_fragments, report.is_written) == (1, False)
    assert backend.objects == before


def test_fragments_that_were_there_stay_and_count_no_more(backend: MemoryBackend) -> None:
    old = {name: backend.objects[name] for name in folder_names(backend, "index/")}
    damaged = sorted(old)[0]
    backend.objects[damaged] = old[damaged] = b"?" * 200_000  # longer than what takes its place
    rebuild_index(open_store(backend), dry_run=False)
    assert {name: backend.objects[name] for name in old} == old
    store = open_store(backend)
    assert store.unreadable_fragments == {}
    assert len(store.index_folder.load().fragments) == 1
    for point, tree in (("p", TREE), ("r", TREE | {b"little": b"x"})):
        assert restore(open_store(backend), point) == flat(tree)


def test_an_entry_that_lies_is_found_and_counts_no_more(backend: MemoryBackend) -> None:
    store = open_store(backend)
    opened = [store.object(name) for name in folder_names(backend, "packs/")]
    for name in folder_names(backend, "index/"):
        backend.delete(name)
    one_too_many = FrameNote(int(FrameKind.RECORD), 0, [0], b"")  # every chunk is said to lie a frame further
    lying = [
        (ObjectRef(each.name, each.seal.header), Directory(1, [one_too_many, *each.directory.frames]))
        for each in opened
    ]
    store.index_folder.write(lying)
    chunks = sum(len(note.lengths) for each in opened for note in each.directory.frames)
    report = rebuild_index(open_store(backend), dry_run=False)
    assert report.surplus == chunks
    assert restore(open_store(backend), "r") == flat(TREE | {b"little": b"x"})
    assert not rebuild_index(open_store(backend), dry_run=True).is_needed


def test_an_object_that_cannot_be_opened_is_told_and_the_others_are_indexed(backend: MemoryBackend) -> None:
    (name, *_) = folder_names(backend, "packs/")
    backend.objects[name] = backend.objects[name][:1000]
    report = rebuild_index(open_store(backend), dry_run=False)
    assert list(report.unread) == [name]
    assert report.surplus > 0
    assert restore(open_store(backend), "r", b"little") == {b"little": b"x"}


def test_what_is_gone_is_stored_again_by_the_backup_after_a_rebuild(backend: MemoryBackend) -> None:
    lost = folder_names(backend, "packs/")
    for name in lost:
        backend.delete(name)
    assert rebuild_index(open_store(backend), dry_run=False).lost == len(lost)
    tree = TREE | {b"little": b"x"}
    back_up(open_store(backend), "s", tree, previous="r")
    assert restore(open_store(backend), "s") == flat(tree)
    again = rebuild_index(open_store(backend), dry_run=True)
    assert (again.lost, again.is_needed) == (len(lost), False)


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_what_is_gone_is_stored_again_though_no_fragment_told_of_it(
    backend: MemoryBackend, harm: str
) -> None:
    """Nobody knows any more what there was: that something is missing shows in what the points need."""
    for name in folder_names(backend, "packs/"):
        backend.delete(name)
    for name in folder_names(backend, "index/"):
        if harm == "gone":
            backend.delete(name)
        else:
            backend.objects[name] = b"?" * 2000
    assert rebuild_index(open_store(backend), dry_run=False).lost == 1
    tree = TREE | {b"little": b"x"}
    back_up(open_store(backend), "s", tree, previous="r")
    assert restore(open_store(backend), "s") == flat(tree)
    for point in ("p", "q", "r"):
        open_store(backend).amend(point, "deletion", {}, written_at=1)
    assert rebuild_index(open_store(backend), dry_run=False).lost == 0
    with open_store(backend).session(parents=["s"]) as session:
        assert not session.has_gaps


def test_it_is_refused_while_somebody_writes_unless_that_is_confirmed(backend: MemoryBackend) -> None:
    """What a session has stored and nothing names yet, it may take back."""
    store = open_store(backend)
    with store.session(parents=[]) as session:
        before = dict(backend.objects)
        with pytest.raises(WritersAtWork, match="1 writer"):
            rebuild_index(open_store(backend), dry_run=False)
        assert backend.objects == before
        assert rebuild_index(open_store(backend), dry_run=True).entries > 0
        session.add_chunk(bytes(range(32)), b"x")
    assert rebuild_index(open_store(backend), dry_run=False).is_written
    with open_store(backend).session(parents=[]):
        assert rebuild_index(open_store(backend), dry_run=False, is_confirmed=True).is_written


def test_a_vault_that_holds_nothing_needs_nothing() -> None:
    backend = MemoryBackend()
    store = open_store(backend)
    before = dict(backend.objects)
    report = rebuild_index(store, dry_run=False)
    assert (report.is_needed, report.is_written, backend.objects == before) == (False, False, True)
