"""Where events go, and when a delivery that failed is tried again. Pure.

Source: EventBridge user guide, "Retry policy": for a day, with growing pauses; then to a dead letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from safehold.core.errors import ConfigError

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(hours=24)


class TargetKind(StrEnum):
    WEBHOOK = "webhook"
    QUEUE = "queue"


class DeliveryState(StrEnum):
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"


@dataclass(frozen=True, slots=True)
class Target:
    """url is also its name: where it changes, what is pending for the old one waits for that."""

    kind: TargetKind
    url: str


def targets_of(webhooks: str, queues: str) -> tuple[Target, ...]:
    """Targets as `safehold.toml` lists them, URLs with blanks between. Raises ConfigError."""
    found = [Target(TargetKind.WEBHOOK, url) for url in webhooks.split()]
    found += [Target(TargetKind.QUEUE, url) for url in queues.split()]
    for target in found:
        parts = urlsplit(target.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"events cannot be sent to {target.url!r}: it is no http:// or https:// URL")
    if len({target.url for target in found}) < len(found):
        raise ConfigError("a URL for events is listed twice")
    return tuple(found)


def next_attempt(*, attempts: int, since: datetime, now: datetime, draw: float) -> datetime | None:
    """When to try again after `attempts` that failed; None: never, it is dead.

    since  when the event was first due to be sent
    draw   of [0, 1): spreads what failed together, up to a quarter of the pause
    """
    if now - since >= GIVEN_UP_AFTER:
        return None
    doublings = max(0, min(attempts - 1, 20))  # beyond that the longest pause holds anyway
    pause = min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)
    return now + pause * (1 + draw / 4)
