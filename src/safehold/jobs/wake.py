"""How a worker learns of new jobs: PostgreSQL tells it; a SQLite file is looked at often, at little cost."""

from __future__ import annotations

import threading

import psycopg

from safehold.core import log
from safehold.records.jobs import CHANNEL

_log = log.get(__name__)

SQLITE_SECONDS = 0.2
POSTGRES_SECONDS = 5.0  # the fallback, should a notification be lost with its connection


class Wakeup:
    """Waits for new jobs on a catalog. One thread waits; any may stop it."""

    def __init__(self, catalog_url: str, stopping: threading.Event) -> None:
        self._url = catalog_url.replace("postgresql+psycopg://", "postgresql://")
        self._stopping = stopping
        self._connection: psycopg.Connection | None = None

    def wait(self) -> None:
        """Return when there may be something new, or when it is time to look anyway, or when stopping."""
        if self._url.startswith("sqlite"):
            self._stopping.wait(SQLITE_SECONDS)
            return
        try:
            self._wait_for_notification()
        except psycopg.Error as error:
            _log.warning("lost the connection that tells of new jobs", extra={"error": str(error)})
            self.close()
            self._stopping.wait(1.0)

    def _wait_for_notification(self) -> None:
        if self._connection is None:
            self._connection = psycopg.connect(self._url, autocommit=True)
            self._connection.execute(f"LISTEN {CHANNEL}")
            return  # what came before we listened is found by looking now
        waited = 0.0
        while waited < POSTGRES_SECONDS and not self._stopping.is_set():
            if list(self._connection.notifies(timeout=0.5, stop_after=1)):
                return
            waited += 0.5

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
