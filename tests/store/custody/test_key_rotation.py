from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from safehold.core.errors import Damaged, KeyMismatch, KeysUnavailable, ObjectMissing
from safehold.core.secrets import RootKey
from safehold.store.backends.memory import MemoryBackend
from safehold.store.custody.key_rotation import put_back, reepoch, renew, rewrap
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.sealed.keys import (
    FORMAT_VERSION,
    find_keys,
    new_vault_keys,
    open_or_create_keys,
    read_keys,
    with_new_epoch,
)
from tests.store.vaults import ROOT_KEY, VAULT_ID, back_up, open_store, restore

OLD, NEW, THIRD = (KeyFile(RootKey(key)) for key in (ROOT_KEY, b"n" * 32, b"t" * 32))


class Named(KeyFile):
    name = "another-kind"


class Away:
    """A key service that does not answer."""

    name = "key-file"

    def wrap(self, secret: bytes, *, context: bytes) -> bytes:
        raise KeysUnavailable("gone")

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytes:
        raise KeysUnavailable("gone")

    def describe(self) -> str:
        return "one that is away"


@pytest.fixture
def backend() -> MemoryBackend:
    backend = MemoryBackend()
    back_up(open_store(backend), "before", {b"file": b"written before"})
    return backend


def data_of(backend: MemoryBackend) -> dict[str, bytes]:
    return {name: data for name, data in backend.objects.items() if not name.startswith("keys/")}


def test_rewrapping_writes_one_key_object_and_nothing_else(backend: MemoryBackend) -> None:
    before = dict(backend.objects)
    assert rewrap(backend, VAULT_ID, old=OLD, new=NEW) == 1
    assert {name: data for name, data in backend.objects.items() if name != "keys/1"} == before
    assert read_keys(backend, NEW, VAULT_ID) == read_keys(backend, OLD, VAULT_ID)


def test_rewrapping_again_changes_nothing(backend: MemoryBackend) -> None:
    rewrap(backend, VAULT_ID, old=OLD, new=NEW)
    before = dict(backend.objects)
    assert rewrap(backend, VAULT_ID, old=OLD, new=NEW) is None
    assert backend.objects == before


def test_wrapping_anew_under_the_same_provider_makes_a_new_key_object(backend: MemoryBackend) -> None:
    assert renew(backend, VAULT_ID, OLD) == 1
    assert backend.objects["keys/1"] != backend.objects["keys/0"]


def test_while_wrapping_moves_both_providers_open_the_vault_and_both_may_write(
    backend: MemoryBackend,
) -> None:
    rewrap(backend, VAULT_ID, old=OLD, new=NEW)
    for provider in (OLD, NEW):
        assert open_or_create_keys(backend, provider, VAULT_ID).newest_epoch == 0
    assert find_keys(backend, OLD, VAULT_ID).refused[0].startswith("keys/1: root key ")


def test_a_provider_of_another_kind_is_not_even_asked(backend: MemoryBackend) -> None:
    rewrap(backend, VAULT_ID, old=OLD, new=Named(RootKey(b"n" * 32)))
    opened = find_keys(backend, OLD, VAULT_ID)
    assert (opened.number, opened.refused) == (0, ("keys/1: wrapped by another-kind",))


def test_who_opens_none_of_the_keys_is_told_who_wrapped_each(backend: MemoryBackend) -> None:
    rewrap(backend, VAULT_ID, old=OLD, new=Named(RootKey(b"n" * 32)))
    with pytest.raises(KeyMismatch) as refused:
        read_keys(backend, THIRD, VAULT_ID)
    assert "opens none of the vault's keys: keys/1: wrapped by another-kind; keys/0: root key" in str(
        refused.value
    )
    assert "keys_url" in refused.value.hint
    assert "keys import KIT" in refused.value.hint


def test_a_service_that_is_away_is_no_reason_to_take_older_keys(backend: MemoryBackend) -> None:
    rewrap(backend, VAULT_ID, old=OLD, new=NEW)
    with pytest.raises(KeysUnavailable):
        read_keys(backend, Away(), VAULT_ID)


def test_a_newer_key_object_that_cannot_be_read_shuts_everybody_out(backend: MemoryBackend) -> None:
    # It may be of a later version, whose rules a program that goes on with older keys would break.
    rewrap(backend, VAULT_ID, old=OLD, new=NEW)
    backend.objects["keys/1"] = backend.objects["keys/1"][:20]
    with pytest.raises(Damaged, match="keys/1 cannot be read"):
        read_keys(backend, OLD, VAULT_ID)


def test_a_new_epoch_seals_what_comes_and_the_old_one_still_opens(backend: MemoryBackend) -> None:
    before = data_of(backend)
    assert reepoch(backend, VAULT_ID, OLD) == 1
    assert data_of(backend) == before
    store = open_store(backend)
    back_up(store, "after", {b"file": b"written before", b"new": b"written after"}, previous="before")
    assert [store.object(f"points/{point}").seal.header[12:16] for point in ("before", "after")] == [
        (0).to_bytes(4, "big"),
        (1).to_bytes(4, "big"),
    ]
    assert restore(store, "before") == {b"file": b"written before"}
    assert restore(store, "after") == {b"file": b"written before", b"new": b"written after"}


