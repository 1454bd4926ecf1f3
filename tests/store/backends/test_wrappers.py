"""Wrappers around a backend: each keeps the contract, and does what it is for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from safehold.core.clock import FixedClock
from safehold.core.errors import Damaged, ObjectExists, StoreDenied, StoreFull, StoreUnavailable
from safehold.store.backends.cache import CacheBackend
from safehold.store.backends.contract import Backend
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.limit import LimitBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.backends.retry import Patience, RetryBackend
from tests.store.backends.contract import BackendContract
from tests.store.vaults import CountingBackend, back_up, flat, open_store, restore


class Sleeper(FixedClock):
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        super().__init__(datetime(2030, 1, 1, tzinfo=UTC))
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)


class TestPassingBackend(BackendContract):
    def make(self, folder: Path) -> Backend:
        return PassingBackend(MemoryBackend())


class TestRetryBackend(BackendContract):
    def make(self, folder: Path) -> Backend:
        return RetryBackend(MemoryBackend())


class TestRetryBackendInTrouble(BackendContract):
    """The contract holds although every operation fails the first two times, puts after they were done."""

    def make(self, folder: Path) -> Backend:
        faults = [Fault(operation, Trouble.FAIL, last=2) for operation in ("get", "size", "list", "delete")]
        clock = Sleeper()
        inner = FaultyBackend(MemoryBackend(), [*faults, Fault("put", Trouble.UNSURE, last=2)])
        return RetryBackend(inner, clock=clock, sleep=clock.sleep)


class TestLimitBackend(BackendContract):
    def make(self, folder: Path) -> Backend:
        clock = Sleeper()
        return LimitBackend(
            MemoryBackend(), bytes_per_second=10, requests_per_second=1, clock=clock, sleep=clock.sleep
        )


class TestCacheBackend(BackendContract):
    def make(self, folder: Path) -> Backend:
        return CacheBackend(MemoryBackend())


class TestAllWrappersTogether(BackendContract):
    def make(self, folder: Path) -> Backend:
        return CacheBackend(RetryBackend(LimitBackend(FaultyBackend(MemoryBackend(), []))))


# -- retry


def retrying(*faults: Fault, patience: Patience | None = None) -> tuple[RetryBackend, MemoryBackend, Sleeper]:
    memory, clock = MemoryBackend(), Sleeper()
    memory.objects["packs/there"] = b"0123456789"
    inner = FaultyBackend(memory, faults)
    return RetryBackend(inner, patience=patience, clock=clock, sleep=clock.sleep), memory, clock


@pytest.mark.parametrize("operation", ["put", "get", "size", "list", "delete"])
def test_what_fails_for_a_moment_is_done_again_with_growing_waits(operation: str) -> None:
    backend, memory, clock = retrying(Fault(operation, Trouble.FAIL, last=4))
    calls = {
        "put": lambda: backend.put("packs/new", [b"x"]),
        "get": lambda: backend.get("packs/there"),
        "size": lambda: backend.size("packs/there"),
        "list": lambda: list(backend.list("packs/")),
        "delete": lambda: backend.delete("packs/there"),
    }
    calls[operation]()
    assert len(clock.slept) == 4
    for number, slept in enumerate(clock.slept):
        assert 0.1 * 2**number <= slept <= 0.2 * 2**number
    assert ("packs/new" in memory.objects) == (operation == "put")
    assert ("packs/there" in memory.objects) == (operation != "delete")


def test_a_store_that_stays_away_is_told_when_patience_ends() -> None:
    backend, _, clock = retrying(Fault("get", Trouble.FAIL), patience=Patience(1, 4, 20))
    with pytest.raises(StoreUnavailable):
        backend.get("packs/there")
    assert 12 < sum(clock.slept) <= 20
    assert max(clock.slept) <= 4


def test_those_that_failed_together_come_back_apart() -> None:
    patience = Patience()
    assert len({patience.wait(f"packs/{number}", 3) for number in range(100)}) == 100


@pytest.mark.parametrize("unsure", [1, 3])
def test_a_put_whose_answers_got_lost_is_done_once_and_is_ours(unsure: int) -> None:
    backend, memory, clock = retrying(Fault("put", Trouble.UNSURE, last=unsure))
    backend.put("packs/new", [b"one ", b"two"])
    assert memory.objects["packs/new"] == b"one two"
    assert clock.slept


def test_a_put_whose_answer_got_lost_never_takes_anothers_object_for_its_own() -> None:
    backend, memory, _ = retrying(Fault("put", Trouble.FAIL, last=1))
    with pytest.raises(ObjectExists):
        backend.put("packs/there", [b"9876543210"])
    assert memory.objects["packs/there"] == b"0123456789"


def test_the_same_bytes_of_another_are_not_ours_when_no_answer_got_lost() -> None:
    backend, _, _ = retrying()
    with pytest.raises(ObjectExists):
        backend.put("packs/there", [b"0123456789"])


class Refusing(MemoryBackend):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.asked = 0

    def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
        self.asked += 1
        raise self.error


@pytest.mark.parametrize("error", [StoreDenied("no"), StoreFull("no"), Damaged("no")], ids=repr)
def test_what_will_not_get_better_is_told_at_once(error: Exception) -> None:
    inner, clock = Refusing(error), Sleeper()
    with pytest.raises(type(error)):
        RetryBackend(inner, clock=clock, sleep=clock.sleep).get("packs/a")
    assert (inner.asked, clock.slept) == (1, [])


# -- limit


def limited(**rates: float) -> tuple[LimitBackend, Sleeper]:
    clock = Sleeper()
    return LimitBackend(MemoryBackend(), clock=clock, sleep=clock.sleep, **rates), clock  # type: ignore[arg-type]


def test_bytes_come_and_go_at_the_rate_that_was_given() -> None:
    backend, clock = limited(bytes_per_second=1000)
    for number in range(10):
        backend.put(f"packs/{number}", [bytes(500)])
        backend.get(f"packs/{number}")
    # 10,000 bytes; a second's worth is free at the start, and the last one is not waited for.
    assert 8 <= sum(clock.slept) <= 9


def test_requests_of_every_kind_are_counted() -> None:
    backend, clock = limited(requests_per_second=10)
    for number in range(20):
        backend.put(f"packs/{number}", [b"x"])
        backend.size(f"packs/{number}")
        list(backend.list("packs/"))
        backend.delete(f"packs/{number}")
    assert 6.8 <= sum(clock.slept) <= 7


def test_without_a_limit_nothing_waits() -> None:
    backend, clock = limited()
    backend.put("packs/a", [bytes(10_000)])
    backend.get("packs/a")
    assert clock.slept == []


# -- cache


def test_small_objects_that_were_listed_are_read_once() -> None:
    counting = CountingBackend(MemoryBackend())
    counting.put("points/p", [b"0123456789"])
    backend = CacheBackend(counting)
    assert backend.get("points/p", length=3) == b"012"  # not known to be small yet
    list(backend.list("points/"))
    assert backend.get("points/p", length=3) == b"012"
    assert backend.get("points/p", offset=-3) == b"789"
    assert backend.get("points/p", offset=2, length=2) == b"23"
    assert counting.count()["get points"] == 2


@pytest.mark.parametrize("name", ["packs/a", "keys/0", "index/large"])
def test_packs_keys_and_large_objects_are_read_where_they_lie(name: str) -> None:
    counting = CountingBackend(MemoryBackend())
    counting.put(name, [bytes(2000) if name == "index/large" else b"small"])
    backend = CacheBackend(counting, small_bytes=1000)
    list(backend.list(""))
    backend.get(name, length=1), backend.get(name, length=1)
    assert counting.count()[f"get {name.split('/')[0]}"] == 2


def test_the_cache_never_holds_more_than_it_may() -> None:
    counting = CountingBackend(MemoryBackend())
    for number in range(10):
        counting.put(f"trees/{number}", [bytes(100)])
    backend = CacheBackend(counting, all_bytes=350)
    list(backend.list("trees/"))
    for number in range(10):
        backend.get(f"trees/{number}")
    for number in (9, 8, 7):
        backend.get(f"trees/{number}")
    assert counting.count()["get trees"] == 10
    backend.get("trees/6")
    assert counting.count()["get trees"] == 11


def test_what_is_forgotten_is_read_again() -> None:
    memory = MemoryBackend()
    memory.put("trees/a", [b"damaged"])
    backend = CacheBackend(memory)
    list(backend.list("trees/"))
    backend.get("trees/a")
    memory.objects["trees/a"] = b"healed!"
    assert backend.get("trees/a") == b"damaged"
    backend.forget("trees/a")
    assert backend.get("trees/a") == b"healed!"


def test_a_vault_of_many_small_points_is_opened_with_one_read_a_point() -> None:
    memory = MemoryBackend()
    for number in range(20):
        back_up(open_store(memory), f"p{number:02}", {b"file": b"%d" % number})
    counting = CountingBackend(memory)
    store = open_store(CacheBackend(counting))
    store.index()
    assert restore(store, "p07") == flat({b"file": b"7"})
    assert counting.count()["get points"] <= 20
