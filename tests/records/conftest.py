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


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    """A catalog on SQLite, then one on PostgreSQL: for statements where the two might differ."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/catalog.db" if is_sqlite else request.getfixturevalue("postgres_url")
    opened = Catalog(url)
    tables.metadata.create_all(opened.engine)
    yield opened
    opened.close()
