"""Lengths of chunks in the clear told which known files a repository held, and gave secret chunkers away.

Here whoever has the storage sees sizes of whole objects, rounded, and a header that is the same for all of a
kind.
"""

from __future__ import annotations

import random

import pytest

from safehold.store.backends.memory import MemoryBackend
from safehold.store.sealed.objects import FOOTER_BYTES, SealedObject
from safehold.store.sealed.sealing import BOUND_HEADER_BYTES, HEADER_BYTES, TAG_BYTES
from tests.store.vaults import VAULT_ID, back_up, open_store

CHANCE = random.Random(19)


@pytest.fixture(scope="module")
def backend() -> MemoryBackend:
    """A vault with long files in many chunks and small ones that share frames."""
    backend = MemoryBackend()
    files = {b"long %d" % size: CHANCE.randbytes(size) for size in (5_000_000, 7_654_321)}
    small = {b"small %d" % number: CHANCE.randbytes(1000 + 137 * number) for number in range(300)}
    back_up(open_store(backend), "large", files | small)
    back_up(open_store(backend), "small", {b"file": b"bytes"})
    return backend


def sealed_objects(backend: MemoryBackend) -> dict[str, bytes]:
    return {name: data for name, data in backend.objects.items() if not name.startswith("keys/")}


def test_every_byte_of_an_object_is_a_header_sealed_or_padding(backend: MemoryBackend) -> None:
    # No room is left where a length, a count or a boundary could stand in the clear.
    keys = open_store(backend).keys
    for name, data in sealed_objects(backend).items():
        opened = SealedObject(backend, keys, VAULT_ID, name)
        position = HEADER_BYTES
        for number, note in enumerate(opened.directory.frames):
            assert opened.offsets[number] == position
            plain = opened.seal.open(number, data[position : position + note.sealed_bytes])
            assert len(plain) == note.sealed_bytes - TAG_BYTES  # all of it authenticates
            position += note.sealed_bytes
        footer = opened.seal.open(0xFFFFFFFF, data[-FOOTER_BYTES:])
        start, length = int.from_bytes(footer[:8], "big"), int.from_bytes(footer[8:], "big")
        opened.seal.open(0xFFFFFFFE, data[start : start + length])
        assert position <= start
        assert start + length + FOOTER_BYTES == len(data)


def test_the_header_says_nothing_of_what_is_inside(backend: MemoryBackend) -> None:
    seen: dict[str, set[bytes]] = {}
    for name, data in sealed_objects(backend).items():
        seen.setdefault(name.split("/")[0], set()).add(data[:BOUND_HEADER_BYTES])
    assert {folder: len(headers) for folder, headers in seen.items()} == dict.fromkeys(seen, 1)


def test_sizes_are_rounded_so_that_a_file_of_some_bytes_more_looks_the_same() -> None:
    sizes = set()
    for more in range(0, 400, 25):
        backend = MemoryBackend()
        back_up(open_store(backend), "point", {b"file": CHANCE.randbytes(20_000 + more)})
        sizes.add(len(backend.objects["points/point"]))
    assert len(sizes) <= 2
    assert all(size % 1024 == 0 for size in sizes)


def test_large_objects_are_rounded_to_a_part_of_their_size(backend: MemoryBackend) -> None:
    for data in sealed_objects(backend).values():
        unit = max(1024, 1 << (len(data).bit_length() - 8))
        assert len(data) % (unit // 2) == 0  # rounding may carry into the next power of two
        assert len(data) % 1024 == 0


def test_padding_is_not_told_from_what_is_sealed(backend: MemoryBackend) -> None:
    padding = b""
    keys = open_store(backend).keys
    for name, data in sealed_objects(backend).items():
        opened = SealedObject(backend, keys, VAULT_ID, name)
        begin = HEADER_BYTES + sum(note.sealed_bytes for note in opened.directory.frames)
        footer = opened.seal.open(0xFFFFFFFF, data[-FOOTER_BYTES:])
        padding += data[begin : int.from_bytes(footer[:8], "big")]
    assert len(padding) > 1000
    counts = [padding.count(bytes([value])) for value in range(256)]
    assert max(counts) < 0.02 * len(padding) + 20


def test_the_same_content_never_looks_the_same_twice() -> None:
    seen = []
    for _ in range(2):
        backend = MemoryBackend()
        back_up(open_store(backend), "point", {b"file": b"the same bytes" * 1000})
        seen.append(backend.objects["points/point"][HEADER_BYTES:])
    shared = {seen[0][at : at + 6] for at in range(len(seen[0]))} & {
        seen[1][at : at + 6] for at in range(len(seen[1]))
    }
    assert shared == set()
