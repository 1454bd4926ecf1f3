"""One service for all journeys of a process, and a small tree to protect."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.service import Service, serving


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service on its embedded databases. Journeys share it: each names its own things."""
    with serving(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files of every size, folders, links, and a name that is not text."""
    root = tmp_path / "tree"
    (root / "letters" / "old").mkdir(parents=True)
    for number in range(20):
        (root / "letters" / f"{number}.txt").write_text(f"letter {number}\n" * number)
    (root / "photo.raw").write_bytes(os.urandom(3 << 20))
    (root / "latest").symlink_to("letters/19.txt")
    os.link(root / "photo.raw", root / "letters" / "photo.raw")
    with open(os.fsencode(root) + b"/caf\xe9", "wb") as file:
        file.write(b"not UTF-8")
    (root / "letters" / "1.txt").chmod(0o600)
    os.utime(root / "letters" / "1.txt", ns=(1, 1_234_567_890_123_456_789))
    return root
