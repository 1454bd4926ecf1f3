"""Damaged frames are avoided, and sound ones of the same object are not; what has no label is told."""

from __future__ import annotations

from safehold.core.errors import ObjectMissing
from safehold.store.index.condemned import Condemned
from safehold.store.index.labels import cold_directories
from safehold.store.sealed.objects import SealedObject, may_be_whole


def test_frames_are_condemned_one_by_one_and_an_object_once_for_all() -> None:
    condemned = Condemned()
    assert not condemned
    condemned.add("packs/a", [1])
    condemned.add("packs/a", [3])
    assert condemned
    assert [condemned.holds("packs/a", frame) for frame in range(5)] == [False, True, False, True, False]
    condemned.add("packs/a", None)
    condemned.add("packs/a", [2])
    assert all(condemned.holds("packs/a", frame) for frame in range(5))
    assert not condemned.holds("packs/b", 1)


def test_an_object_of_cold_storage_without_a_label_is_told() -> None:
    def missing(name: str) -> SealedObject:
        raise ObjectMissing(f"{name} is not there")

    told: list[str] = []
    found = cold_directories(["cold/a"], missing, tell=lambda name, error: told.append(f"{name}: {error}"))
    assert list(found) == []
    assert told == ["cold/a: labels/a is not there"]


def test_sizes_that_whole_objects_have_are_what_they_always_were() -> None:
    whole = [1 << 10, 5 << 10, (1 << 20) + (8 << 10), (33 << 20) + (256 << 10)]
    assert [size for size in whole if not may_be_whole(size)] == []
    for size in (0, 1, *(size + cut for size in whole for cut in (-1, 1, 512)), (33 << 20) + (128 << 10)):
        assert not may_be_whole(size)
