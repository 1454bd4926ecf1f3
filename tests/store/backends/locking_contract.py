"""What every place promises that can lock, as tests; its own test file inherits them."""

from __future__ import annotations

from abc import abstractmethod
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from safehold.core.errors import ObjectExists, ObjectLocked, ObjectMissing
from safehold.store.backends.contract import LockingBackend, LockMode, Retention, Version
from tests.store.backends.contract import BackendContract

DAY = timedelta(days=1)
# Not before the store's own clock, and short enough that what tests leave behind can be deleted one day.
SOON = datetime.now(UTC).replace(microsecond=0) + DAY
GOVERNANCE, COMPLIANCE = LockMode.GOVERNANCE, LockMode.COMPLIANCE


def only(backend: LockingBackend, name: str) -> Version:
    (version,) = backend.versions_of(name)
    return version


class LockingContract(BackendContract):
    @abstractmethod
    def make(self, folder: Path) -> LockingBackend: ...

    @pytest.fixture
    def backend(self, tmp_path: Path) -> LockingBackend:
        return self.make(tmp_path)

    def test_it_can_lock(self, backend: LockingBackend) -> None:
        assert backend.can_lock

    @pytest.mark.parametrize("mode", LockMode)
    def test_what_is_put_locked_cannot_be_deleted(self, backend: LockingBackend, mode: LockMode) -> None:
        backend.put_locked("packs/a", [b"one ", b"two"], Retention(mode, SOON))
        version = only(backend, "packs/a")
        assert backend.retention(version) == Retention(mode, SOON)
        with pytest.raises(ObjectLocked):
            backend.delete("packs/a")
        with pytest.raises(ObjectLocked):
            backend.delete_version(version)
        assert backend.get("packs/a") == backend.get_version(version) == b"one two"
        assert [info.name for info in backend.list("packs/")] == ["packs/a"]

    def test_a_locked_object_is_never_replaced(self, backend: LockingBackend) -> None:
        retention = Retention(GOVERNANCE, SOON)
        backend.put_locked("points/p", [b"first"], retention)
        for put in (
            lambda: backend.put("points/p", [b"second"]),
            lambda: backend.put_locked("points/p", [b"second"], retention),
        ):
            with pytest.raises(ObjectExists):
                put()
        assert backend.get("points/p") == b"first"

    def test_what_is_not_locked_can_be_deleted_and_locked_later(self, backend: LockingBackend) -> None:
        backend.put("packs/a", [b"x"])
        backend.put("packs/b", [b"x"])
        assert backend.retention(only(backend, "packs/a")) is None
        backend.delete("packs/a")
        assert backend.versions_of("packs/a") == []
        backend.retain(only(backend, "packs/b"), Retention(GOVERNANCE, SOON))
        with pytest.raises(ObjectLocked):
            backend.delete("packs/b")

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            (Retention(GOVERNANCE, SOON + DAY), Retention(GOVERNANCE, SOON + DAY)),
            (Retention(GOVERNANCE, SOON - DAY / 2), Retention(GOVERNANCE, SOON)),
            (Retention(COMPLIANCE, SOON), Retention(COMPLIANCE, SOON)),
            (Retention(COMPLIANCE, SOON - DAY / 2), Retention(COMPLIANCE, SOON)),
        ],
        ids=["longer", "shorter", "firmer", "firmer and shorter"],
    )
    def test_retention_only_grows(
        self, backend: LockingBackend, asked: Retention, expected: Retention
    ) -> None:
        backend.put_locked("packs/a", [b"x"], Retention(GOVERNANCE, SOON))
        version = only(backend, "packs/a")
        backend.retain(version, asked)
        assert backend.retention(version) == expected

    def test_compliance_is_never_governance_again(self, backend: LockingBackend) -> None:
        backend.put_locked("packs/a", [b"x"], Retention(COMPLIANCE, SOON))
        version = only(backend, "packs/a")
        backend.retain(version, Retention(GOVERNANCE, SOON + DAY))
        assert backend.retention(version) == Retention(COMPLIANCE, SOON + DAY)

    def test_a_legal_hold_keeps_an_object_until_it_is_taken_off(self, backend: LockingBackend) -> None:
        backend.put("packs/a", [b"x"])
        version = only(backend, "packs/a")
        assert not backend.is_held(version)
        backend.hold(version, is_held=True)
        backend.hold(version, is_held=True)
        assert backend.is_held(version)
        with pytest.raises(ObjectLocked):
            backend.delete("packs/a")
        backend.hold(version, is_held=False)
        backend.hold(version, is_held=False)
        assert not backend.is_held(version)
        backend.delete("packs/a")
        assert list(backend.versions("packs/")) == []

    def test_a_part_of_a_version_is_got(self, backend: LockingBackend) -> None:
        backend.put("packs/a", [b"0123456789"])
        version = only(backend, "packs/a")
        assert backend.get_version(version, offset=3, length=4) == b"3456"
        assert backend.get_version(version, offset=-3) == b"789"
        assert backend.get_version(version, offset=2, length=0) == b""

    def test_what_is_not_there_has_no_lock(self, backend: LockingBackend) -> None:
        backend.put("packs/a", [b"x"])
        version = only(backend, "packs/a")
        backend.delete("packs/a")
        backend.delete_version(version)
        for call in (
            lambda: backend.get_version(version),
            lambda: backend.retention(version),
            lambda: backend.retain(version, Retention(GOVERNANCE, SOON)),
            lambda: backend.hold(version, is_held=True),
        ):
            with pytest.raises(ObjectMissing):
                call()

    def test_versions_come_in_name_order_with_sizes(self, backend: LockingBackend) -> None:
        for name in ("packs/c", "packs/a", "points/p", "packs/b"):
            backend.put(name, [name.encode()])
        found = list(backend.versions("packs/"))
        assert [(v.name, v.size_bytes, v.is_marker) for v in found] == [
            ("packs/a", 7, False),
            ("packs/b", 7, False),
            ("packs/c", 7, False),
        ]
