"""The one thing that SQLite and PostgreSQL spell alike but SQLAlchemy keeps apart: INSERT ... ON CONFLICT."""

from __future__ import annotations

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from safehold.records.tx import Tx


def insert_into(tx: Tx, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)
