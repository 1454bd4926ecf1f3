from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from safehold.core.errors import Damaged, KeyMismatch
from safehold.store.names import ObjectType
from safehold.store.sealed.keys import VaultKeys, new_vault_keys
from safehold.store.sealed.sealing import (
    DIRECTORY_NUMBER,
    FOOTER_NUMBER,
    HEADER,
    HEADER_BYTES,
    MAGIC,
    SALT_BYTES,
    TAG_BYTES,
    VERSION,
    NewSeal,
    ObjectSeal,
    new_object_name,
)

KEYS = new_vault_keys()
VAULT = b"v" * 16
NAME = "packs/" + "0" * 32


def new_seal(kind: ObjectType = ObjectType.PACK, name: str = NAME) -> NewSeal:
    return NewSeal(KEYS, VAULT, kind, name)


@pytest.mark.parametrize("number", [0, 1, 0xFFFF, DIRECTORY_NUMBER, FOOTER_NUMBER])
def test_what_was_sealed_opens_to_the_same_bytes(number: int) -> None:
    seal = new_seal()
    sealed = seal.seal(number, b"plain")
    assert len(sealed) == 5 + TAG_BYTES
    assert ObjectSeal(KEYS, VAULT, seal.header, NAME).open(number, sealed) == b"plain"


def test_no_number_seals_twice() -> None:
    seal = new_seal()
    seal.seal(7, b"first")
    with pytest.raises(ValueError, match="number 7"):
        seal.seal(7, b"second")


def test_of_many_threads_one_seals_under_a_number() -> None:
    seal = new_seal()
    sealed: list[bytes] = []
    start = threading.Barrier(8)

    def attempt(mine: int) -> None:
        start.wait()
        with suppress(ValueError):
            sealed.append(bytes(seal.seal(0, b"%d" % mine)))

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sealed) == 1


def test_an_object_that_is_there_cannot_be_sealed_into() -> None:
    assert not hasattr(ObjectSeal(KEYS, VAULT, new_seal().header, NAME), "seal")


def test_every_new_object_has_a_salt_and_a_name_of_its_own() -> None:
    assert len({new_seal().header for _ in range(100)}) == 100
    assert len({new_object_name(ObjectType.PACK) for _ in range(100)}) == 100


def test_a_frame_opens_in_its_own_place_only() -> None:
    seal = new_seal()
    sealed = seal.seal(3, b"plain")
    others = {
        "another number": (seal, 4),
        "the directory's number": (seal, DIRECTORY_NUMBER),
        "another object": (ObjectSeal(KEYS, VAULT, new_seal().header, NAME), 3),
        "another name": (ObjectSeal(KEYS, VAULT, seal.header, "packs/" + "1" * 32), 3),
        "another vault": (ObjectSeal(KEYS, b"w" * 16, seal.header, NAME), 3),
    }
    for seal_of_other, number in others.values():
        with pytest.raises(Damaged):
            seal_of_other.open(number, sealed)
    seal.open(3, sealed)


@pytest.mark.parametrize("byte", range(5 + TAG_BYTES))
def test_a_flipped_bit_is_damage(byte: int) -> None:
    seal = new_seal()
    sealed = seal.seal(0, b"plain")
    sealed[byte] ^= 0x10
    with pytest.raises(Damaged):
        seal.open(0, sealed)


@pytest.mark.parametrize("length", [0, 1, TAG_BYTES - 1, TAG_BYTES, TAG_BYTES + 4])
def test_a_frame_that_is_cut_off_is_damage(length: int) -> None:
    seal = new_seal()
    sealed = seal.seal(0, b"plain")
    with pytest.raises(Damaged):
        seal.open(0, sealed[:length])


@pytest.mark.parametrize("byte", range(HEADER_BYTES))
def test_a_header_with_a_flipped_bit_opens_nothing(byte: int) -> None:
    seal = new_seal()
    sealed = seal.seal(0, b"plain")
    header = bytearray(seal.header)
    header[byte] ^= 1
    with pytest.raises((Damaged, KeyMismatch)):
        ObjectSeal(KEYS, VAULT, bytes(header), NAME).open(0, sealed)


@pytest.mark.parametrize("length", [0, 8, HEADER_BYTES - 1])
def test_a_header_that_is_cut_off_is_damage(length: int) -> None:
    with pytest.raises(Damaged):
        ObjectSeal(KEYS, VAULT, new_seal().header[:length], NAME)


@pytest.mark.parametrize("kind", ObjectType)
def test_an_object_of_one_type_is_not_taken_for_another(kind: ObjectType) -> None:
    other = ObjectType.PACK if kind is not ObjectType.PACK else ObjectType.TREE
    with pytest.raises(Damaged, match="another type"):
        ObjectSeal(KEYS, VAULT, new_seal(kind, kind.folder + "x").header, other.folder + "x")


def test_an_epoch_that_the_keys_lack_is_a_mismatch() -> None:
    header = HEADER.pack(b"SAFEHOLD", 1, ObjectType.PACK, 1, b"s" * 32)
    with pytest.raises(KeyMismatch, match="epoch 1"):
        ObjectSeal(KEYS, VAULT, header, NAME)


def test_the_newest_epoch_seals_and_all_open() -> None:
    old = new_seal()
    sealed = old.seal(0, b"plain")
    both = VaultKeys(KEYS.chunk_id_key, KEYS.page_key, KEYS.chunker_seed, {**KEYS.epochs, 1: b"n" * 32})
    new = NewSeal(both, VAULT, ObjectType.PACK, NAME)
    assert ObjectSeal(both, VAULT, old.header, NAME).open(0, sealed) == b"plain"
    with pytest.raises(KeyMismatch):
        ObjectSeal(KEYS, VAULT, new.header, NAME)


@pytest.mark.parametrize("wrong", [{"magic": b"SAFEHOLE"}, {"version": 2}])
def test_a_header_must_have_both_its_magic_and_its_version(wrong: dict[str, object]) -> None:
    told: dict[str, object] = {"magic": MAGIC, "version": VERSION, **wrong}
    header = HEADER.pack(
        told["magic"], told["version"], ObjectType.PACK, KEYS.newest_epoch, bytes(SALT_BYTES)
    )
    with pytest.raises(Damaged):
        ObjectSeal(KEYS, VAULT, header, NAME)
