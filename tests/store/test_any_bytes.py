"""Whatever bytes stand where an object, a page or a record belongs: one of the store's own errors."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.core.secrets import RootKey
from safehold.domain.items import Item
from safehold.store.backends.memory import MemoryBackend
from safehold.store.index.index import parse_fragment
from safehold.store.key_providers.key_file import KeyFile
from safehold.store.names import ObjectType
from safehold.store.points.points import decode_amendment, decode_point, encode_record
from safehold.store.sealed.frames import decode_frame, encode_frame
from safehold.store.sealed.keys import read_keys
from safehold.store.sealed.objects import SealedObject
from safehold.store.sealed.sealing import DIRECTORY_NUMBER, FOOTER_NUMBER, NewSeal
from safehold.store.soundness.verify import verify
from safehold.store.trees.contents import decode_content
from safehold.store.trees.trees import find_item, read_directory
from tests.store.properties import STEADY
from tests.store.vaults import VAULT_ID, back_up, new_record, open_store, restore

OWN = (Damaged, KeyMismatch, ObjectMissing)
TREE = {b"a": b"bytes", b"b": {b"c": b"more bytes" * 500}}


def whole_vault() -> MemoryBackend:
    backend = MemoryBackend()
    store = open_store(backend)
    back_up(store, "p", TREE)
    store.amend("p", "tags", {"a": "b"}, written_at=1)
    return backend


WHOLE = whole_vault()
NAMES = sorted(WHOLE.objects)
RECORD = new_record(
    "p", Item(b"", 2, 0, {"m": 1, "x": {b"a": b"b"}}, bytes(32)), open_store().session().stats
)
ENCODED = encode_record(RECORD)
# Valid MessagePack of any shape: gets past the decoder and into the types.
integers = some.integers(-(1 << 63), (1 << 64) - 1)
plain = some.one_of(some.none(), some.booleans(), integers, some.floats(), some.binary(), some.text())
shapes = some.recursive(
    plain,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
any_bytes = some.one_of(some.binary(max_size=200), shapes.map(msgspec.msgpack.encode))
# Something that was right, with a little of it changed.
changed = some.builds(
    lambda data, start, middle, length: data[:start] + middle + data[start + length :],
    some.just(ENCODED),
    some.integers(0, len(ENCODED)),
    some.binary(max_size=4),
    some.integers(0, 6),
)


def only_own_errors(act: Callable[[], object]) -> None:
    with suppress(*OWN):
        act()


@STEADY
@given(
    some.sampled_from(NAMES),
    some.one_of(some.binary(max_size=300), some.integers(0, 5000)),
    some.binary(max_size=8),
)
def test_any_bytes_in_place_of_an_object(name: str, harm: bytes | int, patch: bytes) -> None:
    backend = MemoryBackend()
    backend.objects = dict(WHOLE.objects)
    data = backend.objects[name]
    at = harm % len(data) if isinstance(harm, int) else 0
    backend.objects[name] = harm if isinstance(harm, bytes) else data[:at] + patch + data[at + len(patch) :]

    def use() -> None:
        store = open_store(backend)
        verify(store, read_data=True)
        skipped: list[tuple[bytes, str]] = []
        found = restore(store, "p", skipped=skipped)
        assert all(TREE[b"a"] == what for path, what in found.items() if path == b"a")
        store.amendments("p")

    only_own_errors(use)


@STEADY
@given(any_bytes)
@example(b"\x00")
def test_any_bytes_sealed_as_a_directory(plain: bytes) -> None:
    store = open_store()
    name = "packs/" + "0" * 32
    backend = MemoryBackend()
    for directory in (plain, encode_frame(plain)):
        backend.delete(name)
        seal = NewSeal(store.keys, VAULT_ID, ObjectType.PACK, name)
        sealed = seal.seal(DIRECTORY_NUMBER, directory)
        footer = seal.seal(FOOTER_NUMBER, struct.pack(">QI", len(seal.header), len(sealed)))
        backend.put(name, [seal.header, sealed, footer])
        only_own_errors(lambda: SealedObject(backend, store.keys, VAULT_ID, name).record())


@STEADY
@given(some.integers(0, (1 << 64) - 1), some.integers(0, (1 << 32) - 1))
def test_any_footer(offset: int, length: int) -> None:
    store = open_store()
    name = "packs/" + "0" * 32
    backend = MemoryBackend()
    seal = NewSeal(store.keys, VAULT_ID, ObjectType.PACK, name)
    backend.put(name, [seal.header, seal.seal(FOOTER_NUMBER, struct.pack(">QI", offset, length))])
    with pytest.raises(Damaged):
        SealedObject(backend, store.keys, VAULT_ID, name)


@pytest.mark.parametrize(
    "read",
    [
        lambda data: decode_point(data, "points/p"),
        lambda data: decode_amendment(data, "amendments/p/1"),
        lambda data: decode_frame(data),
        lambda data: parse_fragment(iter([data])),
        lambda data: parse_fragment(iter([data, data])),
        lambda data: list(read_directory(b"x" * 32, lambda identity: data)),
        lambda data: find_item(b"x" * 32, b"name", lambda identity: data),
        lambda data: list(decode_content(data, 5, lambda identity: data)),
    ],
    ids=["point", "amendment", "frame", "fragment", "fragment with a block", "directory", "item", "content"],
)
def test_any_bytes_in_place_of_what_was_sealed(read: Callable[[bytes], object]) -> None:
    @STEADY
    @given(some.one_of(any_bytes, changed))
    @example(b"\x91" * 3000 + b"\x90")  # nested as deep as it goes
    @example(b"\xa1\xff")  # text that is no UTF-8
    @example(b"\x92\x00\x91\x95\xc4\x00\x01\x00\x81\xa1\xff\x01\xc0")  # the same in an item's facts
    def check(data: bytes) -> None:
        only_own_errors(lambda: read(data))

    check()


@STEADY
@given(some.one_of(any_bytes, changed))
def test_any_bytes_in_place_of_the_keys(data: bytes) -> None:
    backend = MemoryBackend()
    backend.put("keys/0", [data])
    with pytest.raises(OWN):
        read_keys(backend, KeyFile(RootKey(b"k" * 32)), VAULT_ID)
