"""Valid objects cut, flipped, spliced and swapped: never other data, never another error, never much memory.

Short in the fast tier, as long as one likes as a soak.
"""

from __future__ import annotations

import random
import struct
import tracemalloc
from contextlib import suppress

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from safehold.core.errors import Damaged, KeyMismatch, ObjectMissing
from safehold.store.backends.memory import MemoryBackend
from safehold.store.index.condemned import decode_note
from safehold.store.sealed.frames import decode_frame
from safehold.store.soundness.checks import decode_checks
from safehold.store.soundness.verify import verify
from safehold.store.trees.diff import diff
from safehold.store.upkeep.index_rebuild import rebuild_index
from tests.store.properties import STEADY
from tests.store.vaults import Tree, back_up, flat, open_store, restore

OWN = (Damaged, KeyMismatch, ObjectMissing)
SHORT = settings(STEADY, max_examples=15)
LONG = settings(STEADY, max_examples=5000, suppress_health_check=list(HealthCheck))

TREE: Tree = {
    b"large": random.Random(1).randbytes(3 << 20),
    b"folder": {b"%03d" % n: b"%d" % n * 50 for n in range(300)},
}
MORE: Tree = {**TREE, b"little": b"x"}


def whole_vault() -> MemoryBackend:
    """Packs, trees, a fragment, a record alone, a combined point, an amendment, keys."""
    backend = MemoryBackend()
    back_up(open_store(backend), "p", TREE)
    back_up(open_store(backend), "q", MORE, previous="p")
    open_store(backend).amend("p", "tags", {"a": "b"}, written_at=1)
    return backend


WHOLE = whole_vault().objects
NAMES = sorted(WHOLE)


@some.composite
def harmed(draw: some.DrawFn) -> tuple[str, bytes]:
    """An object's name, and what stands there instead: something made of objects that were right."""
    name = draw(some.sampled_from(NAMES))
    data = WHOLE[name]
    how = draw(some.sampled_from(["flip", "cut", "lengthen", "splice", "swap", "repeat"]))
    at = draw(some.integers(0, len(data)))
    if how == "flip":
        at = min(at, len(data) - 1)
        return name, data[:at] + bytes([data[at] ^ 1 << draw(some.integers(0, 7))]) + data[at + 1 :]
    if how == "cut":
        return name, data[:at]
    if how == "lengthen":
        return name, data + data[-draw(some.integers(1, 4096)) :]
    other = WHOLE[draw(some.sampled_from(NAMES))]
    if how == "swap":
        return name, other
    if how == "repeat":
        return name, data[:at] + data
    return name, data[:at] + other[min(at, len(other)) :]


def use(name: str, data: bytes) -> None:
    """Everything that reads, on a vault with that in place of an object."""
    backend = MemoryBackend()
    backend.objects = dict(WHOLE) | {name: data}
    with suppress(*OWN):
        store = open_store(backend)
        verify(store, read_data=True)
        rebuild_index(open_store(backend), dry_run=True)
        for point, tree in (("p", TREE), ("q", MORE)):
            restored_is_right(backend, point, tree)
        with suppress(*OWN):
            one, other = store.point("p"), store.point("q")
            changes = list(diff(one.root, other.root, store.chunks().read))
            assert [(str(change.kind), change.path) for change in changes] == [("added", b"little")]
        with suppress(*OWN):
            assert [each.facts for each in store.amendments("p")] in ([{"a": "b"}], [])


def restored_is_right(backend: MemoryBackend, point: str, tree: Tree) -> None:
    with suppress(*OWN):
        skipped: list[tuple[bytes, str]] = []
        found = restore(open_store(backend), point, skipped=skipped)
        expected = flat(tree)
        assert all(expected[path] == what for path, what in found.items())
        assert skipped or found == expected


@SHORT
@given(harmed())
def test_objects_made_of_pieces_of_objects_never_give_other_data(harm: tuple[str, bytes]) -> None:
    use(*harm)


@pytest.mark.soak
@LONG
@given(harmed())
def test_thousands_of_objects_made_of_pieces_never_give_other_data(harm: tuple[str, bytes]) -> None:
    use(*harm)


def peak_of_decoding(encoded: bytes) -> int:
    tracemalloc.start()
    with pytest.raises(Damaged):
        decode_frame(encoded)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("claim", [1 << 27, 1 << 40, (1 << 64) - 1])
def test_a_frame_that_claims_much_is_refused_before_room_is_made(claim: int) -> None:
    # Source: RFC 8878, 3.1.1: a frame header with an eight-byte content size and a single segment.
    header = struct.pack("<IBQ", 0xFD2FB528, 0b11100000, claim)
    assert peak_of_decoding(b"\x01" + header + b"\x00" * 50) < 1 << 20


def test_a_frame_that_holds_more_than_it_claims_is_refused() -> None:
    bomb = bytearray(zstandard.ZstdCompressor(write_content_size=True).compress(bytes(60 << 20)))
    size = zstandard.frame_content_size(bytes(bomb))
    at = bytes(bomb).index(struct.pack("<I", size))
    bomb[at : at + 4] = struct.pack("<I", 1000)
    assert peak_of_decoding(b"\x01" + bytes(bomb)) < 4 << 20


@pytest.mark.parametrize("read", [lambda data: decode_checks(data, "c"), lambda data: decode_note(data, "n")])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xdd\xff\xff\xff\xff",  # an array of four billion
        b"\xdf\xff\xff\xff\xff",  # a map of as many
        b"\x82\xa7version\x01\xa7entries\xdd\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",  # text of four gigabytes
        b"\x91" * 5000,
    ],
)
def test_lengths_that_are_claimed_make_no_room(read: object, data: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(Damaged):
        read(data)  # type: ignore[operator]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


@STEADY
@given(some.one_of(some.binary(max_size=300)))
def test_any_bytes_in_place_of_what_a_scrub_noted(data: bytes) -> None:
    for read in (decode_checks, decode_note):
        with suppress(Damaged):
            read(data, "name")
