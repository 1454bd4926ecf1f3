"""A catalog for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.records import tables
from safehold.records.engine import Catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(f"sqlite:///{tmp_path}/catalog.db")
    tables.metadata.create_all(opened.engine)
    yield opened
    opened.close()
