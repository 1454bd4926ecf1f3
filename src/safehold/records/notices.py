"""How a process learns that there are new jobs without asking: PostgreSQL tells all who listen."""

from __future__ import annotations

import psycopg

from safehold.core.errors import CatalogUnavailable
from safehold.records.jobs import CHANNEL


class Notices:
    """A connection that listens for `jobs.announce`. For one thread."""

    def __init__(self, catalog_url: str) -> None:
        self._url = catalog_url.replace("postgresql+psycopg://", "postgresql://")
        self._connection: psycopg.Connection | None = None

    def wait(self, seconds: float) -> bool:
        """True at a notice, and at the first call, since what came before is found by looking; else False.

        Raises CatalogUnavailable; the next call connects anew.
        """
        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._url, autocommit=True)
                self._connection.execute(f"LISTEN {CHANNEL}")
                return True
            return bool(list(self._connection.notifies(timeout=seconds, stop_after=1)))
        except psycopg.OperationalError as error:
            self.close()
            raise CatalogUnavailable("no notices of new jobs", detail=str(error)) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
