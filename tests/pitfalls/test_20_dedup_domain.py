"""Deduplication across tenants answered the question who else has a file.

Here a chunk's name is a hash under the vault's own key: equal bytes in two vaults have nothing in common, not
even under one root key, and no vault takes another one's objects.
"""

from __future__ import annotations

from itertools import pairwise

from blake3 import blake3

from safehold.core.secrets import RootKey
from safehold.store.backends.memory import MemoryBackend
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.sealed.chunking import chunk_id
from safehold.store.sealed.objects import SealedObject
from safehold.store.vault_store import VaultStore
from tests.store.vaults import ROOT_KEY, back_up

KNOWN = b"a file that everybody has" * 100_000  # 2.5 MB: cut, not one chunk
PAGE = {b"%d" % number: b"%d" % number for number in range(300)}
TREE = {b"known": KNOWN, b"folder": PAGE}
BYTES = len(KNOWN) + sum(map(len, PAGE.values()))
ONE, OTHER = b"vault number one", b"vault number two"


def filled(vault_id: bytes, backend: MemoryBackend | None = None) -> VaultStore:
    """A vault under the one root key that holds what everybody has."""
    store = VaultStore.for_writing(backend or MemoryBackend(), KeyFile(RootKey(ROOT_KEY)), vault_id)
    back_up(store, "point", TREE)
    return store


def ids_of(store: VaultStore) -> set[bytes]:
    found = set()
    for folder in ("packs/", "trees/", "points/"):
        for info in store.backend.list(folder):
            opened = SealedObject(store.backend, store.keys, store.vault_id, info.name)
            for note in opened.directory.frames:
                found |= {note.ids[at : at + 32] for at in range(0, len(note.ids), 32)}
    return found


def test_equal_bytes_have_no_name_in_common_in_two_vaults_under_one_root_key() -> None:
    one, other = filled(ONE), filled(OTHER)
    assert len(ids_of(one)) > 3
    assert ids_of(one) & ids_of(other) == set()


def test_a_second_vault_stores_everything_again() -> None:
    one, other = filled(ONE), filled(OTHER)
    assert all(store.point("point").stats.new_bytes >= BYTES for store in (one, other))


def test_no_name_is_a_hash_that_somebody_without_the_key_can_compute() -> None:
    store = filled(ONE)
    unkeyed = {blake3(data).digest() for data in (KNOWN, *PAGE.values())}
    assert ids_of(store) & unkeyed == set()
    assert {chunk_id(store.keys.chunk_id_key, data) for data in PAGE.values()} <= ids_of(store)


def test_chunks_and_pages_are_cut_at_other_places_in_each_vault() -> None:
    one, other = filled(ONE), filled(OTHER)
    assert one.keys.chunker_seed != other.keys.chunker_seed
    assert one.keys.page_key != other.keys.page_key


def test_ids_stand_nowhere_in_the_clear() -> None:
    store = filled(ONE)
    stored = b"".join(store.backend.get(info.name) for info in store.backend.list(""))
    assert [identity for identity in ids_of(store) if identity[:8] in stored] == []


def test_a_vault_does_not_find_chunks_in_objects_that_were_copied_into_it_from_another() -> None:
    other = filled(OTHER)
    backend = MemoryBackend()
    mine = VaultStore.for_writing(backend, KeyFile(RootKey(ROOT_KEY)), ONE)
    back_up(mine, "empty", {})
    for info in other.backend.list(""):
        if not info.name.startswith(("keys/", "points/")):
            backend.put(info.name, [other.backend.get(info.name)])
    record = back_up(VaultStore.for_writing(backend, KeyFile(RootKey(ROOT_KEY)), ONE), "point", TREE)
    assert record.stats.new_bytes >= BYTES


def test_within_a_vault_the_same_bytes_are_stored_once() -> None:
    # What deduplication is for; the threat model says what it tells whoever can place files in a source.
    store = filled(ONE)
    record = back_up(store, "again", {b"another name": KNOWN})
    stats = [store.point(point).stats.stored_bytes for point in ("point", "again")]
    assert record.stats.new_bytes < 1000
    assert [later < earlier for earlier, later in pairwise(stats)] == [True]
