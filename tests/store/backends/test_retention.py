from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from safehold.store.backends.contract import LockMode, Retention
from safehold.store.backends.retention import (
    from_facts,
    generation_end,
    is_enough,
    strongest,
    to_extend,
    to_facts,
)

GOVERNANCE, COMPLIANCE = LockMode.GOVERNANCE, LockMode.COMPLIANCE
DAY = timedelta(days=1)
THEN = datetime(2030, 1, 1, tzinfo=UTC)


def kept(mode: LockMode, days: float) -> Retention:
    return Retention(mode, THEN + days * DAY)


@pytest.mark.parametrize("offset_days", range(0, 40, 3))
def test_a_date_is_rounded_up_by_less_than_a_generation(offset_days: int) -> None:
    until = THEN + timedelta(days=offset_days, hours=7, microseconds=1)
    end = generation_end(until)
    assert timedelta(0) <= end - until < 10 * DAY
    assert generation_end(end) == end
    assert generation_end(end + timedelta(microseconds=1)) == end + 10 * DAY


def test_points_of_ten_days_share_at_most_two_dates() -> None:
    ends = {generation_end(THEN + n * DAY) for n in range(10)}
    assert len(ends) <= 2


@pytest.mark.parametrize(
    ("present", "needed", "expected"),
    [
        (None, kept(GOVERNANCE, 1), False),
        (kept(GOVERNANCE, 1), kept(GOVERNANCE, 1), True),
        (kept(GOVERNANCE, 2), kept(GOVERNANCE, 1), True),
        (kept(GOVERNANCE, 1), kept(GOVERNANCE, 2), False),
        (kept(COMPLIANCE, 1), kept(GOVERNANCE, 1), True),
        (kept(GOVERNANCE, 9), kept(COMPLIANCE, 1), False),
        (kept(COMPLIANCE, 1), kept(COMPLIANCE, 2), False),
    ],
)
def test_an_object_is_kept_enough_when_long_and_firmly_enough(
    present: Retention | None, needed: Retention, expected: bool
) -> None:
    assert is_enough(present, needed) is expected


@pytest.mark.parametrize("present", [None, *(kept(mode, n) for mode in LockMode for n in (1, 5))])
@pytest.mark.parametrize("needed", [kept(mode, n) for mode in LockMode for n in (1, 3)])
def test_what_is_set_gives_up_neither_what_was_there_nor_what_is_needed(
    present: Retention | None, needed: Retention
) -> None:
    new = strongest(present, needed)
    assert is_enough(new, needed)
    assert present is None or is_enough(new, present)


def test_only_what_lacks_something_is_extended() -> None:
    needed = kept(COMPLIANCE, 5)
    present = {"c": None, "a": kept(GOVERNANCE, 9), "b": kept(COMPLIANCE, 5), "d": kept(COMPLIANCE, 4)}
    assert to_extend(needed, present) == ["a", "c", "d"]


def test_a_record_tells_what_its_objects_carry() -> None:
    assert from_facts(to_facts(kept(COMPLIANCE, 3)) | {"other": "fact"}) == kept(COMPLIANCE, 3)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"locked_until": "2030-01-01T00:00:00+00:00"},
        {"locked_until": "soon", "lock_mode": "COMPLIANCE"},
        {"locked_until": "2030-01-01T00:00:00", "lock_mode": "COMPLIANCE"},
        {"locked_until": "2030-01-01T00:00:00+00:00", "lock_mode": "FOREVER"},
    ],
)
def test_what_a_record_does_not_tell_clearly_counts_for_nothing(facts: dict[str, str]) -> None:
    assert from_facts(facts) is None
