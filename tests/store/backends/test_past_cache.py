"""Long objects are written past the page cache where that can be, and are whole in any case."""

from __future__ import annotations

import errno
import fcntl
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from safehold.core.errors import Damaged, StoreFull, StoreUnavailable
from safehold.store.backends import past_cache
from safehold.store.backends.local import LONG_BYTES, LONG_READ_BYTES, LocalBackend
from safehold.store.backends.past_cache import BLOCK_BYTES, STAGE_BYTES

SIZES = (
    LONG_BYTES - 1,
    LONG_BYTES,
    LONG_BYTES + 1,
    STAGE_BYTES,
    STAGE_BYTES + BLOCK_BYTES,
    2 * STAGE_BYTES + 5,
)


def parts_of(size: int) -> list[bytes]:
    """Bytes in pieces of any length."""
    chosen = random.Random(size)
    data, parts = chosen.randbytes(size), []
    while data:
        length = chosen.choice((1, 37, 4096, 70_001, 1_000_003))
        parts.append(data[:length])
        data = data[length:]
    return parts


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much each write past the cache was of."""
    sizes: list[int] = []
    write = os.write

    def noted(descriptor: int, data: memoryview) -> int:
        assert fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT
        sizes.append(len(data))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", noted)
    return sizes


@pytest.mark.parametrize("size", SIZES)
def test_what_is_long_is_whole_and_all_but_its_end_goes_past_the_cache(
    tmp_path: Path, written: list[int], size: int
) -> None:
    backend = LocalBackend.create(tmp_path / "vault")
    parts = parts_of(size)
    backend.put("packs/a", parts)
    assert backend.get("packs/a") == b"".join(parts)
    assert sum(written) == (size // BLOCK_BYTES * BLOCK_BYTES if size >= LONG_BYTES else 0)


def short(descriptor: int, data: memoryview, write: Callable[..., int]) -> int:
    return write(descriptor, data[: len(data) // 2 // BLOCK_BYTES * BLOCK_BYTES or BLOCK_BYTES])


def odd(descriptor: int, data: memoryview, write: Callable[..., int]) -> int:
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags & ~os.O_DIRECT)
    return write(descriptor, data[:777])


def refused(descriptor: int, data: memoryview, write: Callable[..., int]) -> int:
    raise OSError(errno.EINVAL, "only larger blocks")


@pytest.mark.parametrize("way", [short, odd, refused])
def test_however_the_system_takes_it_the_object_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Callable[..., int]
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: way(descriptor, data, write))
    backend = LocalBackend.create(tmp_path / "vault")
    parts = parts_of(STAGE_BYTES + 99_999)
    backend.put("packs/a", parts)
    assert backend.get("packs/a") == b"".join(parts)


def test_a_file_system_without_such_writing_is_written_as_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: list[int]
) -> None:
    control = fcntl.fcntl

    def without(descriptor: int, command: int, flags: int = 0) -> int:
        if command == fcntl.F_SETFL and flags & os.O_DIRECT:
            raise OSError(errno.EINVAL, "not here")
        return control(descriptor, command, flags)

    monkeypatch.setattr(past_cache.fcntl, "fcntl", without)
    backend = LocalBackend.create(tmp_path / "vault")
    backend.put("packs/a", parts_of(STAGE_BYTES + 3))
    assert backend.get("packs/a") == b"".join(parts_of(STAGE_BYTES + 3))
    assert written == []


@pytest.mark.parametrize(("code", "error"), [(errno.ENOSPC, StoreFull), (errno.EIO, StoreUnavailable)])
def test_a_full_or_broken_disk_is_told_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]
) -> None:
    def fail(descriptor: int, data: memoryview) -> int:
        raise OSError(code, os.strerror(code))

    backend = LocalBackend.create(tmp_path / "vault")
    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(error):
        backend.put("packs/a", parts_of(LONG_BYTES))
    monkeypatch.undo()
    assert list(backend.list("packs/")) == []
    assert list((tmp_path / "vault" / "tmp").iterdir()) == []


@pytest.fixture
def long_object(tmp_path: Path) -> tuple[LocalBackend, bytes]:
    backend = LocalBackend.create(tmp_path / "vault")
    data = random.Random(7).randbytes(LONG_BYTES + 12_345)
    backend.put("packs/long", [data])
    return backend, data


PIECES = [
    (0, LONG_READ_BYTES),
    (1, LONG_READ_BYTES),
    (BLOCK_BYTES - 1, 2 * LONG_READ_BYTES + 1),
    (3 * BLOCK_BYTES, 5 * LONG_READ_BYTES),
    (LONG_BYTES - 70_000, 82_345),  # to the very end
    (LONG_BYTES - 70_000, 90_000),  # beyond it
    (-70_000, 70_000),
    (0, LONG_BYTES + 12_345),
]


@pytest.mark.parametrize(("offset", "length"), PIECES)
def test_a_long_piece_is_the_same_however_it_is_read(
    long_object: tuple[LocalBackend, bytes], offset: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, data = long_object
    start = offset if offset >= 0 else len(data) + offset
    expected = data[start : start + length]
    assert backend.get("packs/long", offset=offset, length=length) == expected
    monkeypatch.setattr("safehold.store.backends.local.read_blocks", lambda *asked: None)
    assert backend.get("packs/long", offset=offset, length=length) == expected


def test_a_long_piece_is_read_past_the_cache_and_a_short_one_as_usual(
    long_object: tuple[LocalBackend, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, _ = long_object
    asked: list[tuple[int, int]] = []
    preadv = os.preadv

    def noted(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        assert fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT
        asked.append((offset, len(buffers[0])))
        return preadv(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", noted)
    backend.get("packs/long", offset=5, length=LONG_READ_BYTES - 1)
    assert asked == []
    backend.get("packs/long", offset=BLOCK_BYTES + 5, length=LONG_READ_BYTES)
    assert asked == [(BLOCK_BYTES, LONG_READ_BYTES + BLOCK_BYTES)]


@pytest.mark.parametrize("refused_at", ["the flag", "the reading"])
def test_where_the_file_system_reads_in_no_such_way_it_is_read_as_usual(
    long_object: tuple[LocalBackend, bytes], refused_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, data = long_object

    set_flags, refused = fcntl.fcntl, []

    def refuse(descriptor: int, *asked: object) -> int:
        if asked == (fcntl.F_GETFL,):
            return set_flags(descriptor, fcntl.F_GETFL)
        refused.append(asked)
        raise OSError(errno.EINVAL, "not here")

    monkeypatch.setattr(*((fcntl, "fcntl") if refused_at == "the flag" else (os, "preadv")), refuse)
    assert backend.get("packs/long", offset=5, length=LONG_READ_BYTES) == data[5 : 5 + LONG_READ_BYTES]
    assert len(refused) == 1


def test_a_piece_that_the_disk_cannot_read_is_told_as_damaged(
    long_object: tuple[LocalBackend, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, _ = long_object

    def fail(*asked: object) -> int:
        raise OSError(errno.EIO, "bad sectors")

    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(Damaged):
        backend.get("packs/long", offset=5, length=LONG_READ_BYTES)
