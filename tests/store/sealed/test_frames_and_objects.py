from __future__ import annotations

import random
from concurrent.futures import Future

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as some

from safehold.core.errors import Damaged, StoreError
from safehold.store.backends.memory import MemoryBackend
from safehold.store.names import ObjectType
from safehold.store.sealed import frames
from safehold.store.sealed.frames import (
    MAX_FRAME_BYTES,
    decode_frame,
    encode_frame,
    open_frame,
    seal_frame,
    seal_plainly,
)
from safehold.store.sealed.keys import new_vault_keys
from safehold.store.sealed.objects import FOOTER_BYTES, FrameKind, FrameNote, SealedObject, assemble
from safehold.store.sealed.sealing import DIRECTORY_NUMBER, FOOTER_NUMBER, HEADER_BYTES, NewSeal
from safehold.store.writing import packing
from safehold.store.writing.packing import Frame, FrameFiller, OpenObject
from tests.store.properties import STEADY

KEYS = new_vault_keys()
VAULT = b"v" * 16
NAME = "packs/" + "0" * 32


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@STEADY
@given(some.binary(max_size=5000).map(lambda data: data * 3))
def test_a_frame_decodes_to_what_was_encoded(plain: bytes) -> None:
    assert decode_frame(encode_frame(plain)) == plain
    assert len(encode_frame(plain)) <= len(plain) + 1


def test_compression_is_kept_only_where_it_pays() -> None:
    assert encode_frame(bytes(10_000))[:1] == frames.ZSTD
    assert encode_frame(noise(10_000))[:1] == frames.RAW


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x02data",
        b"\x01",
        b"\x01not zstandard",
        b"\x01" + zstandard.ZstdCompressor().compress(b"x" * 999)[:-5],
        b"\x01" + zstandard.ZstdCompressor(write_content_size=False).compress(b"x"),
        b"\x01" + zstandard.ZstdCompressor().compress(bytes(MAX_FRAME_BYTES + 1)),
    ],
    ids=["empty", "unknown", "no payload", "no frame", "cut off", "no size", "a bomb"],
)
def test_a_frame_that_cannot_be_decoded_is_damage(encoded: bytes) -> None:
    with pytest.raises(Damaged):
        decode_frame(encoded)


