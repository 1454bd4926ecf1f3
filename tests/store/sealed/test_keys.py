from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.core.secrets import RootKey
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.sealed.keys import (
    FORMAT_VERSION,
    may_hold_keys,
    new_vault_keys,
    open_or_create_keys,
    put_keys,
    read_keys,
    shut_out_old_writers,
)
from tests.store.vaults import VAULT_ID

PROVIDER = KeyFile(RootKey(b"r" * 32))


def test_the_first_writer_makes_the_keys_and_all_others_use_them() -> None:
    backend = MemoryBackend()
    made = open_or_create_keys(backend, PROVIDER, VAULT_ID)
    assert open_or_create_keys(backend, PROVIDER, VAULT_ID) == made
    assert read_keys(backend, PROVIDER, VAULT_ID) == made
    assert list(backend.objects) == ["keys/0"]


def test_a_writer_that_loses_the_race_uses_the_winners_keys() -> None:
    class Late(MemoryBackend):
        """Looks empty when it is first listed."""

        def __init__(self) -> None:
            super().__init__()
            self.winners = open_or_create_keys(self, PROVIDER, VAULT_ID)
            self.looks_empty = True

        def list(self, prefix):  # type: ignore[no-untyped-def]
            if getattr(self, "looks_empty", False):
                self.looks_empty = False
                return iter(())
            return super().list(prefix)

    backend = Late()
    assert open_or_create_keys(backend, PROVIDER, VAULT_ID) == backend.winners


def test_no_secret_stands_in_the_key_object_in_the_clear() -> None:
    backend = MemoryBackend()
    keys = open_or_create_keys(backend, PROVIDER, VAULT_ID)
    for secret in (keys.chunk_id_key, keys.page_key, keys.epochs[0]):
        assert secret not in backend.objects["keys/0"]


def test_another_root_key_does_not_open_them() -> None:
    backend = MemoryBackend()
    open_or_create_keys(backend, PROVIDER, VAULT_ID)
    with pytest.raises(KeyMismatch, match=r"root key [0-9a-f]{8} does not open"):
        open_or_create_keys(backend, KeyFile(RootKey(b"s" * 32)), VAULT_ID)


def test_keys_of_another_vault_are_refused_even_when_they_claim_to_be_this_ones() -> None:
    backend = MemoryBackend()
    open_or_create_keys(backend, PROVIDER, b"w" * 16)
    with pytest.raises(Damaged, match="another vault"):
        read_keys(backend, PROVIDER, VAULT_ID)
    stored = msgspec.msgpack.decode(backend.objects["keys/0"])
    backend.objects["keys/0"] = msgspec.msgpack.encode({**stored, "vault_id": VAULT_ID})
    with pytest.raises(KeyMismatch):
        read_keys(backend, PROVIDER, VAULT_ID)


def test_the_key_object_with_the_highest_number_holds() -> None:
    backend = MemoryBackend()
    keys = open_or_create_keys(backend, PROVIDER, VAULT_ID)
    stored = msgspec.msgpack.decode(backend.objects["keys/0"])
    for number in (9, 10):
        newer = msgspec.structs.replace(keys, epochs={**keys.epochs, number: b"e" * 32})
        wrapped = PROVIDER.wrap(msgspec.msgpack.encode(newer), context=b"safehold/vault-keys/" + VAULT_ID)
        backend.put(f"keys/{number}", [msgspec.msgpack.encode({**stored, "wrapped": wrapped})])
    backend.put("keys/readme", [b"put here by somebody"])
    assert read_keys(backend, PROVIDER, VAULT_ID).newest_epoch == 10


def test_keys_of_a_later_version_shut_this_version_out() -> None:
    # How a later version keeps writers that do not know its rules away from a vault.
    backend = MemoryBackend()
    open_or_create_keys(backend, PROVIDER, VAULT_ID)
    stored = msgspec.msgpack.decode(backend.objects["keys/0"])
    backend.put("keys/1", [msgspec.msgpack.encode({**stored, "version": FORMAT_VERSION + 1})])
    with pytest.raises(Damaged):
        open_or_create_keys(backend, PROVIDER, VAULT_ID)


def test_a_vault_without_keys_has_none() -> None:
    with pytest.raises(ObjectMissing):
        read_keys(MemoryBackend(), PROVIDER, VAULT_ID)


