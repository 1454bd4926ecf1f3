"""Going on through a database that is away for a moment: wait and try again, until it is back or we stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from safehold.core import log
from safehold.core.errors import CatalogUnavailable

T = TypeVar("T")
_log = log.get(__name__)

FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0


class Interrupted(BaseException):
    """This attempt ends here and the job goes on elsewhere: the worker stops, or has lost the job.

    Not an Exception: a runner that collects the troubles of single items must not take this for one.
    """


class Parked(BaseException):
    """This attempt ends here and the job waits, held by nobody, for `seconds`: for something outside.

    Not an Exception, as `Interrupted`. message: for the one who asked, what it waits for
    """

    def __init__(self, seconds: float, message: str) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.message = message


def patiently(work: Callable[[], T], *, stopping: threading.Event) -> T:
    """The result of `work`, a transaction that may run more than once. Raises Interrupted when stopping."""
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            return work()
        except CatalogUnavailable as error:
            _log.warning("the catalog does not answer, trying again", extra={"error": error.detail})
        if stopping.wait(wait):
            raise Interrupted("the worker stops while the catalog is away")
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)
