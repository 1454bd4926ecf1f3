"""The catalog's engine keeps to itself what only its keepers should see."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from safehold.core.errors import CatalogUnavailable
from safehold.records.engine import Catalog
from safehold.records.notices import Notices


def test_a_failing_statement_does_not_tell_its_values(catalog: Catalog) -> None:
    with pytest.raises((DBAPIError, CatalogUnavailable)) as raised, catalog.begin() as tx:
        tx.execute(text("INSERT INTO nowhere VALUES (:value)"), {"value": "confidential"})
    cause = raised.value if isinstance(raised.value, DBAPIError) else raised.value.__cause__
    assert "nowhere" in str(cause)
    assert "confidential" not in str(cause)


def test_a_catalog_that_does_not_answer_is_not_described_to_callers() -> None:
    url = "postgresql+psycopg://someone@127.0.0.1:1/somewhere"
    catalog = Catalog(url)
    with pytest.raises(CatalogUnavailable) as raised, catalog.begin():
        pass
    catalog.close()
    with pytest.raises(CatalogUnavailable) as listening:
        Notices(url).wait(0.1)
    for error in (raised.value, listening.value):
        assert "127.0.0.1" not in f"{error} {error.hint}"
        assert "127.0.0.1" in error.detail
