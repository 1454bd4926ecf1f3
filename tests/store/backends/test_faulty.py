from __future__ import annotations

from pathlib import Path

import pytest

from safehold.core.errors import ObjectMissing, StoreFull, StoreUnavailable
from safehold.store.backends.contract import Backend
from safehold.store.backends.faulty import Fault, FaultyBackend, Trouble
from safehold.store.backends.memory import MemoryBackend
from tests.store.backends.contract import BackendContract


class TestFaultyBackendWithoutFaults(BackendContract):
    def make(self, folder: Path) -> Backend:
        return FaultyBackend(MemoryBackend(), [])


def with_fault(operation: str, trouble: Trouble, *, first: int = 1, last: int | None = None) -> FaultyBackend:
    inner = MemoryBackend()
    inner.put("packs/there", [b"0123456789"])
    return FaultyBackend(inner, [Fault(operation, trouble, first, last, folder="packs/")])


def test_trouble_comes_at_the_calls_it_was_asked_for_and_ends() -> None:
    backend = with_fault("get", Trouble.FAIL, first=2, last=3)
    backend.get("packs/there")
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            backend.get("packs/there")
    assert backend.get("packs/there") == b"0123456789"


@pytest.mark.parametrize("operation", ["put", "get", "size", "list", "delete"])
def test_every_operation_can_fail_and_be_mended(operation: str) -> None:
    backend = with_fault(operation, Trouble.FAIL)
    calls = {
        "put": lambda: backend.put("packs/new", [b"x"]),
        "get": lambda: backend.get("packs/there"),
        "size": lambda: backend.size("packs/there"),
        "list": lambda: list(backend.list("packs/")),
        "delete": lambda: backend.delete("packs/there"),
    }
    with pytest.raises(StoreUnavailable):
        calls[operation]()
    backend.mend()
    calls[operation]()


def test_names_in_other_folders_are_let_alone() -> None:
    with_fault("put", Trouble.FULL).put("points/p", [b"x"])


@pytest.mark.parametrize(
    ("trouble", "is_stored", "is_told"),
    [(Trouble.FULL, False, True), (Trouble.UNSURE, True, True), (Trouble.FORGET, False, False)],
)
def test_a_put_can_go_wrong_in_each_way(trouble: Trouble, is_stored: bool, is_told: bool) -> None:
    backend = with_fault("put", trouble)
    if is_told:
        with pytest.raises((StoreFull, StoreUnavailable)):
            backend.put("packs/new", [b"x"])
    else:
        backend.put("packs/new", [b"x"])
    if is_stored:
        assert backend.get("packs/new") == b"x"
    else:
        with pytest.raises(ObjectMissing):
            backend.get("packs/new")


def test_what_is_read_can_be_other_bytes_or_too_few() -> None:
    assert with_fault("get", Trouble.FLIP).get("packs/there") == b"01234" + bytes([ord("5") ^ 1]) + b"6789"
    assert with_fault("get", Trouble.CUT).get("packs/there") == b"01234"
