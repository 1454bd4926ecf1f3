"""Brings a catalog's tables to this program's version, or says that they are of another."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect, text

from safehold.core.errors import CatalogVersionError
from safehold.records import (  # noqa: F401  their tables are known by importing them
    tables_audit,
    tables_restore_testing,
    tables_search,
)
from safehold.records.dialect import take_turns
from safehold.records.engine import Catalog
from safehold.records.tx import Tx

HEAD = "0016"  # the newest revision in records/migrations/versions


def upgrade(catalog: Catalog) -> None:
    """The catalog has this program's tables. Several processes may call it at once: one of them does it.

    Costs two small queries when there is nothing to do: Alembic is imported only when there is.
    Raises CatalogVersionError when a newer program has made the catalog.
    """
    with catalog.read() as tx:
        if version(tx) == HEAD:
            return
    with catalog.begin() as tx:
        take_turns(tx, "safehold schema")
        if version(tx) != HEAD:
            _migrate(tx)


def check(catalog: Catalog) -> None:
    """For those who only read: raises CatalogVersionError unless the catalog has this program's tables."""
    with catalog.read() as tx:
        found = version(tx)
    if found != HEAD:
        raise CatalogVersionError(found, HEAD)


def version(tx: Tx) -> str | None:
    """The revision that the catalog is at; None for an empty one."""
    if not inspect(tx).has_table("alembic_version"):
        return None
    return tx.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _migrate(tx: Tx) -> None:
    from alembic import command  # imported late: it takes a quarter of a second
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = tx
    found = version(tx)
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise CatalogVersionError(found, HEAD) from error
