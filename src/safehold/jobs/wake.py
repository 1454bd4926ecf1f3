"""When to look for new jobs: PostgreSQL tells us; of a SQLite file it is seen that it was written to."""

from __future__ import annotations

import threading

from safehold.core import log
from safehold.core.errors import CatalogUnavailable
from safehold.records.changes import Changes, file_of
from safehold.records.notices import Notices

_log = log.get(__name__)

SQLITE_SECONDS = 1.0  # the fallback, should a change not be seen
POSTGRES_SECONDS = 5.0  # the fallback, should a notice be lost with its connection
NOTICE_SECONDS = 0.5  # how soon a waiting thread sees that it should stop


class Wakeup:
    """Waits for new jobs on a catalog. One thread waits; any may stop it."""

    def __init__(self, catalog_url: str, stopping: threading.Event) -> None:
        self._stopping = stopping
        path = file_of(catalog_url)
        self._changes = None if path is None else Changes(path)
        self._notices = Notices(catalog_url)

    def wait(self) -> None:
        """Return when there may be something new, when it is time to look anyway, or when stopping."""
        if self._changes is not None:
            self._changes.wait(self._stopping, at_most=SQLITE_SECONDS)
            return
        try:
            self._listen(self._notices)
        except CatalogUnavailable as error:
            _log.warning("notices of new jobs are interrupted", extra={"error": error.detail})
            self._stopping.wait(1.0)

    def close(self) -> None:
        """Give the connection back."""
        self._notices.close()
        if self._changes is not None:
            self._changes.close()

    def _listen(self, notices: Notices) -> None:
        waited = 0.0
        while waited < POSTGRES_SECONDS and not self._stopping.is_set():
            if notices.wait(NOTICE_SECONDS):
                return
            waited += NOTICE_SECONDS