def test_a_key_object_cut_off_anywhere_is_told_as_such() -> None:
    backend = MemoryBackend()
    open_or_create_keys(backend, PROVIDER, VAULT_ID)
    whole = backend.objects["keys/0"]
    for length in range(len(whole)):
        backend.objects["keys/0"] = whole[:length]
        with pytest.raises(Damaged):
            read_keys(backend, PROVIDER, VAULT_ID)


def test_a_key_object_with_any_byte_changed_does_not_pass() -> None:
    backend = MemoryBackend()
    keys = open_or_create_keys(backend, PROVIDER, VAULT_ID)
    whole = backend.objects["keys/0"]
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 0x41
        backend.objects["keys/0"] = bytes(changed)
        with suppress(Damaged, KeyMismatch):
            assert read_keys(backend, PROVIDER, VAULT_ID) == keys  # the provider's name is a note only


@pytest.mark.parametrize("length", [0, 1, 12, 27])
def test_wrapped_keys_that_are_too_short_are_damage(length: int) -> None:
    with pytest.raises(Damaged):
        PROVIDER.unwrap(bytes(length), context=b"")


def test_two_vaults_share_no_secret() -> None:
    one, other = new_vault_keys(), new_vault_keys()
    assert one.chunk_id_key != other.chunk_id_key
    assert one.page_key != other.page_key
    assert one.chunker_seed != other.chunker_seed
    assert one.epochs != other.epochs


def test_a_provider_says_which_key_it_has_and_not_the_key() -> None:
    assert PROVIDER.describe().startswith("root key file, fingerprint ")
    assert (b"r" * 32).hex()[:8] not in PROVIDER.describe()


def test_a_vault_of_version_1_is_shut_to_programs_that_know_no_other() -> None:
    backend = MemoryBackend()
    keys = open_or_create_keys(backend, PROVIDER, VAULT_ID)
    old = msgspec.msgpack.decode(backend.objects["keys/0"])
    backend.objects["keys/0"] = msgspec.msgpack.encode({**old, "version": 1})
    assert read_keys(backend, PROVIDER, VAULT_ID) == keys
    assert shut_out_old_writers(backend, PROVIDER, VAULT_ID)
    assert msgspec.msgpack.decode(backend.objects["keys/1"])["version"] == FORMAT_VERSION
    assert read_keys(backend, PROVIDER, VAULT_ID) == keys
    assert not shut_out_old_writers(backend, PROVIDER, VAULT_ID)


@pytest.mark.parametrize("trouble", [Trouble.FLIP, Trouble.CUT, Trouble.FORGET])
def test_of_keys_that_do_not_read_back_nothing_is_left(trouble: Trouble) -> None:
    backend = MemoryBackend()
    operation = "put" if trouble is Trouble.FORGET else "get"
    lying = FaultyBackend(backend, [Fault(operation, trouble, folder="keys/")])
    with pytest.raises((Damaged, KeyMismatch, ObjectMissing)):
        put_keys(lying, PROVIDER, VAULT_ID, new_vault_keys(), number=0, version=FORMAT_VERSION)
    assert backend.objects == {}


def test_a_key_object_that_says_another_epoch_than_was_put_does_not_stay() -> None:
    class Otherwise(MemoryBackend):
        def get(self, name: str, *, offset: int = 0, length: int | None = None) -> bytes:
            told = msgspec.msgpack.decode(super().get(name, offset=offset, length=length))
            return msgspec.msgpack.encode({**told, "newest_epoch": 7})

    backend = Otherwise()
    with pytest.raises(Damaged, match="does not hold what was put there"):
        put_keys(backend, PROVIDER, VAULT_ID, new_vault_keys(), number=0, version=FORMAT_VERSION)
    assert backend.objects == {}


def test_what_may_be_a_vaults_keys_is_told_by_its_form() -> None:
    backend = MemoryBackend()
    put_keys(backend, PROVIDER, VAULT_ID, new_vault_keys(), number=0, version=FORMAT_VERSION)
    put_keys(backend, PROVIDER, b"o" * 16, new_vault_keys(), number=1, version=FORMAT_VERSION)
    backend.put("keys/2", [b"garbage"])
    names = ["keys/0", "keys/1", "keys/2", "keys/3", "keys/x"]
    assert [may_hold_keys(VAULT_ID, backend, name) for name in names] == [True, False, False, False, False]
