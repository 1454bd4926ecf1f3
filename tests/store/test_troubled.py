"""Whatever operation of whatever work fails, stalls, lies or is the last one: what was kept is kept, nothing
comes back as other bytes, and the same work done again succeeds."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from safehold.core.errors import StoreFull
from safehold.store.backends import local
from safehold.store.backends.local import LocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.soundness.verify import verify
from tests.store.troubled import TREES, WORKS, cases, some_of, try_out, vault
from tests.store.vaults import back_up, flat, open_store, restore

A_FEW, MANY, ALL = 3, 0, 1 << 30


@pytest.fixture(scope="module")
def base() -> MemoryBackend:
    backend = MemoryBackend()
    vault(backend)
    return backend


@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize(
    "most",
    [
        pytest.param(A_FEW, id="a few"),
        pytest.param(MANY, marks=pytest.mark.slow, id="many"),
        pytest.param(ALL, marks=pytest.mark.soak, id="all"),
    ],
)
def test_trouble_at_any_operation_of_it_harms_nothing(base: MemoryBackend, work: str, most: int) -> None:
    found = list(cases(WORKS[work], base))
    assert len(found) > 10
    most = most or WORKS[work].many
    wrong = {
        case: what for case in some_of(found, most, seed=1) if (what := try_out(WORKS[work], base, case))
    }
    assert wrong == {}


class FullAfter:
    """As the module `os`, on a disk that has room for so many bytes."""

    def __init__(self, room_bytes: int) -> None:
        self.room_bytes = room_bytes

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fsync(self, descriptor: int) -> None:
        del descriptor

    def writev(self, descriptor: int, parts: Sequence[bytes | bytearray | memoryview]) -> int:
        if not self.room_bytes:
            raise OSError(errno.ENOSPC, "No space left on device")
        data = b"".join(parts)[: self.room_bytes]
        self.room_bytes -= len(data)
        return os.write(descriptor, data)


@pytest.mark.parametrize(
    "cuts", [pytest.param(7, id="a few"), pytest.param(150, marks=pytest.mark.slow, id="many")]
)
def test_a_disk_that_is_full_after_any_number_of_bytes_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuts: int
) -> None:
    room = 1 << 40
    monkeypatch.setattr(local, "os", stand_in := FullAfter(room))
    back_up(open_store(LocalBackend.create(tmp_path / "whole")), "new", TREES["new"])
    needed = room - stand_in.room_bytes
    for number in range(cuts):
        stand_in.room_bytes = 1 << 40
        backend = LocalBackend.create(tmp_path / f"{number}")
        back_up(open_store(backend), "small", TREES["small"])
        before = [info for info in backend.list("") if not info.name.startswith("intents/")]
        stand_in.room_bytes = needed * number // cuts // 2
        with pytest.raises(StoreFull):
            back_up(open_store(backend), "new", TREES["new"], previous="small")
        assert [info for info in backend.list("") if not info.name.startswith("intents/")] == before
        stand_in.room_bytes = 1 << 40
        back_up(open_store(backend), "new", TREES["new"], previous="small")
        store = open_store(backend)
        assert verify(store, read_data=True).problems == []
        assert {point: restore(store, point) for point in store.points()} == {
            point: flat(TREES[point]) for point in ("new", "small")
        }
