"""How a process learns that a SQLite file was written to, by whomever: a look at the file's own count."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress

LOOK_SECONDS = 0.03  # one look costs some microseconds, where a query would cost a hundred times that


def file_of(url: str) -> str | None:
    """The path in a `sqlite:///` URL; None for a server's."""
    return url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else None


class Changes:
    """For one thread, the one that looks first. The file must be there."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None

    def are_there(self) -> bool:
        """Was something committed since the last call? True at the first one, and when it cannot be said."""
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(self._path, isolation_level=None)
            # Source: sqlite.org/pragma.html#pragma_data_version
            version = int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error:
            self.close()
            return True
        before, self._version = self._version, version
        return version != before

    def wait(self, stopping: threading.Event, *, at_most: float) -> None:
        """Return when something was committed, after so many seconds, or when stopping."""
        waited = 0.0
        while waited < at_most and not stopping.wait(LOOK_SECONDS):
            if self.are_there():
                return
            waited += LOOK_SECONDS

    def close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = self._version = None