class Lying:
    """A compressor that gives back well-formed frames of other bytes."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor()

    def compress(self, plain: bytes) -> bytes:
        return self._compressor.compress(plain[:-1] + b"!")


def new_seal() -> NewSeal:
    return NewSeal(KEYS, VAULT, ObjectType.PACK, NAME)


def test_a_compressor_that_lies_is_found_out_before_anything_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frames._contexts, "compressor", Lying())
    with pytest.raises(StoreError, match="nothing was stored"):
        seal_plainly(new_seal(), 0, [b"a" * 1000, b"b" * 1000])


def stored(*contents: list[bytes], kind: FrameKind = FrameKind.DATA) -> MemoryBackend:
    """A pack with those frames of chunks, under made-up ids."""
    seal = NewSeal(KEYS, VAULT, ObjectType.PACK, NAME)
    sealed = [seal_frame(seal, number, parts) for number, parts in enumerate(contents)]
    notes = [
        FrameNote(int(kind), len(frame), [len(part) for part in parts], bytes(32) * len(parts))
        for frame, parts in zip(sealed, contents, strict=True)
    ]
    backend = MemoryBackend()
    backend.put(NAME, assemble(seal, sealed, notes))
    return backend


def opened(backend: MemoryBackend) -> SealedObject:
    return SealedObject(backend, KEYS, VAULT, NAME)


@pytest.mark.parametrize("count", [0, 1, 3, 3000], ids=lambda count: f"{count} frames")
def test_an_object_reads_back_frame_by_frame(count: int) -> None:
    contents = [[b"%d" % number, noise(number % 50)] for number in range(count)]
    found = opened(stored(*contents))
    assert [found.frame(number) for number in range(count)] == [b"".join(parts) for parts in contents]


def test_a_directory_longer_than_the_tail_is_read_too() -> None:
    backend = stored(*[[b"x"] * 4096 for _ in range(30)])
    seal = opened(backend).seal
    offset, length = __import__("struct").unpack(">QI", seal.open(FOOTER_NUMBER, backend.objects[NAME][-28:]))
    assert offset + length + FOOTER_BYTES == len(backend.objects[NAME])
    found = opened(stored(*[[noise(9)] * 4000 for _ in range(5)]))
    assert found.frame(4) == noise(9) * 4000


@pytest.mark.parametrize("size", [0, 1, 900, 5000, 200_000, 3_000_000])
def test_sizes_are_rounded_up_by_one_percent_or_a_kib_at_most(size: int) -> None:
    total = len(stored([noise(size)]).objects[NAME])
    assert total % 1024 == 0
    assert total <= max(1.01 * (size + 300), size + 300 + 1024)


def test_nothing_shows_what_an_object_holds() -> None:
    text = b"the quick brown fox jumps over the lazy dog " * 40
    assert b"quick" not in stored([text]).objects[NAME]
    assert stored([b"same"]).objects[NAME] != stored([b"same"]).objects[NAME]


@pytest.mark.parametrize("end", [0, 1, HEADER_BYTES, HEADER_BYTES + FOOTER_BYTES, -1, -FOOTER_BYTES])
def test_an_object_that_is_cut_off_is_damage(end: int) -> None:
    backend = stored([noise(5000)])
    backend.objects[NAME] = backend.objects[NAME][:end]
    with pytest.raises(Damaged):
        opened(backend)


def test_an_object_with_bytes_behind_its_end_is_damage() -> None:
    backend = stored([noise(5000)])
    backend.objects[NAME] += b"\0"
    with pytest.raises(Damaged):
        opened(backend)


def test_a_directory_of_a_later_version_is_refused() -> None:
    seal = NewSeal(KEYS, VAULT, ObjectType.PACK, NAME)
    directory = seal.seal(DIRECTORY_NUMBER, encode_frame(msgspec.msgpack.encode([2, [], "more"])))
    footer = seal.seal(FOOTER_NUMBER, HEADER_BYTES.to_bytes(8, "big") + len(directory).to_bytes(4, "big"))
    backend = MemoryBackend()
    backend.put(NAME, [seal.header, directory, footer])
    with pytest.raises(Damaged, match="version 2"):
        opened(backend)


def test_an_object_without_a_record_says_so() -> None:
    with pytest.raises(Damaged, match="no record"):
        opened(stored([b"data"])).record()


def test_a_frame_opens_under_its_own_number_only() -> None:
    seal = NewSeal(KEYS, VAULT, ObjectType.PACK, NAME)
    first, second = seal_frame(seal, 0, [b"first"]), seal_frame(seal, 1, [b"second"])
    assert open_frame(seal, 1, second) == b"second"
    with pytest.raises(Damaged):
        open_frame(seal, 1, first)


def test_small_chunks_share_frames_and_large_ones_have_their_own() -> None:
    filler = FrameFiller(FrameKind.DATA, packing.FRAME_BYTES)
    assert filler.take() is None
    assert filler.add(b"s" * 32, b"small") is None
    large = filler.add(b"l" * 32, bytes(packing.ALONE_BYTES))
    assert large is not None
    assert large.ids == [b"l" * 32]
    rest = filler.take()
    assert rest is not None
    assert rest.parts == [b"small"]


def test_a_frame_is_full_by_bytes_or_by_chunks() -> None:
    filler = FrameFiller(FrameKind.DATA, packing.FRAME_BYTES)
    full = [filler.add(bytes(32), b"") for _ in range(packing.FRAME_CHUNKS)]
    assert [number for number, frame in enumerate(full) if frame] == [packing.FRAME_CHUNKS - 1]
    full = [filler.add(bytes(32), bytes(400_000)) for _ in range(4)]
    assert [number for number, frame in enumerate(full) if frame] == [2]


def filled(frame: Frame, sealed_bytes: int, count: int) -> OpenObject:
    target = OpenObject(KEYS, VAULT, ObjectType.PACK, NAME)
    for _ in range(count):
        done: Future[bytearray] = Future()
        done.set_result(bytearray(sealed_bytes))
        target.add(frame, done)
    return target


def test_a_pack_is_full_by_what_its_frames_shrank_to() -> None:
    frame = Frame(FrameKind.DATA, [bytes(1 << 20)], [bytes(32)])
    assert not filled(frame, 1 << 18, 33).is_full()
    assert filled(frame, 1 << 20, 33).is_full()
    assert filled(frame, 1 << 18, 129).is_full()


def test_a_pack_of_tiny_files_is_full_before_its_directory_grows_too_large_to_be_read() -> None:
    # Ids do not compress. Without a limit, 3 million files of a few equal bytes make a directory of 100 MiB.
    frame = Frame(FrameKind.DATA, [b"x"] * 4096, [bytes(32)] * 4096)
    count = next(number for number in range(1, 10_000) if filled(frame, 50, number).is_full())
    assert count * 4096 * 40 < MAX_FRAME_BYTES / 4
