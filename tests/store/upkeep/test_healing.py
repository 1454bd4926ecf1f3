"""A damaged vault: the next backup builds on nothing that is lost, and what is asked for still comes."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safehold.core.errors import Damaged, KeyMismatch, StoreFull
from safehold.core.secrets import RootKey
from safehold.store.backends.contract import ObjectInfo
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.soundness.verify import verify
from safehold.store.vault_store import VaultStore
from tests.store.vaults import ROOT_KEY, VAULT_ID, Tree, back_up, flat, folder_names, open_store, restore

MIB = 1 << 20


def noise(size: int, seed: int) -> bytes:
    return random.Random(seed).randbytes(size)


TREE: Tree = {
    b"a": {b"%02d" % n: noise(30_000, n) for n in range(40)},
    b"b": {b"%02d" % n: noise(30_000, 100 + n) for n in range(40)},
    b"long": noise(9 * MIB, 7),
}


@pytest.fixture
def backend() -> MemoryBackend:
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    return backend


def damage(backend: MemoryBackend, name: str) -> None:
    """Every sealed frame of the object is another; its header and its end are as they were."""
    data = bytearray(backend.objects[name])
    data[60] ^= 1
    backend.objects[name] = bytes(data)


def test_what_lay_in_a_lost_pack_is_read_and_stored_again(backend: MemoryBackend) -> None:
    for name in folder_names(backend, "packs/"):
        backend.delete(name)
    back_up(open_store(backend), "q", TREE, previous="p")
    assert restore(open_store(backend), "q") == flat(TREE)
    assert restore(open_store(backend), "p") == flat(TREE)  # healed along with it


def test_what_lay_in_a_pack_that_was_cut_off_is_not_relied_on(backend: MemoryBackend) -> None:
    for name in folder_names(backend, "packs/"):
        backend.objects[name] = backend.objects[name][:100]
    back_up(open_store(backend), "q", TREE)
    assert restore(open_store(backend), "q") == flat(TREE)


def test_a_damaged_list_of_items_costs_a_full_read_and_nothing_else(backend: MemoryBackend) -> None:
    for name in folder_names(backend, "trees/"):
        damage(backend, name)
    back_up(open_store(backend), "q", TREE, previous="p")
    assert restore(open_store(backend), "q") == flat(TREE)


def test_a_vault_that_lost_its_keys_never_gets_others(backend: MemoryBackend) -> None:
    backend.delete("keys/0")
    with pytest.raises(KeyMismatch, match="are gone"):
        open_store(backend)
    assert folder_names(backend, "keys/") == []


def failing_behind_the_start_of_packs(real: Callable[[int, Any, int], Any]) -> Callable[[int, Any, int], Any]:
    def read(descriptor: int, what: Any, offset: int) -> Any:
        if "/packs/" in os.readlink(f"/proc/self/fd/{descriptor}") and offset > 0:
            raise OSError(errno.EIO, "Input/output error")
        return real(descriptor, what, offset)

    return read


def test_sectors_that_cannot_be_read_are_damage_to_one_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = LocalBackend.create(tmp_path / "vault")
    back_up(open_store(local), "p", TREE)
    for call in ("pread", "preadv"):
        monkeypatch.setattr(os, call, failing_behind_the_start_of_packs(getattr(os, call)))
    with pytest.raises(Damaged, match="cannot be read"):
        local.get(folder_names(local, "packs/")[0], offset=10, length=10)
    told: list[tuple[bytes, str]] = []
    restore(open_store(local), "p", skipped=told)
    assert len(told) == len([path for path, what in flat(TREE).items() if what is not None])


def test_one_folder_that_cannot_be_listed_does_not_stop_the_others_that_were_asked_for() -> None:
    backend = MemoryBackend()
    deep: Tree = {b"sound": {b"f": b"1"}, b"lost": {b"sub": {b"f": b"2"}}}
    back_up(open_store(backend), "p", deep)
    store = open_store(backend)
    record = store.point("p")
    lost = store.tree(record).find(b"lost")
    assert lost is not None
    lost_page = lost.content
    real = store.chunks().__class__.read

    def read(self: object, identity: bytes) -> bytes:
        if identity == lost_page:
            raise Damaged("this page is damaged")
        return real(self, identity)  # type: ignore[arg-type]

    told: list[tuple[bytes, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("safehold.store.restoring.chunks.ChunkReader.read", read)
        found = restore(store, "p", b"lost/sub", b"sound", skipped=told)
    assert found == {b"sound": None, b"sound/f": b"1"}
    assert [path for path, _ in told] == [b"lost/sub"]


def test_items_within_one_another_are_restored_once(backend: MemoryBackend) -> None:
    found = restore(open_store(backend), "p", b"a", b"a/01", b"long")
    assert set(found) == {b"a", b"long", *(b"a/%02d" % n for n in range(40))}


class BackedUpMeanwhile(MemoryBackend):
    """A backup is committed while somebody lists the packs."""

    is_armed = False

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        found = list(super().list(prefix))
        if self.is_armed and prefix == "packs/":
            self.is_armed = False
            back_up(open_store(self), "meanwhile", {b"new": noise(3 * MIB, 99)})
        return iter(found)


def test_a_backup_that_ends_while_its_vault_is_verified_is_no_damage() -> None:
    backend = BackedUpMeanwhile()
    back_up(open_store(backend), "p", TREE)
    backend.is_armed = True
    report = verify(open_store(backend), read_data=True)
    assert report.problems == []


def test_an_amendment_that_cannot_be_read_keeps_no_later_one_out(backend: MemoryBackend) -> None:
    store = open_store(backend)
    store.amend("p", "tags", {"a": "1"}, written_at=1)
    (name,) = folder_names(backend, "amendments/")
    damage(backend, name)
    assert store.amend("p", "tags", {"a": "2"}, written_at=2).sequence == 2


def test_a_store_that_is_full_at_the_last_moment_gets_its_room_back(backend: MemoryBackend) -> None:
    before = set(backend.objects)
    full = FaultyBackend(backend, [Fault("put", Trouble.FULL, folder="index/")])
    store = VaultStore.for_writing(full, KeyFile(RootKey(ROOT_KEY)), VAULT_ID)
    with pytest.raises(StoreFull):
        back_up(store, "q", {b"other": noise(5 * MIB, 3)})
    assert set(backend.objects) == before
