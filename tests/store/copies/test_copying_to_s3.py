"""Copies into a bucket with object lock, and from there: the same on a real store."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from safehold.core.secrets import RootKey
from safehold.store.backends.contract import LockMode, Retention
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.places import open_place
from safehold.store.backends.retention import is_enough
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.points.locking import first_version, needs_locks
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from tests.fixtures.seaweed import Seaweed
from tests.store.copies.test_copying import OTHER_KEY, OTHER_VAULT, TREE, copy
from tests.store.vaults import back_up, flat, open_store, restore

KEPT = Retention(LockMode.COMPLIANCE, datetime.now(UTC).replace(microsecond=0) + timedelta(days=1))


def test_copies_into_a_bucket_that_locks_and_back_restore_equal(
    seaweed: Seaweed, locking_bucket: str
) -> None:
    url, vault = seaweed.url(locking_bucket, "copies"), uuid.uuid4().hex

    def target() -> VaultStore:
        place = open_place(url, vault, create=True)
        return VaultStore.for_writing(place, KeyFile(RootKey(OTHER_KEY)), OTHER_VAULT)

    source = open_store()
    back_up(source, "p", TREE)
    copy(source, target(), kept=KEPT)
    later = TREE | {b"new": b"since"}
    back_up(source, "q", later, previous="p")
    record = copy(open_store(source.backend), target(), "q", earlier=["copy-p"], kept=KEPT)
    assert record.stats.read_bytes == 5
    store = target()
    assert restore(store, "copy-p") == flat(TREE)
    assert restore(store, "copy-q") == flat(later)
    assert verify(target(), read_data=True).problems == []
    locks = needs_locks(store.backend)
    for name in {"points/copy-q", "keys/0", *store.objects_used(store.point("copy-q"))}:
        assert is_enough(locks.retention(first_version(locks, name)), KEPT)
    home = VaultStore.for_writing(MemoryBackend(), KeyFile(RootKey(b"h" * 32)), b"h" * 16)
    copy(target(), home, "copy-q")
    assert restore(home, "copy-copy-q") == flat(later)
