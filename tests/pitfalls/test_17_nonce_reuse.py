"""Counters were shared by clients, rolled back by a server or went on after a fork, and nonces repeated.

Here an object's key comes from 256 bits that its process drew for it; its numbers seal once, there alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import pytest

from safehold.core.errors import StoreUnavailable
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from safehold.store.names import ObjectType
from safehold.store.sealed.keys import new_vault_keys
from safehold.store.sealed.objects import SealedObject
from safehold.store.sealed.sealing import HEADER_BYTES, NewSeal
from safehold.store.writing.packing import OpenObject
from tests.store.vaults import VAULT_ID, back_up, open_store, restore

KEYS = new_vault_keys()
NAME = "packs/" + "0" * 32


class Remembering(MemoryBackend):
    """Keeps the bytes of every attempt to put an object, stored or not."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts: list[tuple[str, bytes]] = []

    def put(self, name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
        self.attempts.append((name, b"".join(parts)))
        super().put(name, parts)

    def salts(self) -> list[tuple[bytes, bytes]]:
        """Of each sealed object that was ever to be put: what its key was made from, and its bytes."""
        return [(data[:HEADER_BYTES], data) for name, data in self.attempts if not name.startswith("keys/")]


def assert_no_key_seals_two_objects(backend: Remembering) -> None:
    seen: dict[bytes, bytes] = {}
    for header, data in backend.salts():
        assert seen.setdefault(header, data) == data, "two objects were sealed under one key"
    assert len(seen) >= 3


def in_a_child(work: Callable[[], bytes]) -> bytes:
    """What it returns in a child made by fork."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, work())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


def refused(seal: NewSeal, number: int) -> bytes:
    for attempt in (lambda: seal.seal(number, b"plain"), lambda: seal.of_new_frame(number)):
        try:
            attempt()
        except ValueError as error:
            told = str(error)
        else:
            return b"sealed"
    return told.encode()


def test_what_was_begun_before_a_fork_is_not_sealed_into_after_it() -> None:
    seal = NewSeal(KEYS, VAULT_ID, ObjectType.PACK, NAME)
    seal.seal(0, b"before")
    assert b"begun before a fork" in in_a_child(lambda: refused(seal, 1))
    seal.seal(1, b"the parent goes on")


def test_children_of_one_fork_draw_salts_and_names_of_their_own() -> None:
    def begin() -> bytes:
        return NewSeal(KEYS, VAULT_ID, ObjectType.PACK, NAME).header

    headers = [begin(), *(in_a_child(begin) for _ in range(4)), begin()]
    assert len(set(headers)) == 6


def test_a_number_seals_once_whichever_way_it_is_sealed() -> None:
    seal = NewSeal(KEYS, VAULT_ID, ObjectType.PACK, NAME)
    seal.of_new_frame(0)
    assert b"has sealed a frame already" in refused(seal, 0)
    seal.seal(1, b"plain")
    assert b"has sealed a frame already" in refused(seal, 1)


def test_an_object_cannot_be_finished_twice() -> None:
    opened = OpenObject(KEYS, VAULT_ID, ObjectType.PACK, NAME)
    opened.store(MemoryBackend())
    with pytest.raises(ValueError, match="has sealed a frame already"):
        opened.store(MemoryBackend())


def test_a_put_that_is_tried_again_sends_the_identical_bytes_or_begins_a_new_object() -> None:
    backend = Remembering()
    store = open_store(backend)
    faulty = FaultyBackend(backend, [Fault("put", Trouble.UNSURE, first=1, last=1, folder="points/")])
    store.backend = faulty
    with pytest.raises(StoreUnavailable):
        back_up(store, "point", {b"file": b"bytes"})
    again = open_store(backend)
    back_up(again, "point", {b"file": b"other bytes"})  # a second attempt finds another content
    back_up(again, "next", {b"file": b"bytes"})
    again.amend("point", "tags", {"tags": "{}"}, written_at=1)
    again.amend("point", "tags", {"tags": "{}"}, written_at=1)
    assert_no_key_seals_two_objects(backend)
    assert restore(again, "point") == {b"file": b"bytes"}  # the first record holds


def test_a_backup_that_died_and_its_retry_share_no_key() -> None:
    backend = Remembering()
    tree = {b"%d" % number: os.urandom(300_000) for number in range(8)}
    for dies_at in (1, 2, 3):
        store = open_store(backend)
        store.backend = FaultyBackend(backend, [Fault("put", Trouble.FAIL, first=dies_at)])
        with pytest.raises(StoreUnavailable):
            back_up(store, "point", tree)
    back_up(open_store(backend), "point", tree)
    assert_no_key_seals_two_objects(backend)


def test_no_counter_is_kept_anywhere_that_could_be_rolled_back() -> None:
    backend = Remembering()
    back_up(open_store(backend), "a", {b"file": b"bytes"})
    earlier = dict(backend.objects)
    back_up(open_store(backend), "b", {b"file": b"bytes then"})
    backend.objects = earlier  # the whole storage is put back
    back_up(open_store(backend), "b", {b"file": b"other bytes"})
    assert_no_key_seals_two_objects(backend)
    assert SealedObject(backend, open_store(backend).keys, VAULT_ID, "points/b").record()
