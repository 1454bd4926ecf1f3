"""A repair deleted healthy data.

Here repairs write new objects, and leave every object that was there as it was, damaged ones too; and all of
them can be tried without writing anything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from safehold.core.clock import FixedClock
from safehold.store.backends.memory import MemoryBackend
from safehold.store.upkeep.heal import heal_from
from safehold.store.upkeep.index_rebuild import rebuild_index
from safehold.store.upkeep.scrub import scrub
from safehold.store.vault_store import VaultStore
from tests.store.upkeep.test_heal_from import TREE, other_store
from tests.store.vaults import back_up, folder_names, open_store


def scrubbing(store: VaultStore, other: VaultStore) -> None:
    scrub(store, budget_bytes=1 << 40, clock=FixedClock(datetime(2030, 1, 1, tzinfo=UTC)))


def healing(store: VaultStore, other: VaultStore) -> None:
    heal_from(store, other, dry_run=False)


def healing_dry(store: VaultStore, other: VaultStore) -> None:
    assert heal_from(store, other, dry_run=True).lacking


def rebuilding(store: VaultStore, other: VaultStore) -> None:
    rebuild_index(store, dry_run=False)


def rebuilding_dry(store: VaultStore, other: VaultStore) -> None:
    assert rebuild_index(store, dry_run=True).unread


def backing_up(store: VaultStore, other: VaultStore) -> None:
    back_up(store, "q", TREE, previous="p")


@pytest.mark.parametrize("repair", [scrubbing, healing, rebuilding, backing_up, healing_dry, rebuilding_dry])
def test_a_repair_leaves_every_object_that_was_there(repair: Callable[..., None]) -> None:
    backend, other = MemoryBackend(), other_store()
    back_up(open_store(backend), "p", TREE)
    back_up(other, "copy", TREE)
    (pack, *_) = folder_names(backend, "packs/")
    data = bytearray(backend.objects[pack])
    data[60] ^= 1
    data[-1] ^= 1
    backend.objects[pack] = bytes(data)
    scrubbing(open_store(backend), other)
    before = dict(backend.objects)
    repair(open_store(backend), other_store(other.backend))
    kept = {name: backend.objects.get(name) for name in before if not name.startswith("checks/")}
    assert kept == {name: data for name, data in before.items() if not name.startswith("checks/")}
    if repair.__name__.endswith("dry"):
        assert backend.objects == before
