"""Two places as one: what is cold lies in the cold place, everything else in the warm one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from safehold.core.errors import ConfigError, NotRetrieved, ObjectMissing, StoreUnavailable
from safehold.store.backends.contract import (
    Availability,
    Backend,
    LockingBackend,
    LockMode,
    ObjectInfo,
    Reading,
    Retention,
    renaming,
)
from safehold.store.backends.local_locks import LockingLocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.backends.tiered import TieredBackend
from safehold.store.backends.without_locks import WithoutLocks
from tests.store.archives import Archive, two_places
from tests.store.backends.contract import BackendContract
from tests.store.backends.locking_contract import SOON, LockingContract


class InCold(PassingBackend):
    """Names of the contract's objects as names of cold ones: there and back."""

    def put(self, name, parts):  # type: ignore[no-untyped-def]
        super().put(f"cold/{name}", parts)

    def get(self, name, *, offset=0, length=None):  # type: ignore[no-untyped-def]
        return super().get(f"cold/{name}", offset=offset, length=length)

    def size(self, name):  # type: ignore[no-untyped-def]
        return super().size(f"cold/{name}")

    def list(self, prefix):  # type: ignore[no-untyped-def]
        for info in super().list(f"cold/{prefix}"):
            yield ObjectInfo(info.name.removeprefix("cold/"), info.size_bytes)

    def delete(self, name):  # type: ignore[no-untyped-def]
        super().delete(f"cold/{name}")


class TestTieredBackend(BackendContract):
    def make(self, folder: Path) -> Backend:
        return TieredBackend(MemoryBackend(), lambda create: None)


class TestItsColdPlace(BackendContract):
    def make(self, folder: Path) -> Backend:
        return InCold(two_places(MemoryBackend(), MemoryBackend()))


class TestWithoutLocks(BackendContract):
    def make(self, folder: Path) -> Backend:
        return WithoutLocks(MemoryBackend())


class TestLocksOfTheWarmPlace(LockingContract):
    def make(self, folder: Path) -> LockingBackend:
        root = LockingLocalBackend.create(folder / "vault").root
        return two_places(LockingLocalBackend(root, may_be_immutable=False), MemoryBackend())


@pytest.fixture
def places() -> tuple[MemoryBackend, MemoryBackend]:
    return MemoryBackend(), MemoryBackend()


def test_each_object_lies_where_its_name_says(places: tuple[MemoryBackend, MemoryBackend]) -> None:
    both = two_places(*places)
    for name in ("packs/a", "cold/b", "labels/b", "points/c"):
        both.put(name, [name.encode()])
    both.rename("cold/b", "trash/00000001/cold/b")
    both.rename("packs/a", "trash/00000001/packs/a")
    warm, cold = places
    assert set(warm.objects) == {"trash/00000001/packs/a", "labels/b", "points/c"}
    assert set(cold.objects) == {"trash/00000001/cold/b"}
    assert [info.name for info in both.list("trash/")] == ["trash/00000001/cold/b", "trash/00000001/packs/a"]
    assert [info.name for info in both.list("")] == sorted([*warm.objects, *cold.objects])
    assert both.get("trash/00000001/cold/b") == b"cold/b"


def test_what_else_lies_in_the_cold_place_is_none_of_the_vaults() -> None:
    warm, cold = MemoryBackend(), MemoryBackend()
    both = two_places(warm, cold)
    cold.put("packs/other", [b"x"])
    cold.put("trash/00000001/packs/other", [b"x"])
    both.put("cold/a", [b"x"])
    assert [info.name for info in both.list("")] == ["cold/a"]
    assert list(both.list("trash/")) == []


def test_a_cold_place_that_is_away_keeps_nobody_from_what_is_warm() -> None:
    warm = MemoryBackend()

    def away(create: bool) -> Backend:
        raise StoreUnavailable("the disk is not there")

    both = TieredBackend(warm, away)
    both.put("packs/a", [b"x"])
    assert both.get("packs/a") == b"x"
    assert [info.name for info in both.list("packs/")] == ["packs/a"]
    for ask in (lambda: both.get("cold/a"), lambda: list(both.list("cold/")), lambda: list(both.list(""))):
        with pytest.raises(StoreUnavailable):
            ask()


