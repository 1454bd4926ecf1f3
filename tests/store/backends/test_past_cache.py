"""Long objects are written past the page cache where that can be, and are whole in any case."""

from __future__ import annotations

import errno
import fcntl
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from safehold.core.errors import StoreFull, StoreUnavailable
from safehold.store.backends import past_cache
from safehold.store.backends.local import LONG_BYTES, LocalBackend
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
