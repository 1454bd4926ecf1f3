"""When a delivery that failed is tried again, and what may be a target."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from safehold.core.errors import ConfigError
from safehold.domain.event_delivery import GIVEN_UP_AFTER, Target, TargetKind, next_attempt, targets_of

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "draw", "seconds"),
    [(1, 0.0, 5), (1, 1.0, 6.25), (2, 0.0, 10), (5, 0.0, 80), (11, 0.0, 3600), (5000, 0.0, 3600)],
)
def test_pauses_double_up_to_an_hour(attempts: int, draw: float, seconds: float) -> None:
    due = next_attempt(attempts=attempts, since=NOW, now=NOW, draw=draw)
    assert due == NOW + timedelta(seconds=seconds)


def test_a_delivery_is_dead_after_a_day() -> None:
    assert next_attempt(attempts=9, since=NOW - GIVEN_UP_AFTER, now=NOW, draw=0) is None
    almost = NOW - GIVEN_UP_AFTER + timedelta(seconds=1)
    assert next_attempt(attempts=9, since=almost, now=NOW, draw=0) is not None


def test_targets_are_urls_with_blanks_between() -> None:
    assert targets_of("", " ") == ()
    assert targets_of("http://a/x  https://b", "https://q/1/name") == (
        Target(TargetKind.WEBHOOK, "http://a/x"),
        Target(TargetKind.WEBHOOK, "https://b"),
        Target(TargetKind.QUEUE, "https://q/1/name"),
    )


@pytest.mark.parametrize("wrong", ["localhost:80", "ftp://a", "http://", "http://a http://a"])
def test_what_is_no_url_or_stands_twice_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError):
        targets_of(wrong, "")
