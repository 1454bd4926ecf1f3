"""What one vault lacks comes back from another that holds the same; nothing else comes in or is edited."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from safehold.core.clock import FixedClock
from safehold.core.secrets import RootKey
from safehold.store.backends.contract import Backend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.copies.copying import CopyOrder, copy_point
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.soundness.verify import verify
from safehold.store.upkeep.heal import heal_from
from safehold.store.upkeep.scrub import scrub
from safehold.store.vault_store import VaultStore
from tests.store.vaults import Tree, back_up, flat, folder_names, open_store, restore

MIB = 1 << 20


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


TREE: Tree = {
    b"long": noise(9 * MIB, 1) + bytes(9 * MIB) + noise(MIB, 2),
    b"zeros": bytes(1000),
    b"empty": b"",
    b"folder": {b"%02d" % n: noise(30_000, n) for n in range(30)} | {b"sub": {b"deep": b"x" * 5000}},
}


def other_store(backend: Backend | None = None) -> VaultStore:
    """A vault of its own: other keys, another id."""
    return VaultStore.for_writing(backend or MemoryBackend(), KeyFile(RootKey(b"o" * 32)), b"o" * 16)


@pytest.fixture
def backend() -> MemoryBackend:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    return backend


@pytest.fixture
def other() -> VaultStore:
    store = other_store()
    back_up(store, "copy", TREE)
    return other_store(store.backend)


def flip(backend: MemoryBackend, name: str) -> None:
    data = bytearray(backend.objects[name])
    for position in range(60, len(data) - 70_000, 200_000):
        data[position] ^= 1
    data[60] ^= 1 if len(data) <= 70_060 else 0
    backend.objects[name] = bytes(data)


def cut_off(backend: MemoryBackend, name: str) -> None:
    backend.objects[name] = backend.objects[name][:100]


def lose(backend: MemoryBackend, name: str) -> None:
    backend.delete(name)


@pytest.mark.parametrize("folders", [["packs/"], ["trees/"], ["packs/", "trees/"]], ids=" and ".join)
@pytest.mark.parametrize("harm", [flip, cut_off, lose])
def test_everything_that_is_lost_or_damaged_comes_back(
    backend: MemoryBackend,
    other: VaultStore,
    folders: list[str],
    harm: Callable[[MemoryBackend, str], None],
) -> None:
    for folder in folders:
        for name in folder_names(backend, folder):
            harm(backend, name)
    assert not verify(open_store(backend), read_data=True).is_well
    scrub(open_store(backend), budget_bytes=1 << 40, clock=FixedClock(datetime(2030, 1, 1, tzinfo=UTC)))
    before = dict(backend.objects)
    planned = heal_from(open_store(backend), other, dry_run=True)
    assert backend.objects == before
    done = heal_from(open_store(backend), other, dry_run=False)
    assert (done.lacking, done.healed, done.unhealed) == (planned.lacking, planned.lacking, [])
    assert (done.chunks, done.bytes) == (planned.chunks, planned.bytes)
    assert {name: backend.objects[name] for name in before} == before  # new objects only
    assert restore(open_store(backend), "p") == flat(TREE)
    assert {p.where for p in verify(open_store(backend), read_data=False).problems} == set()
    assert heal_from(open_store(backend), other, dry_run=True).lacking == 0


def test_a_vault_that_lacks_nothing_gets_nothing(backend: MemoryBackend, other: VaultStore) -> None:
    before = dict(backend.objects)
    report = heal_from(open_store(backend), other, dry_run=False)
    assert (report.lacking, report.chunks) == (0, 0)
    assert backend.objects == before


def test_another_version_of_a_file_does_not_come_in(backend: MemoryBackend) -> None:
    other = other_store()
    back_up(other, "later", TREE | {b"long": noise(19 * MIB, 3)})
    for name in folder_names(backend, "packs/"):
        lose(backend, name)
    report = heal_from(open_store(backend), other, dry_run=False)
    assert [(each.path, each.why) for each in report.unhealed] == [
        (b"long", "the other vault holds another version of it")
    ]
    skipped: list[tuple[bytes, str]] = []
    found = restore(open_store(backend), "p", skipped=skipped)
    assert [path for path, _ in skipped] == [b"long"]
    assert found == {path: what for path, what in flat(TREE).items() if path != b"long"}
    added = {name for name in backend.objects if name.startswith("packs/")}
    assert sum(len(backend.objects[name]) for name in added) < 2 * MIB  # nothing of the other version


def test_an_older_point_of_the_other_vault_is_asked_when_the_nearest_has_another_version(
    backend: MemoryBackend,
) -> None:
    other = other_store()
    back_up(other, "old", TREE)
    back_up(other, "p", TREE | {b"long": b"now short"})
    for name in folder_names(backend, "packs/"):
        lose(backend, name)
    assert heal_from(open_store(backend), other, dry_run=False).unhealed == []
    assert restore(open_store(backend), "p") == flat(TREE)


def test_what_the_other_vault_lost_too_is_told(backend: MemoryBackend, other: VaultStore) -> None:
    for name in folder_names(backend, "packs/"):
        lose(backend, name)
    for name in folder_names(other.backend, "packs/"):
        other.backend.delete(name)
    report = heal_from(open_store(backend), other, dry_run=False)
    assert report.healed == 0
    assert {each.path for each in report.unhealed} >= {b"long", b"folder/00"}
    assert all("cannot be read" in each.why for each in report.unhealed)


def test_a_file_that_two_points_share_is_healed_once(backend: MemoryBackend, other: VaultStore) -> None:
    back_up(open_store(backend), "q", {b"renamed": TREE}, previous="p")
    for name in folder_names(backend, "packs/"):
        lose(backend, name)
    report = heal_from(open_store(backend), other, dry_run=False)
    assert report.unhealed == []
    for point, expected in (("p", TREE), ("q", {b"renamed": TREE})):
        assert restore(open_store(backend), point) == flat(expected)


@pytest.mark.parametrize("is_copy_healed", [True, False], ids=["a copy from its source", "from a copy"])
def test_a_point_and_its_copy_heal_one_another(backend: MemoryBackend, is_copy_healed: bool) -> None:
    """Long files of a copy are cut as their source cuts: neither vault would cut them so by itself."""
    target = MemoryBackend()
    order = CopyOrder("p", "c", "arn", "job")
    copy_point(open_store(backend), other_store(target), order, advance=lambda items, size: None)
    healed = target if is_copy_healed else backend
    for name in [*folder_names(healed, "packs/"), *folder_names(healed, "trees/")]:
        lose(healed, name)
    stores = open_store(backend), other_store(target)
    mine, other = reversed(stores) if is_copy_healed else stores
    report = heal_from(mine, other, dry_run=False)
    assert report.unhealed == []
    fresh, point = (other_store(target), "c") if is_copy_healed else (open_store(backend), "p")
    assert restore(fresh, point) == flat(TREE)
