from __future__ import annotations

import pytest

from safehold.core.errors import KeyMismatch
from safehold.core.secrets import RootKey
from safehold.store.backends.memory import MemoryBackend
from safehold.store.custody.key_proof import check_they_open, export_is_proved, fingerprint, prove_export
from safehold.store.custody.key_rotation import reepoch, rewrap
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.sealed.keys import VaultKeys, new_vault_keys
from tests.store.vaults import ROOT_KEY, VAULT_ID, back_up, open_store

ROOT = KeyFile(RootKey(ROOT_KEY))


def test_a_vault_is_not_proved_until_an_export_of_its_keys_was_seen_to_open_it() -> None:
    store = open_store()
    back_up(store, "point", {b"file": b"bytes"})
    assert not export_is_proved(store)
    assert prove_export(store, store.keys, written_at=1) == 1
    assert export_is_proved(store)
    assert list(store.points()) == ["point"]


def test_a_new_epoch_needs_a_new_proof_and_a_new_wrapping_does_not() -> None:
    backend = MemoryBackend()
    store = open_store(backend)
    prove_export(store, store.keys, written_at=1)
    rewrap(backend, VAULT_ID, old=ROOT, new=KeyFile(RootKey(b"n" * 32)))
    assert export_is_proved(open_store(backend, root_key=b"n" * 32))
    reepoch(backend, VAULT_ID, KeyFile(RootKey(b"n" * 32)))
    renewed = open_store(backend, root_key=b"n" * 32)
    assert not export_is_proved(renewed)
    with pytest.raises(KeyMismatch, match="lacks epoch 1"):
        prove_export(renewed, store.keys, written_at=2)
    prove_export(renewed, renewed.keys, written_at=3)
    assert export_is_proved(renewed)


def test_a_proof_that_is_on_record_names_the_keys_as_it_always_did() -> None:
    keys = VaultKeys(chunk_id_key=b"c" * 32, page_key=b"p" * 32, chunker_seed=7, epochs={0: b"e" * 32})
    assert fingerprint(keys) == "f24454978b15cc8dfaad1dd19dcc73a6"


def test_an_export_of_another_vault_proves_nothing() -> None:
    store = open_store()
    with pytest.raises(KeyMismatch, match="it holds other keys"):
        prove_export(store, new_vault_keys(), written_at=1)
    assert not export_is_proved(store)


def test_keys_are_tried_on_points_all_over_the_vault() -> None:
    backend = MemoryBackend()
    store = open_store(backend)
    for number in range(50):
        back_up(store, f"{number:03}", {b"file": b"%d" % number})
    assert check_they_open(backend, store.keys, VAULT_ID) == 20
    with pytest.raises(KeyMismatch):
        check_they_open(backend, new_vault_keys(), VAULT_ID)
