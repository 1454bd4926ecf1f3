"""A point exists whole or not at all, whatever happens to the one who writes it."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from safehold.core.errors import JobAborted, SourceError, StoreFull, StoreUnavailable
from safehold.domain.items import Item, ItemKind, Listing, PreviousTree
from safehold.store.backends.contract import Backend
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.sealed.chunking import chunk_id
from safehold.store.soundness.verify import verify
from safehold.store.writing.session import Session
from tests.store.vaults import (
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
BIG: Tree = {b"%d" % n: random.Random(n).randbytes(MIB) for n in range(3)}
SMALL: Tree = {b"only": b"a few bytes"}
FULL = Fault("put", Trouble.FULL)


def left_behind(backend: MemoryBackend) -> list[str]:
    return sorted(name.split("/")[0] for name in backend.objects if not name.startswith("keys/"))


def nothing(items: int, size: int) -> None:
    del items, size


@pytest.mark.parametrize("folder", ["packs/", "trees/", "index/", "points/"])
@pytest.mark.parametrize("trouble", [Trouble.FULL, Trouble.FAIL, Trouble.UNSURE])
def test_a_point_whose_objects_cannot_be_stored_is_not_seen_and_comes_with_the_next_try(
    folder: str, trouble: Trouble
) -> None:
    backend = MemoryBackend()
    store = open_store(backend)
    back_up(store, "before", SMALL)
    faulty = FaultyBackend(backend, [Fault("put", trouble, folder=folder)])
    with pytest.raises((StoreFull, StoreUnavailable)):
        back_up(open_store(faulty), "p", BIG)
    is_seen = trouble is Trouble.UNSURE and folder == "points/"  # stored, although nobody said so
    assert list(open_store(backend).points()) == ["before", "p"] if is_seen else ["before"]
    assert verify(open_store(backend), read_data=True).problems == []
    back_up(open_store(backend), "p", BIG)
    assert restore(open_store(backend), "p") == flat(BIG)
    assert restore(open_store(backend), "before") == flat(SMALL)


def test_room_that_comes_back_is_used_by_the_same_opened_store() -> None:
    backend = MemoryBackend()
    faulty = FaultyBackend(backend, [Fault("put", Trouble.FULL, first=2)])  # the keys find room
    store = open_store(faulty)
    with pytest.raises(StoreFull):
        back_up(store, "p", BIG)
    faulty.mend()
    back_up(store, "p", BIG)
    assert restore(store, "p") == flat(BIG)


@pytest.mark.parametrize("tree", [BIG, SMALL], ids=["large", "small"])
def test_a_session_that_is_left_without_finish_leaves_nothing(tree: Tree) -> None:
    backend = MemoryBackend()
    store = open_store(backend)
    with store.session() as session:
        store.take_in(session, TreeSource(tree, PreviousTree()), PreviousTree(), advance=nothing)
    assert left_behind(backend) == []


def test_a_source_that_fails_halfway_leaves_nothing() -> None:
    class Failing(TreeSource):
        def listings(self) -> Iterator[Listing]:
            yield from super().listings()
            raise SourceError("the disk went away")

    backend = MemoryBackend()
    store = open_store(backend)
    tree: Tree = {b"%02d" % n: random.Random(n).randbytes(MIB) for n in range(40)}  # more than one pack
    with pytest.raises(SourceError), store.session() as session:
        store.take_in(session, Failing(tree, PreviousTree()), PreviousTree(), advance=nothing)
    assert left_behind(backend) == []


def test_a_job_that_is_told_to_stop_by_its_progress_leaves_nothing() -> None:
    def stop(items: int, size: int) -> None:
        raise JobAborted("stopped")

    backend = MemoryBackend()
    store = open_store(backend)
    with pytest.raises(JobAborted), store.session() as session:
        store.take_in(session, TreeSource(BIG, PreviousTree()), PreviousTree(), advance=stop)
    assert left_behind(backend) == []


def test_once_an_index_fragment_may_be_there_nothing_is_taken_back() -> None:
    # Another writer may have found our chunks in it and refer to them.
    backend = MemoryBackend()
    store = open_store(FaultyBackend(backend, [Fault("put", Trouble.FULL, folder="points/")]))
    with pytest.raises(StoreFull):
        back_up(store, "p", BIG)
    assert left_behind(backend) == ["index", "packs", "trees"]
    again = back_up(open_store(backend), "q", BIG)
    assert again.stats.new_chunks == 0
    assert restore(open_store(backend), "q") == flat(BIG)


@pytest.mark.parametrize("mine", [SMALL, BIG], ids=["small", "large"])
@pytest.mark.parametrize("theirs", [SMALL, BIG], ids=["small", "large"])
def test_the_first_of_two_attempts_wins_and_the_other_adopts_its_point(mine: Tree, theirs: Tree) -> None:
    backend = MemoryBackend()
    slow = open_store(backend)
    with slow.session() as session:
        root = slow.take_in(session, TreeSource(mine, PreviousTree()), PreviousTree(), advance=nothing)
        back_up(open_store(backend), "p", theirs)
        adopted = session.finish(new_record("p", root, session.stats, resource_name="the slow one"))
    assert adopted.resource_name == "tree"
    for store in (slow, open_store(backend)):
        assert restore(store, "p") == flat(theirs)
    assert verify(open_store(backend), read_data=True).problems == []


def test_a_retry_finds_what_an_attempt_left_that_died_just_before_its_record() -> None:
    # Its fragment says that this point's record holds no chunks; the retry adds so little that it would.
    backend = MemoryBackend()
    dying = FaultyBackend(backend, [Fault("put", Trouble.FAIL, folder="points/")])
    with pytest.raises(StoreUnavailable):
        back_up(open_store(dying), "p", BIG)
    tree: Tree = {**BIG, b"one more": b"since then"}
    again = back_up(open_store(backend), "p", tree)
    assert again.stats.new_bytes < 1000
    assert left_behind(backend).count("index") == 2  # its chunks are in a fragment, not in its record
    assert restore(open_store(backend), "p") == flat(tree)
    next_one = back_up(open_store(backend), "q", {**tree, b"and": b"another"}, previous="p")
    assert next_one.stats.read_items == 1


def test_a_combined_record_is_read_although_another_attempts_fragment_denies_its_chunks() -> None:
    backend = MemoryBackend()
    slow = open_store(backend)
    with slow.session() as session:
        root = slow.take_in(session, TreeSource(BIG, PreviousTree()), PreviousTree(), advance=nothing)
        back_up(open_store(backend), "p", SMALL)  # finished before the slow one's fragment is written
        session.finish(new_record("p", root, session.stats))
    assert restore(open_store(backend), "p") == flat(SMALL)
    assert back_up(open_store(backend), "q", SMALL, previous="p").stats.read_items == 0


def test_two_writers_at_once_may_store_a_chunk_twice_and_both_points_hold() -> None:
    backend = MemoryBackend()
    one, two = open_store(backend), open_store(backend)
    with one.session() as first, two.session() as second:
        roots: list[Item] = []
        for store, session in ((one, first), (two, second)):
            source = TreeSource(BIG, PreviousTree())
            roots.append(store.take_in(session, source, PreviousTree(), advance=nothing))
        first.finish(new_record("p1", roots[0], first.stats))
        second.finish(new_record("p2", roots[1], second.stats))
    store = open_store(backend)
    assert restore(store, "p1") == restore(store, "p2") == flat(BIG)


def test_a_store_that_forgets_a_pack_is_found_out_by_verify() -> None:
    backend = MemoryBackend()
    back_up(open_store(FaultyBackend(backend, [Fault("put", Trouble.FORGET, folder="packs/")])), "p", BIG)
    report = verify(open_store(backend), read_data=False)
    assert {problem.path for problem in report.problems} == set(BIG)


def test_a_slow_store_changes_nothing() -> None:
    backend = MemoryBackend()
    waits: list[float] = []
    lag = Fault("put", Trouble.LAG, lag_seconds=7.0)
    back_up(open_store(FaultyBackend(backend, [lag], sleep=waits.append)), "p", BIG)
    assert set(waits) == {7.0}
    assert restore(open_store(backend), "p") == flat(BIG)


def naming_session(backend: Backend, named_chunks: int) -> Session:
    session = open_store(backend).session()
    session.named_chunks = named_chunks
    return session


def add_twice(session: Session, count: int) -> None:
    """So many chunks of 40 KiB, each two times."""
    for number in range(count):
        data = random.Random(number).randbytes(40 << 10)
        for _ in range(2):
            session.add_chunk(chunk_id(VAULT_KEY, data), data)


def take_in_much(backend: Backend, *, then: Exception | None = None) -> None:
    with naming_session(backend, named_chunks=900) as session:
        add_twice(session, 6000)
        if then is not None:
            raise then


VAULT_KEY = b"c" * 32  # any will do: nothing here is read back


def names_told_by_fragments(backend: Backend) -> set[str]:
    fragments = open_store(backend).index_folder.load().fragments
    return {ref.name for fragment in fragments for ref in fragment.objects}


@pytest.mark.slow
def test_what_a_session_must_remember_does_not_grow_with_its_source() -> None:
    backend = MemoryBackend()
    with naming_session(backend, named_chunks=800) as session:
        add_twice(session, 6000)
        assert session.stats.new_chunks == 6000
        assert session.remembered_chunks < 800 + 4 * 820  # and what is in packs that are not stored yet
        assert names_told_by_fragments(backend) <= set(backend.objects)
        session.finish(new_record("p", Item(b"", ItemKind.DIRECTORY, 0, {}, b""), session.stats))
    assert names_told_by_fragments(backend) == {*folder_names(backend, "packs/"), "points/p"}


@pytest.mark.slow
def test_a_session_that_dies_takes_back_all_but_what_fragments_name() -> None:
    backend = MemoryBackend()
    with pytest.raises(JobAborted):
        take_in_much(backend, then=JobAborted("stopped"))
    named = names_told_by_fragments(backend)
    assert named
    assert set(folder_names(backend, "packs/")) == named


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [Trouble.FULL, Trouble.FAIL, Trouble.UNSURE])
def test_when_a_running_session_cannot_name_what_it_stored_nothing_named_is_taken_back(
    trouble: Trouble,
) -> None:
    backend = MemoryBackend()
    open_store(backend)
    faulty = FaultyBackend(backend, [Fault("put", trouble, first=2, folder="index/")])
    with pytest.raises((StoreFull, StoreUnavailable)):
        take_in_much(faulty)
    named = names_told_by_fragments(backend)
    assert named <= set(backend.objects)
    if trouble is Trouble.FULL:  # else the fragment may be there, for all that we know
        assert set(folder_names(backend, "packs/")) == named
