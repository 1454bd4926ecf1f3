"""No lock depends on a future run: what keeps a point's objects is there before the point is."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from safehold.core.errors import ConfigError, ObjectLocked, ObjectMissing, StoreUnavailable
from safehold.core.secrets import RootKey
from safehold.store.backends.contract import Backend, LockMode, Retention
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.backends.retention import is_enough
from safehold.store.custody.point_locks import hold_point, keep_point, release_point
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.points.locking import (
    LOCKED_FOLDERS,
    PointLock,
    first_version,
    intruders,
    make_final,
    needs_locks,
    repair_versions,
)
from safehold.store.upkeep.heal import heal_from
from safehold.store.vault_store import VaultStore
from tests.store.vaults import Tree, back_up, flat, open_store, restore

T = TypeVar("T")
DAY = timedelta(days=1)
BASE = datetime.now(UTC).replace(microsecond=0) + DAY
GOVERNANCE, COMPLIANCE = LockMode.GOVERNANCE, LockMode.COMPLIANCE


def kept(days: int, mode: LockMode = COMPLIANCE) -> Retention:
    return Retention(mode, BASE + days * DAY)


class Watched(PassingBackend):
    """Counts what is asked of another backend; `refuse` names an operation that then fails."""

    def __init__(self, inner: Backend) -> None:
        super().__init__(inner)
        self.calls: Counter[str] = Counter()
        self.refuse = ""
        self.refuse_after = 0

    def _call(self, operation: str, name: str, work: Callable[[], T]) -> T:
        self.calls[operation] += 1
        if operation == self.refuse and self.calls[operation] > self.refuse_after:
            raise StoreUnavailable(f"{operation} of {name} was refused")
        return work()


@pytest.fixture
def backend(tmp_path: Path) -> Watched:
    root = LockingLocalBackend.create(tmp_path / "vault").root
    return Watched(LockingLocalBackend(root, may_be_immutable=False))


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


ONE: Tree = {b"small": b"few", b"a": {b"large": noise(1_500_000, 1)}, b"c": {b"x": b"1"}}
TWO: Tree = {**ONE, b"new": b"since"}
OTHER: Tree = {b"elsewhere": noise(1_500_000, 1), b"own": noise(1_500_000, 2)}  # shares a file with ONE


def assert_kept(backend: Backend, point_id: str, needed: Retention) -> None:
    """All that restoring the point takes carries at least that."""
    store = open_store(backend)
    names = {f"points/{point_id}", "keys/0", *store.objects_used(store.point(point_id))}
    locks = needs_locks(backend)
    short = {name for name in names if not is_enough(locks.retention(first_version(locks, name)), needed)}
    assert short == set()


def lock(store: VaultStore, retention: Retention, parent: str | None = None) -> PointLock:
    return PointLock(retention, store.point(parent) if parent else None)


def locked(
    backend: Backend, point_id: str, tree: Tree, retention: Retention, parent: str | None = None
) -> None:
    store = open_store(backend)
    back_up(store, point_id, tree, previous=parent, lock=lock(store, retention, parent))


def test_all_objects_of_a_new_point_are_kept(backend: Watched) -> None:
    locked(backend, "one", ONE, kept(10))
    assert_kept(backend, "one", kept(10))
    assert {info.name.split("/")[0] for info in backend.list("")} >= {"keys", "packs", "trees", "points"}


@pytest.mark.parametrize(
    "second",
    [kept(5), kept(10), kept(20), kept(20, GOVERNANCE)],
    ids=["shorter", "as long", "longer", "longer, not final"],
)
@pytest.mark.parametrize(
    "first", [None, kept(10), kept(10, GOVERNANCE)], ids=["not kept", "final", "not final"]
)
def test_what_a_point_takes_over_from_its_parent_is_kept_as_long_as_itself(
    backend: Watched, first: Retention | None, second: Retention
) -> None:
    if first is None:
        back_up(open_store(backend), "one", ONE)
    else:
        locked(backend, "one", ONE, first)
    locked(backend, "two", TWO, second, parent="one")
    assert_kept(backend, "two", second)
    if first is not None:
        assert_kept(backend, "one", first)


def test_what_a_point_finds_in_the_vault_is_kept_as_long_as_itself(backend: Watched) -> None:
    locked(backend, "one", ONE, kept(5))
    locked(backend, "other", OTHER, kept(30))
    assert_kept(backend, "other", kept(30))


def test_a_chain_of_points_is_kept_through_and_through(backend: Watched) -> None:
    tree: Tree = ONE
    for number in range(6):
        tree = {**tree, b"%d" % number: noise(300_000, 10 + number)}
        parent = f"p{number - 1}" if number else None
        locked(backend, f"p{number}", tree, kept(10 + 7 * (number % 3)), parent)
    for number in range(6):
        assert_kept(backend, f"p{number}", kept(10 + 7 * (number % 3)))


def test_within_a_generation_what_the_parent_has_is_neither_asked_nor_locked_again(backend: Watched) -> None:
    locked(backend, "one", ONE, kept(10))
    backend.calls.clear()
    locked(backend, "two", TWO, kept(10), parent="one")
    assert backend.calls["retain"] == 0
    assert backend.calls["retention"] <= 2  # the keys, and a page that is as it was
    assert backend.calls["put"] == 2  # the intent and the record


@pytest.mark.parametrize("operation", ["retain", "retention"])
def test_a_point_whose_objects_cannot_be_locked_is_not_there(backend: Watched, operation: str) -> None:
    locked(backend, "one", ONE, kept(10))
    backend.refuse, backend.refuse_after = operation, backend.calls[operation] + 1
    with pytest.raises(StoreUnavailable):
        locked(backend, "two", TWO, kept(20), parent="one")
    backend.refuse = ""
    assert list(open_store(backend).points()) == ["one"]


def test_locks_refuse_what_would_delete_and_points_restore(backend: Watched) -> None:
    locked(backend, "one", ONE, kept(10))
    for info in list(backend.list("")):
        if info.name.startswith(LOCKED_FOLDERS):
            with pytest.raises(ObjectLocked):
                backend.delete(info.name)
    assert restore(open_store(backend), "one") == flat(ONE)


def test_a_place_that_cannot_lock_is_told_before_anything_is_written() -> None:
    memory = MemoryBackend()
    store = open_store(memory)
    with pytest.raises(ConfigError) as told:
        store.session(lock=lock(store, kept(10)))
    assert told.value.hint
    assert list(memory.list("packs/")) == []
    assert list(intruders(memory)) == []
    assert repair_versions(memory).removed == 0


def test_a_point_from_before_the_lock_is_kept_afterwards_and_so_is_what_is_amended(backend: Watched) -> None:
    store = open_store(backend)
    back_up(store, "one", ONE)
    store.amend("one", "tags", {"a": "b"}, written_at=1)
    assert keep_point(store, "one", kept(10)) > 3
    assert keep_point(store, "one", kept(10)) == 0
    store.amend("one", "lifecycle", {"a": "b"}, written_at=2, kept=kept(10))
    assert_kept(backend, "one", kept(10))
    for name in ("amendments/one/00000001", "amendments/one/00000002"):
        with pytest.raises(ObjectLocked):
            backend.delete(name)


def test_a_lock_is_made_final_in_steps_and_no_date_changes(backend: Watched) -> None:
    locked(backend, "one", ONE, kept(10, GOVERNANCE))
    locked(backend, "two", TWO, kept(20, GOVERNANCE), parent="one")
    told: list[tuple[int, int, str]] = []
    backend.refuse, backend.refuse_after = "retain", backend.calls["retain"] + 1
    with pytest.raises(StoreUnavailable):
        make_final(backend, progress=lambda *step: told.append(step))
    backend.refuse = ""
    after = told[-1][2] if told else ""
    make_final(backend, progress=lambda *step: told.append(step), after=after)
    done, total, _ = told[-1]
    assert done == total == len([i for i in backend.list("") if i.name.startswith(LOCKED_FOLDERS)])
    assert [step[0] for step in told] == list(range(1, total + 1))
    assert_kept(backend, "one", kept(10))
    assert_kept(backend, "two", kept(20))
    again = make_final(backend, progress=lambda *step: None)
    assert (again.raised, again.already, again.free) == (0, total, 0)


def test_it_is_told_how_many_locks_were_made_final_were_so_and_were_none(backend: Watched) -> None:
    for name, retention in (("packs/a", kept(9)), ("packs/b", kept(9)), ("trees/a", kept(9, GOVERNANCE))):
        backend.put_locked(name, [b"x"], retention)
    for name in ("keys/0", "points/a", "points/b"):
        backend.put(name, [b"x"])
    names: list[str] = []
    told = make_final(backend, progress=lambda done, total, name: names.append(name))
    assert (told.raised, told.already, told.free) == (1, 2, 3)
    # In the order of names, whatever that of the folders is: who goes on does so behind a name.
    assert names == sorted(names)
    assert len(names) == 6


def test_a_hold_keeps_what_two_held_points_share_until_both_let_go(backend: Watched) -> None:
    store = open_store(backend)
    back_up(store, "one", ONE)
    back_up(store, "two", TWO, previous="one")
    hold_point(store, "one")
    hold_point(store, "two")
    release_point(store, "two", still_held=["one"])
    shared = store.objects_used(store.point("one"))
    for name in (*shared, "points/one", "keys/0"):
        with pytest.raises(ObjectLocked):
            backend.delete(name)
    backend.delete("points/two")
    release_point(store, "one", still_held=[])
    backend.delete("points/one")
    with pytest.raises(ObjectMissing):
        store.point("one")


def test_what_is_stored_again_elsewhere_is_kept_when_a_point_takes_it_over(backend: Watched) -> None:
    long: Tree = {b"long": noise(3_000_000, 5)}
    locked(backend, "one", long, kept(10))
    for info in list(backend.list("packs/")):
        (backend.inner.root / info.name).unlink()  # type: ignore[attr-defined]
    back_up(open_store(backend), "again", {**long, b"other": b"x"})  # under no lock
    locked(backend, "two", long, kept(10), parent="one")
    assert restore(open_store(backend), "two") == flat(long)
    assert_kept(backend, "two", kept(10))


def test_what_is_healed_is_kept_as_long_as_the_points_that_lacked_it(backend: Watched) -> None:
    locked(backend, "one", ONE, kept(10))
    other = VaultStore.for_writing(MemoryBackend(), KeyFile(RootKey(b"o" * 32)), b"o" * 16)
    back_up(other, "copy", ONE)
    for info in list(backend.list("packs/")):
        (backend.inner.root / info.name).unlink()  # type: ignore[attr-defined]
    assert heal_from(open_store(backend), other, dry_run=False).unhealed == []
    assert restore(open_store(backend), "one") == flat(ONE)
    assert_kept(backend, "one", kept(10))