def test_a_cold_place_that_is_not_there_is_empty_only_while_nothing_was_ever_moved_there() -> None:
    warm = MemoryBackend()
    both = TieredBackend(warm, lambda create: None)
    assert list(both.list("cold/")) == []
    both.delete("cold/a")
    with pytest.raises(ObjectMissing):
        both.get("cold/a")
    with pytest.raises(ConfigError, match="no cold storage"):
        both.put("cold/a", [b"x"])
    warm.put("labels/a", [b"x"])
    with pytest.raises(StoreUnavailable, match="not there, and it holds objects"):
        list(both.list("cold/"))
    with pytest.raises(StoreUnavailable):
        list(both.list("trash/"))


def test_the_cold_place_is_made_by_the_first_object_that_goes_there() -> None:
    made: list[MemoryBackend] = []

    def open_cold(create: bool) -> Backend | None:
        if create:
            made.append(MemoryBackend())
        return made[0] if made else None

    both = TieredBackend(MemoryBackend(), open_cold)
    both.put("packs/a", [b"x"])
    assert list(both.list("")) == [ObjectInfo("packs/a", 1)]
    assert made == []
    both.put("cold/a", [b"x"])
    assert list(made[0].objects) == ["cold/a"]


def test_a_name_is_renamed_where_its_place_can_do_that() -> None:
    class Fixed(PassingBackend):
        can_rename = False

    both = two_places(MemoryBackend(), Fixed(MemoryBackend()))
    wrapped = PassingBackend(both)
    both.put("cold/a", [b"x"])
    for backend in (both, wrapped):
        assert renaming(backend) is not None
        assert renaming(backend, "packs/a") is not None
        assert renaming(backend, "cold/a") is None
    with pytest.raises(StoreUnavailable):
        both.rename("cold/a", "trash/00000001/cold/a")


def test_a_cold_place_without_locks_refuses_to_lock_and_says_so(tmp_path: Path) -> None:
    root = LockingLocalBackend.create(tmp_path / "vault").root
    both = two_places(LockingLocalBackend(root, may_be_immutable=False), MemoryBackend())
    retention = Retention(LockMode.GOVERNANCE, SOON + timedelta(days=1))
    with pytest.raises(ConfigError, match="cannot be locked where cold objects lie"):
        both.put_locked("cold/a", [b"x"], retention)
    both.put("cold/a", [b"x"])
    (version,) = both.versions_of("cold/a")
    assert both.retention(version) is None
    assert not both.is_held(version)
    with pytest.raises(ConfigError):
        both.retain(version, retention)
    with pytest.raises(ConfigError):
        both.hold(version, is_held=True)
    assert both.get_version(version) == b"x"
    assert [version.name for version in both.versions("")] == ["cold/a"]
    both.delete_version(version)
    assert both.versions_of("cold/a") == []


def test_what_an_archive_says_passes_through() -> None:
    archive = Archive()
    both = two_places(MemoryBackend(), archive)
    wrapped = PassingBackend(both)
    assert wrapped.reading is Reading.ASKED
    both.put("packs/a", [b"x"])
    both.put("cold/a", [b"y"])
    assert wrapped.availability("packs/a") is Availability.READABLE
    assert wrapped.availability("cold/a") is Availability.ARCHIVED
    with pytest.raises(NotRetrieved):
        wrapped.get("cold/a")
    wrapped.retrieve("packs/a")
    wrapped.retrieve("cold/a")
    assert wrapped.availability("cold/a") is Availability.COMING
    archive.now += archive.hours
    assert wrapped.get("cold/a") == b"y"
    archive.now += 24 * archive.days
    assert wrapped.availability("cold/a") is Availability.ARCHIVED
    assert wrapped.digest("packs/a") is None
    assert wrapped.digest("cold/a") is not None
