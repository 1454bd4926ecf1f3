"""Open the catalog: SQLite for one machine, PostgreSQL when it is outgrown; chosen by URL alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecoder
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from safehold.core.errors import CatalogUnavailable
from safehold.records.tx import Tx

_DECODER = JSONDecoder()
BUSY_TIMEOUT_MS = 30_000  # longer than any write transaction here lasts, even on a crowded disk


class Catalog:
    """The catalog's engine. Threads may share it; each transaction has a connection of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.engine = (
            _sqlite_engine(url)
            if self.is_sqlite
            else create_engine(
                url, pool_pre_ping=True, pool_size=10, hide_parameters=True, json_deserializer=_read_json
            )
        )

    @contextmanager
    def begin(self) -> Iterator[Tx]:
        """One read-write transaction: committed when the block ends, rolled back when it raises.

        Raises CatalogUnavailable.
        """
        with _converted(), self.engine.begin() as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """One read-only snapshot; on SQLite it never waits for a writer. Raises CatalogUnavailable."""
        with _converted(), self.engine.connect() as connection:
            options = {"read_only": True} if self.is_sqlite else {"postgresql_readonly": True}
            with connection.execution_options(**options).begin():
                yield connection

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _converted() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise CatalogUnavailable("the catalog does not answer", detail=str(error.orig)) from error


def _read_json(text: str | bytes) -> Any:
    """As `json.loads`, without asking of each column of each row in which encoding it is: ours is UTF-8.

    Raises TypeError for a number, as that does: SQLite keeps a document that is one as such, and SQLAlchemy
    takes it then as it is.
    """
    return _DECODER.decode(text.decode() if isinstance(text, bytes) else text)


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
        hide_parameters=True,
        json_deserializer=_read_json,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        del record
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Tx) -> None:
        # RACE: a deferred transaction that writes late fails with "database is locked" without waiting;
        # taking the write lock at once makes it wait its turn instead.
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
