"""The migrations make what tables.py says, on both databases, whoever runs them at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import safehold.records
from safehold.core.errors import CatalogVersionError
from safehold.records import schema, tables
from safehold.records.engine import Catalog


def test_the_migrations_make_what_the_tables_say(catalog: Catalog) -> None:
    with catalog.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
        inspector = inspect(connection)
        for table in tables.metadata.sorted_tables:  # what that comparison leaves out
            key = inspector.get_pk_constraint(table.name)["constrained_columns"]
            assert key == [column.name for column in table.primary_key]
            columns = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
            assert columns == {column.name: column.nullable for column in table.columns}


def test_the_newest_revision_is_the_one_the_program_knows() -> None:
    folder = Path(safehold.records.__file__).with_name("migrations")
    assert ScriptDirectory(str(folder)).get_current_head() == schema.HEAD


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_several_may_upgrade_an_empty_catalog_at_once(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = (
        f"sqlite:///{tmp_path}/catalog.db"
        if database == "sqlite"
        else str(request.getfixturevalue("postgres_url"))
    )
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(_upgrade, url) for _ in range(4)]:
            done.result()


def _upgrade(url: str) -> None:
    catalog = Catalog(url)
    schema.upgrade(catalog)
    schema.check(catalog)
    catalog.close()


def test_an_upgraded_catalog_takes_no_time(catalog: Catalog) -> None:
    start = time.monotonic()
    schema.upgrade(catalog)
    assert time.monotonic() - start < 0.5


def test_a_newer_catalog_is_left_alone(catalog: Catalog) -> None:
    with catalog.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CatalogVersionError):
        schema.check(catalog)
    with pytest.raises(CatalogVersionError):
        schema.upgrade(catalog)
    with catalog.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": schema.HEAD})


def test_an_empty_catalog_is_not_ready_to_be_read(tmp_path: Path) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path}/catalog.db")
    with pytest.raises(CatalogVersionError):
        schema.check(catalog)
    catalog.close()
