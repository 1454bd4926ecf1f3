"""Nothing is called damaged for a read that lied once or twice; memory does not grow with a vault."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from safehold.core.errors import Damaged, StoreUnavailable
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.fragments.id_set import IdSet
from safehold.store.restoring.verdicts import Verdict, read_again
from safehold.store.soundness.checking import check_object
from safehold.store.soundness.verify import verify
from tests.store.vaults import Tree, back_up, flat, folder_names, open_store, restore

MIB = 1 << 20


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


TREE: Tree = {b"large": noise(3 * MIB, 1), b"folder": {b"%02d" % n: noise(30_000, n) for n in range(30)}}


@pytest.fixture
def backend() -> MemoryBackend:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    return backend


@pytest.mark.parametrize("trouble", [Trouble.FLIP, Trouble.CUT, Trouble.FAIL])
def test_a_pack_that_reads_wrongly_twice_is_well(backend: MemoryBackend, trouble: Trouble) -> None:
    lying = FaultyBackend(backend, [Fault("get", trouble, first=1, last=2, folder="packs/")])
    report = verify(open_store(lying), read_data=True)
    assert (report.problems, report.verdict) == ([], Verdict.OK)


def test_a_pack_that_reads_wrongly_three_times_is_damaged(backend: MemoryBackend) -> None:
    lying = FaultyBackend(backend, [Fault("get", Trouble.FLIP, folder="packs/")])
    report = verify(open_store(lying), read_data=True)
    assert report.verdict is Verdict.DAMAGED
    assert report.unreadable_count == 0


def test_a_pack_that_gives_no_answer_is_unreadable_and_nothing_is_called_damaged(
    backend: MemoryBackend,
) -> None:
    silent = FaultyBackend(backend, [Fault("get", Trouble.FAIL, folder="packs/")])
    report = verify(open_store(silent), read_data=True)
    assert {problem.verdict for problem in report.problems} == {Verdict.UNREADABLE}
    assert report.verdict is Verdict.UNREADABLE
    assert not report.is_well


def test_an_answer_that_differs_each_time_never_condemns(backend: MemoryBackend) -> None:
    (name,) = folder_names(backend, "packs/")
    faults = [
        Fault("get", Trouble.FLIP, first=1, last=2, folder=name),
        Fault("get", Trouble.FAIL, first=3, last=5, folder=name),
    ]
    pauses: list[float] = []
    check = check_object(
        open_store(FaultyBackend(backend, faults)), name, backend.size(name), pause=pauses.append
    )
    assert check.verdict is Verdict.UNREADABLE
    assert len(pauses) == 4


def test_a_store_that_answers_nothing_at_all_proves_nothing(backend: MemoryBackend) -> None:
    for number in range(20):
        back_up(open_store(backend), f"q{number:02}", {b"%d" % number: b"bytes"})
    silent = FaultyBackend(backend, [Fault("get", Trouble.FAIL, folder="points/")])
    for read_data in (True, False):
        with pytest.raises(StoreUnavailable):
            verify(open_store(silent), read_data=read_data)


def test_only_the_frames_that_were_wrong_are_looked_at_again(backend: MemoryBackend) -> None:
    (name,) = folder_names(backend, "packs/")
    data = bytearray(backend.objects[name])
    data[100] ^= 1
    backend.objects[name] = bytes(data)
    check = check_object(open_store(backend), name, len(data), pause=lambda seconds: None)
    assert list(check.frames) == [0]
    assert check.bytes_read == 3 * len(data)


def test_frames_count_as_looked_at_only_from_when_somebody_saw_them(backend: MemoryBackend) -> None:
    (name,) = folder_names(backend, "packs/")
    size = backend.size(name)
    twice_cut = [Fault("get", Trouble.CUT, first=1, last=2, folder=name)]
    lying = FaultyBackend(backend, [*twice_cut, Fault("get", Trouble.FLIP, first=3, last=4, folder=name)])
    check = check_object(open_store(lying), name, size, pause=lambda seconds: None)
    assert (check.verdict, check.problems) == (Verdict.OK, [])
    data = bytearray(backend.objects[name])
    data[100] ^= 1
    backend.objects[name] = bytes(data)
    cut = FaultyBackend(backend, twice_cut)
    check = check_object(open_store(cut), name, size, pause=lambda seconds: None)
    assert (check.verdict, check.why, list(check.frames)) == (Verdict.DAMAGED, "", [0])


def test_a_restore_is_not_disturbed_by_a_read_that_lies_once(backend: MemoryBackend) -> None:
    lying = FaultyBackend(backend, [Fault("get", Trouble.FLIP, first=3, last=4, folder="packs/")])
    assert restore(open_store(lying), "p") == flat(TREE)


def test_damage_is_read_three_times_and_nothing_else_is_tried_again() -> None:
    calls = []

    def damaged() -> None:
        calls.append(1)
        raise Damaged("again")

    def silent() -> None:
        calls.append(1)
        raise StoreUnavailable("no answer")

    with pytest.raises(Damaged):
        read_again(damaged)
    assert len(calls) == 3
    with pytest.raises(StoreUnavailable):
        read_again(silent)
    assert len(calls) == 4


def test_a_set_of_ids_knows_what_was_put_into_it() -> None:
    draw = random.Random(1)
    known, others = ([draw.randbytes(32) for _ in range(5000)] for _ in range(2))
    ids = IdSet()
    assert all(ids.add(identity) for identity in known)
    assert not any(ids.add(identity) for identity in known)
    assert len(ids) == 5000
    assert all(identity in ids for identity in known)
    assert not any(identity in ids for identity in others)


def test_a_set_of_ids_holds_even_those_that_begin_alike_or_with_zeros() -> None:
    ids = IdSet()
    assert bytes(32) not in ids
    assert ids.add(bytes(32))
    assert bytes(32) in ids
    same_slot = [(number << 40).to_bytes(8, "big") + bytes(24) for number in range(1, 500)]
    assert all(ids.add(identity) for identity in same_slot)
    assert all(identity in ids for identity in same_slot)


def fill(ids: IdSet, count: int) -> float:
    """Bytes that each takes, at the most."""
    draw = random.Random(2)
    tracemalloc.start()
    for _ in range(count):
        ids.add(draw.randbytes(8))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / count


@pytest.mark.slow
def test_an_id_takes_a_few_bytes() -> None:
    assert fill(IdSet(), 100_000) < 40


@pytest.mark.soak
def test_ten_million_ids_take_less_than_four_hundred_mebibytes() -> None:
    ids = IdSet()
    assert fill(ids, 10_000_000) * 10_000_000 < 400 << 20


def verify_peak(tree: Tree) -> int:
    store = open_store()
    back_up(store, "p", tree)
    store.index()
    tracemalloc.start()
    assert verify(store, read_data=False).is_well
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.slow
def test_memory_hardly_grows_with_the_number_of_files_in_a_folder() -> None:
    small, large = ({b"%06d" % n: b"%d" % n for n in range(count)} for count in (2000, 12_000))
    grown = verify_peak(large) - verify_peak(small)
    assert grown / 10_000 < 400  # pages of the one folder stay in the cache of frames: that is most of it
