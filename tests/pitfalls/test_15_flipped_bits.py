"""A memory bit flipped during a backup, and damaged data was stored under a good name.

Here a chunk's hash is taken before it is compressed, a frame is compared with its plaintext before it is
stored, and whoever reads holds every chunk against its hash.
"""

from __future__ import annotations

import random

import pytest

from safehold.core.errors import StoreError
from safehold.store.backends.memory import MemoryBackend
from safehold.store.sealed import frames
from safehold.store.sealed.sealing import NewSeal
from safehold.store.soundness.verify import verify
from safehold.store.writing.session import Session
from tests.store.vaults import Tree, back_up, open_store, restore

TREE: Tree = {b"%d" % number: random.Random(number).randbytes(700_000) for number in range(3)}


def test_a_bit_that_flips_in_what_is_sealed_stops_the_backup(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = MemoryBackend()
    store = open_store(backend)
    sound = frames.encode_frame
    before = set(backend.objects)

    def flipping(plain: bytes) -> bytes:
        encoded = bytearray(sound(plain))
        encoded[len(encoded) // 2] ^= 1
        return bytes(encoded)

    monkeypatch.setattr(frames, "encode_frame", flipping)
    monkeypatch.setattr(frames._contexts, "bench", None)
    monkeypatch.setattr("safehold.store.writing.packing.seal_frame", frames.seal_plainly, raising=False)
    monkeypatch.setattr("safehold.store.writing.workshop.seal_frame", frames.seal_plainly, raising=False)
    with pytest.raises(StoreError):
        back_up(store, "p", TREE)
    assert [name for name in backend.objects if name.startswith("points/")] == []
    assert not {name for name in set(backend.objects) - before if name.startswith("packs/")}


def test_a_bit_that_flips_after_the_hash_was_taken_is_found_and_never_restored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backend = MemoryBackend()
    sound = Session.add_chunk

    def flipping(self: Session, identity: bytes, data: bytes | memoryview) -> None:
        changed = bytearray(data)
        changed[5] ^= 1
        sound(self, identity, bytes(changed))

    with monkeypatch.context() as patch:
        patch.setattr(Session, "add_chunk", flipping)
        back_up(open_store(backend), "p", TREE)
    assert {problem.path for problem in verify(open_store(backend), read_data=True).problems} >= set(TREE)
    skipped: list[tuple[bytes, str]] = []
    assert restore(open_store(backend), "p", skipped=skipped) == {}
    assert {path for path, _ in skipped} == set(TREE)


def test_a_seal_opens_nothing_that_differs_in_a_bit() -> None:
    store = open_store()
    seal = NewSeal(store.keys, store.vault_id, 1, "packs/" + "0" * 32)  # type: ignore[arg-type]
    sealed = bytearray(frames.seal_frame(seal, 0, [b"plain" * 100]))
    assert frames.open_frame(seal, 0, sealed) == b"plain" * 100
    for position in range(0, len(sealed), 7):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(StoreError):
            frames.open_frame(seal, 0, changed)
