"""The only door to time. Everything else takes `now` as an argument."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import available_timezones

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOCALTIME = Path("/etc/localtime")


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly; `moment` is aware."""
    return (moment - EPOCH) // timedelta(microseconds=1)


class Clock(Protocol):
    def now(self) -> datetime:
        """The present moment, aware, UTC, to the microsecond."""

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean anything."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class FixedClock:
    """A clock that moves only when told; for tests of everything that depends on time."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


def local_zone_name() -> str:
    """The IANA name of this machine's time zone; `Etc/UTC` when nothing says it.

    Source: localtime(5), tzset(3).
    """
    named = os.environ.get("TZ", "").removeprefix(":") or str(LOCALTIME.resolve()).partition("/zoneinfo/")[2]
    return named if named in available_timezones() else "Etc/UTC"
