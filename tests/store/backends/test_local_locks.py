from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from safehold.core.clock import FixedClock, SystemClock
from safehold.core.errors import Damaged, ObjectLocked
from safehold.store.backends.contract import LockingBackend, LockMode, Retention, locking
from safehold.store.backends.local_locks import RETENTION, LockingLocalBackend
from safehold.store.backends.memory import MemoryBackend
from safehold.store.backends.passing import PassingBackend
from safehold.store.backends.retry import RetryBackend
from tests.store.backends.locking_contract import SOON, LockingContract, only

KEPT = Retention(LockMode.COMPLIANCE, SOON)


class TestLockingLocalBackend(LockingContract):
    def make(self, folder: Path) -> LockingBackend:
        return LockingLocalBackend(LockingLocalBackend.create(folder / "vault").root, may_be_immutable=False)


class TestLocksThroughWrappers(LockingContract):
    def make(self, folder: Path) -> LockingBackend:
        root = LockingLocalBackend.create(folder / "vault").root
        return RetryBackend(PassingBackend(LockingLocalBackend(root, may_be_immutable=False)))


@pytest.fixture
def immutable(tmp_path: Path) -> Iterator[LockingLocalBackend]:
    """A backend that makes files immutable where that is possible; all of them are mortal in the end."""
    backend = LockingLocalBackend.create(tmp_path / "vault")
    yield backend
    for info in backend.list(""):
        with backend._opened(info.name) as descriptor:
            backend._set_immutable(descriptor, False)


def test_a_locked_file_stands_up_to_other_programs_where_the_system_can_do_that(
    immutable: LockingLocalBackend,
) -> None:
    immutable.put_locked("packs/a", [b"x"], KEPT)
    immutable.retain(only(immutable, "packs/a"), Retention(LockMode.COMPLIANCE, SOON + timedelta(days=1)))
    path = immutable.root / "packs/a"
    if can_be_immutable(immutable):
        with pytest.raises(PermissionError):
            path.unlink()
        with pytest.raises(PermissionError):
            path.write_bytes(b"y")
        with pytest.raises(PermissionError):
            os.setxattr(path, RETENTION, b"GOVERNANCE 2000-01-01T00:00:00+00:00")
    assert immutable.get("packs/a") == b"x"


def can_be_immutable(backend: LockingLocalBackend) -> bool:
    backend.put("probe/a", [b""])
    with backend._opened("probe/a") as descriptor:
        backend._set_immutable(descriptor, True)
    try:
        os.utime(backend.root / "probe/a")
    except PermissionError:
        return True
    return False


def test_a_lock_that_is_over_lets_go(tmp_path: Path) -> None:
    clock = FixedClock(SystemClock().now())
    backend = LockingLocalBackend(LockingLocalBackend.create(tmp_path / "vault").root, clock=clock)
    backend.put_locked("packs/a", [b"x"], KEPT)
    clock.at = SOON - timedelta(seconds=1)
    with pytest.raises(ObjectLocked, match="kept until"):
        backend.delete("packs/a")
    clock.at = SOON
    backend.delete("packs/a")
    assert list(backend.list("")) == []


def test_a_locked_file_keeps_its_name(tmp_path: Path) -> None:
    root = LockingLocalBackend.create(tmp_path / "vault").root
    backend = LockingLocalBackend(root, may_be_immutable=False)
    backend.put_locked("packs/a", [b"x"], KEPT)
    with pytest.raises(ObjectLocked):
        backend.rename("packs/a", "trash/a")
    assert backend.get("packs/a") == b"x"
    backend.put("packs/b", [b"y"])
    backend.rename("packs/b", "trash/b")
    assert backend.get("trash/b") == b"y"


def test_a_lock_that_cannot_be_read_keeps(tmp_path: Path) -> None:
    root = LockingLocalBackend.create(tmp_path / "vault").root
    backend = LockingLocalBackend(root, may_be_immutable=False)
    backend.put_locked("packs/a", [b"x"], KEPT)
    os.setxattr(root / "packs/a", RETENTION, b"nonsense")
    with pytest.raises(Damaged):
        backend.delete("packs/a")
    assert backend.get("packs/a") == b"x"


def test_a_file_system_without_attributes_cannot_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = LockingLocalBackend.create(tmp_path / "vault")

    def refuse(path: object, name: object) -> bytes:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "getxattr", refuse)
    assert locking(backend) is None
    assert locking(PassingBackend(backend)) is None
    assert locking(MemoryBackend()) is None
