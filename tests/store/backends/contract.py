"""What every backend promises, as tests. A backend's own test file inherits them and says how to make one."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from safehold.core.errors import ObjectExists, ObjectMissing
from safehold.store.backends.contract import Backend, ObjectInfo


class BackendContract(ABC):
    @abstractmethod
    def make(self, folder: Path) -> Backend:
        """A new, empty backend; `folder` is there and empty."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        return self.make(tmp_path)

    def test_what_was_put_is_got(self, backend: Backend) -> None:
        backend.put("packs/a", [b"one ", bytearray(b"two "), memoryview(b"three")])
        assert backend.get("packs/a") == b"one two three"
        assert backend.size("packs/a") == 13

    @pytest.mark.parametrize("parts", [[], [b""], [b"", b"x", b""]], ids=["none", "empty", "around"])
    def test_empty_parts_are_nothing(self, backend: Backend, parts: list[bytes]) -> None:
        backend.put("packs/a", parts)
        assert backend.get("packs/a") == b"".join(parts)

    def test_thousands_of_parts_are_one_object(self, backend: Backend) -> None:
        parts = [b"%d," % number for number in range(5000)]
        backend.put("packs/a", parts)
        assert backend.get("packs/a") == b"".join(parts)

    @pytest.mark.parametrize(
        ("offset", "length", "expected"),
        [
            (0, None, b"0123456789"),
            (3, None, b"3456789"),
            (3, 4, b"3456"),
            (8, 4, b"89"),
            (10, 4, b""),
            (99, 4, b""),
            (0, 0, b""),
            (-3, None, b"789"),
            (-3, 2, b"78"),
            (-99, None, b"0123456789"),
            (-99, 2, b"01"),
        ],
    )
    def test_a_part_is_got(self, backend: Backend, offset: int, length: int | None, expected: bytes) -> None:
        backend.put("packs/a", [b"0123456789"])
        assert backend.get("packs/a", offset=offset, length=length) == expected

    def test_what_is_not_there_is_missing(self, backend: Backend) -> None:
        backend.put("packs/a", [b"x"])
        for name in ("packs/b", "points/p", "amendments/p/00000001"):
            with pytest.raises(ObjectMissing):
                backend.get(name)
            with pytest.raises(ObjectMissing):
                backend.size(name)

    def test_an_object_that_is_there_is_never_replaced(self, backend: Backend) -> None:
        backend.put("points/p", [b"first"])
        with pytest.raises(ObjectExists):
            backend.put("points/p", [b"second, and longer"])
        assert backend.get("points/p") == b"first"

    def test_one_of_many_writers_of_a_name_wins(self, backend: Backend) -> None:
        outcomes: list[bytes] = []
        start = threading.Barrier(8)

        def write(mine: bytes) -> None:
            start.wait()
            try:
                backend.put("points/p", [mine * 1000])
                outcomes.append(mine)
            except ObjectExists:
                pass

        threads = [threading.Thread(target=write, args=(b"%d" % number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 1
        assert backend.get("points/p") == outcomes[0] * 1000

    def test_a_folder_is_listed_in_name_order_with_sizes(self, backend: Backend) -> None:
        for name in ("packs/c", "packs/a", "packsy/x", "packs/b", "points/p"):
            backend.put(name, [name.encode()])
        assert list(backend.list("packs/")) == [
            ObjectInfo("packs/a", 7),
            ObjectInfo("packs/b", 7),
            ObjectInfo("packs/c", 7),
        ]

    def test_folders_below_are_listed_too(self, backend: Backend) -> None:
        for name in ("amendments/q/1", "amendments/p/2", "amendments/p/1"):
            backend.put(name, [b""])
        everything = ["amendments/p/1", "amendments/p/2", "amendments/q/1"]
        assert [info.name for info in backend.list("amendments/")] == everything
        assert [info.name for info in backend.list("amendments/p/")] == everything[:2]
        assert [info.name for info in backend.list("")] == everything

    def test_a_folder_without_objects_is_empty(self, backend: Backend) -> None:
        assert list(backend.list("packs/")) == []
        assert list(backend.list("amendments/p/")) == []

    def test_what_was_deleted_is_gone_and_may_be_deleted_again(self, backend: Backend) -> None:
        backend.put("packs/a", [b"x"])
        backend.delete("packs/a")
        backend.delete("packs/a")
        backend.delete("points/never")
        assert list(backend.list("packs/")) == []
        with pytest.raises(ObjectMissing):
            backend.get("packs/a")
