"""Where SQLite and PostgreSQL differ, or SQLAlchemy keeps apart what both spell alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Table, text
from sqlalchemy.dialects import postgresql, sqlite

from safehold.records.tx import Tx

_IN_AT_MOST = 500


def insert_into(tx: Tx, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)


def insert_if_new(tx: Tx, table: Table, values: Mapping[str, Any]) -> bool:
    """Store a row; False, and nothing done, when a unique key of the table has it already.

    The row itself answers: psycopg's count of inserted rows does not come through.
    """
    key = next(iter(table.primary_key))
    query = insert_into(tx, table).values(values).on_conflict_do_nothing().returning(key)
    return tx.execute(query).first() is not None


def put_row(tx: Tx, table: Table, values: Mapping[str, Any]) -> None:
    """Store a row, or give the one of that primary key these values; columns that are not named stay."""
    key = [column.name for column in table.primary_key]
    query = insert_into(tx, table).values(values)
    tx.execute(query.on_conflict_do_update(index_elements=key, set_=dict(values)))


def in_batches(values: Iterable[str]) -> Iterator[list[str]]:
    """Each value once, in lists that an `IN` may have: SQLite has a limit on variables."""
    every = list(dict.fromkeys(values))
    for start in range(0, len(every), _IN_AT_MOST):
        yield every[start : start + _IN_AT_MOST]


def take_turns(tx: Tx, what: str) -> None:
    """Until this transaction ends, no other one that asks for the same thing goes beyond this line.

    SQLite has one writer at a time anyway; PostgreSQL is asked for a lock of that name.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": what})
