"""The catalogs of this room's tests; see tests/fixtures/catalog.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from safehold.records.engine import Catalog


@pytest.fixture
def any_catalog(catalog_url: str) -> Iterator[Catalog]:
    """A catalog on SQLite, then on PostgreSQL, for files whose own `catalog` is one with rows in it."""
    opened = Catalog(catalog_url)
    yield opened
    opened.close()
