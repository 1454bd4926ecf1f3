"""The compiled way of sealing and opening frames is held to what the plain way does."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as some

from safehold.connectors.files import kernel as files_kernel
from safehold.core.errors import Damaged, StoreError
from safehold.store.names import ObjectType
from safehold.store.sealed import kernel
from safehold.store.sealed.frames import (
    COMPRESSION,
    MAX_FRAME_BYTES,
    WORTH,
    encode_frame,
    lend_on,
    open_plainly,
    seal_on,
    seal_plainly,
)
from safehold.store.sealed.kernel import Bench
from safehold.store.sealed.keys import new_vault_keys
from safehold.store.sealed.sealing import NewSeal, ObjectSeal
from tests.store.properties import STEADY

KEYS = new_vault_keys()
VAULT = b"v" * 16
NAME = "packs/" + "0" * 32
PARTS = some.lists(some.binary(max_size=3000).map(lambda data: data * 2), max_size=40)

# A compressor whose frames are well-formed and of other bytes: what it decompresses differs by one.
LYING_ZSTD = """
#include <stdlib.h>
#include <string.h>
typedef unsigned long long u64;
void *ZSTD_createCCtx(void) { return malloc(1); }
void *ZSTD_createDCtx(void) { return malloc(1); }
size_t ZSTD_freeCCtx(void *c) { free(c); return 0; }
size_t ZSTD_freeDCtx(void *c) { free(c); return 0; }
size_t ZSTD_CCtx_setParameter(void *c, int p, int v) { (void)c, (void)p, (void)v; return 0; }
size_t ZSTD_compressBound(size_t n) { return n; }
size_t ZSTD_compress2(void *c, char *to, size_t room, const char *from, size_t n) {
    (void)c, (void)room;
    memcpy(to, &n, sizeof n);
    to[sizeof n] = from[0];
    return sizeof n + 1;
}
u64 ZSTD_getFrameContentSize(const void *from, size_t n) {
    u64 s;
    (void)n;
    memcpy(&s, from, sizeof s);
    return s;
}
size_t ZSTD_decompressDCtx(void *c, char *to, size_t room, const char *from, size_t n) {
    (void)c, (void)n;
    memset(to, from[sizeof(size_t)], room);
    to[room - 1] ^= 1;
    return room;
}
unsigned ZSTD_isError(size_t r) { (void)r; return 0; }
"""


def new_bench(library: ctypes.CDLL | None) -> Bench:
    bench = kernel.new_bench(library, COMPRESSION, worth=WORTH, max_bytes=MAX_FRAME_BYTES)
    assert bench is not None, "the compiled part was not built; tools/setup does it"
    return bench


@pytest.fixture(scope="module")
def bench() -> Bench:
    return new_bench(kernel.load())


def open_on(bench: Bench, seal: ObjectSeal, number: int, sealed: bytes) -> bytes:
    return bytes(lend_on(bench, seal, number, sealed))


def new_seal() -> NewSeal:
    return NewSeal(KEYS, VAULT, ObjectType.PACK, NAME)


@STEADY
@given(parts=PARTS)
def test_what_one_way_seals_the_other_opens(bench: Bench, parts: list[bytes]) -> None:
    seal = new_seal()
    plain = b"".join(parts)
    assert open_plainly(seal, 0, seal_on(bench, seal, 0, parts)) == plain
    assert open_on(bench, seal, 1, bytes(seal_plainly(seal, 1, parts))) == plain


@pytest.mark.parametrize("plain", [b"", b"x", bytes(1 << 20), bytes(range(256)) * 4096], ids=len)
def test_both_ways_come_to_the_same_sizes(bench: Bench, plain: bytes) -> None:
    seal = new_seal()
    compiled = seal_on(bench, seal, 0, [plain])
    assert abs(len(compiled) - len(seal_plainly(seal, 1, [plain]))) <= len(plain) // 100 + 16


@pytest.mark.parametrize("plain", [memoryview(b"read only"), memoryview(bytearray(b"own")), memoryview(b"")])
def test_views_are_sealed_as_what_they_show(bench: Bench, plain: memoryview) -> None:
    seal = new_seal()
    assert open_on(bench, seal, 0, seal_on(bench, seal, 0, [plain])) == plain


def test_what_does_not_shrink_is_stored_as_it_is(bench: Bench) -> None:
    noise = zstandard.ZstdCompressor(level=19).compress(Path(__file__).read_bytes())
    assert len(seal_on(bench, new_seal(), 0, [noise])) == len(noise) + 1 + 16


def test_no_number_seals_twice(bench: Bench) -> None:
    seal = new_seal()
    seal_on(bench, seal, 0, [b"once"])
    for again in (lambda: seal_on(bench, seal, 0, [b"twice"]), lambda: seal_plainly(seal, 0, [b"twice"])):
        with pytest.raises(ValueError, match="sealed a frame already"):
            again()


@STEADY
@given(position=some.integers(0, 10_000), bit=some.integers(0, 7))
def test_a_flipped_bit_is_damage(bench: Bench, position: int, bit: int) -> None:
    seal = new_seal()
    sealed = bytearray(seal_on(bench, seal, 0, [b"some plain text" * 20]))
    sealed[position % len(sealed)] ^= 1 << bit
    with pytest.raises(Damaged, match="does not authenticate"):
        open_on(bench, seal, 0, bytes(sealed))


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
def test_a_frame_that_cannot_be_decoded_is_damage(bench: Bench, encoded: bytes) -> None:
    seal = new_seal()
    sealed = bytes(seal.seal(0, encoded))
    with pytest.raises(Damaged):
        open_on(bench, seal, 0, sealed)
    with pytest.raises(Damaged):
        open_plainly(seal, 0, sealed)


@pytest.mark.parametrize("size", [0, 1, 15, 16])
def test_a_frame_too_short_for_its_tag_is_damage(bench: Bench, size: int) -> None:
    with pytest.raises(Damaged):
        open_on(bench, new_seal(), 0, bytes(size))


def test_a_frame_moved_to_another_number_or_object_does_not_open(bench: Bench) -> None:
    seal = new_seal()
    sealed = seal_on(bench, seal, 0, [b"here"])
    for other, number in ((seal, 1), (new_seal(), 0)):
        with pytest.raises(Damaged, match="does not authenticate"):
            open_on(bench, other, number, sealed)


def test_a_bench_keeps_nothing_of_one_frame_for_the_next(bench: Bench) -> None:
    seal = new_seal()
    plains = [b"a" * 100_000, b"", b"b" * 10, bytes(2_000_000), b"c"]
    sealed = [seal_on(bench, seal, number, [plain]) for number, plain in enumerate(plains)]
    assert [open_on(bench, seal, number, frame) for number, frame in enumerate(sealed)] == plains


def test_threads_with_benches_of_their_own_do_not_disturb_each_other() -> None:
    seal = new_seal()
    wrong = []

    def work(first: int) -> None:
        mine = new_bench(kernel.load())
        for number in range(first, first + 200):
            plain = b"%d" % number * 500
            if open_on(mine, seal, number, seal_on(mine, seal, number, [plain])) != plain:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n * 1000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_compressor_that_lies_is_found_out_before_anything_is_stored(tmp_path: Path) -> None:
    source, lying, own = tmp_path / "zstd.c", tmp_path / "libzstd.so", tmp_path / "libkernel.so"
    source.write_text(LYING_ZSTD, encoding="utf-8")
    subprocess.run(["cc", "-w", "-shared", "-fPIC", "-o", lying, source], check=True)
    shutil.copy(kernel.LIBRARY, own)  # a library of its own keeps to the compressor that it was given
    bench = new_bench(kernel.load(own, zstd=str(lying)))
    with pytest.raises(StoreError, match="nothing was stored"):
        seal_on(bench, new_seal(), 0, [b"a" * 1000])


@pytest.mark.parametrize("missing", ["path", "zstd", "openssl"])
def test_without_what_it_needs_there_is_no_library(tmp_path: Path, missing: str) -> None:
    absent = tmp_path / "absent.so"
    if missing == "path":
        assert kernel.load(absent) is None
    else:
        own = tmp_path / "libkernel.so"
        shutil.copy(kernel.LIBRARY, own)
        assert kernel.load(own, **{missing: str(absent)}) is None
    assert kernel.new_bench(None, COMPRESSION, worth=WORTH, max_bytes=MAX_FRAME_BYTES) is None


@pytest.mark.parametrize("source", ["const int safehold_interface = -1;", "int another;"])
def test_a_library_of_another_version_is_not_used(tmp_path: Path, source: str) -> None:
    other = tmp_path / "libkernel.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", other], input=source, text=True, check=True
    )
    assert kernel.load(other) is None
    assert files_kernel.load(other) is None


def test_the_plain_way_makes_the_frames_that_the_documents_describe() -> None:
    seal = new_seal()
    assert bytes(seal.open(0, seal_plainly(seal, 0, [b"ab" * 500]))) == encode_frame(b"ab" * 500)


SEALING_AT_THE_END = """
import threading, time
from safehold.store.sealed.frames import seal_frame
from safehold.store.sealed.keys import new_vault_keys
from safehold.store.sealed.sealing import NewSeal, ObjectSeal
from safehold.store.names import ObjectType
data = bytes(range(256)) * 200_000
def seal(begun):
    seals = NewSeal(new_vault_keys(), b"v" * 16, ObjectType.PACK, "packs/" + "0" * 32)
    for number in range(1000):
        begun.set()
        seal_frame(seals, number, [data])
for _ in range(2):
    begun = threading.Event()
    threading.Thread(target=seal, args=(begun,), daemon=True).start()
    begun.wait()
time.sleep(0.1)
"""


def test_a_process_may_end_while_a_thread_of_it_seals() -> None:
    ended = subprocess.run([sys.executable, "-c", SEALING_AT_THE_END], check=False, capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, b"")