def test_a_new_epoch_keeps_what_names_chunks_so_that_nothing_is_stored_again(backend: MemoryBackend) -> None:
    reepoch(backend, VAULT_ID, OLD)
    record = back_up(open_store(backend), "after", {b"file": b"written before"})
    assert record.stats.new_bytes == 0


def test_who_lacks_the_newest_epoch_may_read_what_is_older_and_not_write(backend: MemoryBackend) -> None:
    rewrap(backend, VAULT_ID, old=OLD, new=NEW)
    reepoch(backend, VAULT_ID, NEW)
    assert read_keys(backend, OLD, VAULT_ID).newest_epoch == 0
    with pytest.raises(KeyMismatch, match=r"seals with epoch 1, .* opens only keys/0"):
        open_or_create_keys(backend, OLD, VAULT_ID)
    for change in (
        lambda: reepoch(backend, VAULT_ID, OLD),
        lambda: rewrap(backend, VAULT_ID, old=OLD, new=THIRD),
    ):
        with pytest.raises(KeyMismatch):
            change()
    assert sorted(name for name in backend.objects if name.startswith("keys/")) == [
        "keys/0",
        "keys/1",
        "keys/2",
    ]


class Raced(MemoryBackend):
    """Somebody else puts the next key object just before us, once."""

    rival_provider = OLD

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        if name == "keys/1" and not getattr(self, "was_raced", False):
            self.was_raced = True
            reepoch(self, VAULT_ID, self.rival_provider)
        super().put(name, parts)


def test_of_two_changes_at_once_the_second_builds_upon_the_first() -> None:
    backend = Raced()
    open_or_create_keys(backend, OLD, VAULT_ID)
    assert reepoch(backend, VAULT_ID, OLD) == 2
    assert sorted(read_keys(backend, OLD, VAULT_ID).epochs) == [0, 1, 2]
    assert sorted(backend.objects) == ["keys/0", "keys/1", "keys/2"]


def test_a_change_keeps_the_version_of_the_vault(backend: MemoryBackend) -> None:
    rewrap(backend, VAULT_ID, old=OLD, new=NEW)
    assert msgspec.msgpack.decode(backend.objects["keys/1"])["version"] == FORMAT_VERSION


def test_a_vault_without_keys_cannot_be_rewrapped() -> None:
    with pytest.raises(ObjectMissing):
        rewrap(MemoryBackend(), VAULT_ID, old=OLD, new=NEW)


@pytest.mark.parametrize("are_gone", [True, False], ids=["keys gone", "keys of somebody lost"])
def test_kept_keys_are_put_back_under_a_provider_of_today(backend: MemoryBackend, are_gone: bool) -> None:
    kept = read_keys(backend, OLD, VAULT_ID)
    if are_gone:
        del backend.objects["keys/0"]
    assert put_back(backend, VAULT_ID, NEW, kept) == (0 if are_gone else 1)
    assert read_keys(backend, NEW, VAULT_ID) == kept
    assert put_back(backend, VAULT_ID, NEW, kept) is None


def test_kept_keys_are_put_back_into_a_vault_that_holds_nothing_else_yet() -> None:
    backend = MemoryBackend()
    kept = open_or_create_keys(backend, OLD, VAULT_ID)
    backend.objects.clear()
    assert put_back(backend, VAULT_ID, NEW, kept) == 0


def test_keys_that_do_not_open_the_vault_are_not_put_into_it(backend: MemoryBackend) -> None:
    before = dict(backend.objects)
    with pytest.raises(KeyMismatch, match="open nothing in this vault"):
        put_back(backend, VAULT_ID, NEW, new_vault_keys())
    assert backend.objects == before


@pytest.mark.parametrize("are_gone", [True, False], ids=["keys gone", "keys of somebody lost"])
def test_kept_keys_from_before_the_newest_epoch_are_not_put_back(
    backend: MemoryBackend, are_gone: bool
) -> None:
    # Their next new epoch would have the number of one that is in use, and another key.
    kept = read_keys(backend, OLD, VAULT_ID)
    reepoch(backend, VAULT_ID, OLD)
    back_up(open_store(backend), "after", {b"file": b"written after"})
    if are_gone:
        del backend.objects["keys/0"], backend.objects["keys/1"]
    before = dict(backend.objects)
    with pytest.raises(KeyMismatch, match="epoch 1, these keys end at epoch 0"):
        put_back(backend, VAULT_ID, NEW, kept)
    assert backend.objects == before


def test_a_new_epoch_is_a_new_key() -> None:
    keys = new_vault_keys()
    assert len({*with_new_epoch(keys).epochs.values(), *with_new_epoch(keys).epochs.values()}) == 3
