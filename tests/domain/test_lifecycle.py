"""How long a recovery point is kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from safehold.domain.lifecycle import Lifecycle, lifecycle_fault, retention_days

CREATED = datetime(2030, 1, 1, 5, tzinfo=UTC)

FAULTS = {
    "nothing said": (Lifecycle(), None),
    "one day": (Lifecycle(delete_after_days=1), None),
    "the longest": (Lifecycle(delete_after_days=36_500), None),
    "no day": (Lifecycle(delete_after_days=0), "DeleteAfterDays cannot be less than 1 or more than 36500"),
    "too long": (Lifecycle(delete_after_days=36_501), "DeleteAfterDays cannot be less than 1"),
    "always, but no copy": (Lifecycle(delete_after_days=-1), "DeleteAfterDays cannot be less than 1"),
    "cold for ever": (Lifecycle(move_to_cold_storage_after_days=1), None),
    "cold at once": (Lifecycle(move_to_cold_storage_after_days=0), "MoveToColdStorageAfterDays cannot be"),
    "ninety days in the cold": (Lifecycle(10, 100), None),
    "eighty-nine days in the cold": (Lifecycle(10, 99), "less than 90 days apart from MoveToColdStorage"),
}


@pytest.mark.parametrize(("lifecycle", "fault"), FAULTS.values(), ids=FAULTS)
def test_lifecycles_that_are_refused(lifecycle: Lifecycle, fault: str | None) -> None:
    found = lifecycle_fault(lifecycle)
    assert found is None if fault is None else fault in (found or "")


def test_a_copy_may_say_always() -> None:
    assert lifecycle_fault(Lifecycle(delete_after_days=-1), may_be_always=True) is None


def test_both_clocks_count_from_creation() -> None:
    lifecycle = Lifecycle(move_to_cold_storage_after_days=10, delete_after_days=100)
    assert lifecycle.move_at(CREATED) == datetime(2030, 1, 11, 5, tzinfo=UTC)
    assert lifecycle.delete_at(CREATED) == datetime(2030, 4, 11, 5, tzinfo=UTC)


def test_without_days_nothing_ever_happens() -> None:
    assert Lifecycle().delete_at(CREATED) is None
    assert Lifecycle(delete_after_days=-1).delete_at(CREATED) is None


def test_for_ever_is_longer_than_any_number_of_days() -> None:
    assert retention_days(None) > retention_days(Lifecycle(delete_after_days=36_500)) > 1
