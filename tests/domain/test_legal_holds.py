"""What a legal hold covers, and how it is let go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from safehold.core.errors import InvalidParameterValue, InvalidResourceState
from safehold.domain.legal_holds import HoldStatus, LegalHold, Scope, canceling, check_range, end_of, scopes

NOW = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)
HOLD = LegalHold("h", "arn:h", "1" * 12, "s", "case", "17/2030", HoldStatus.ACTIVE, NOW)


def test_a_hold_is_the_sum_of_its_vaults_and_resources_and_without_any_of_everything() -> None:
    assert scopes(HOLD, {}) == [Scope(None, None, None, None)]
    both = replace(HOLD, vault_names=("a",), resource_arns=("arn:r",), from_at=NOW)
    assert scopes(both, {"a": "v-1"}) == [Scope("v-1", None, NOW, None), Scope(None, "arn:r", NOW, None)]


@pytest.mark.parametrize(
    ("to_at", "before"),
    [
        pytest.param(None, None, id="no end"),
        pytest.param(
            datetime(2030, 1, 31, tzinfo=UTC), datetime(2030, 2, 1, tzinfo=UTC), id="a date: all of it"
        ),
        pytest.param(NOW, NOW + timedelta(microseconds=1), id="a moment: that moment, too"),
    ],
)
def test_the_end_of_a_range_is_part_of_it(to_at: datetime | None, before: datetime | None) -> None:
    assert end_of(to_at) == before


def test_a_range_ends_after_it_begins() -> None:
    check_range(NOW, NOW)
    check_range(None, NOW)
    with pytest.raises(InvalidParameterValue):
        check_range(NOW, NOW - DAY)


@pytest.mark.parametrize(("days", "kept_days"), [(None, 180), (0, 0), (36_500, 36_500)])
def test_the_record_of_a_hold_outlives_it(days: int | None, kept_days: int) -> None:
    going = canceling(HOLD, "over", days, NOW)
    assert (going.status, going.cancel_description, going.canceled_at) == ("CANCELING", "over", NOW)
    assert going.retain_until == NOW + kept_days * DAY


@pytest.mark.parametrize("days", [-1, 36_501])
def test_a_record_is_kept_for_a_number_of_days(days: int) -> None:
    with pytest.raises(InvalidParameterValue):
        canceling(HOLD, "over", days, NOW)


@pytest.mark.parametrize("status", [HoldStatus.CANCELING, HoldStatus.CANCELED])
def test_a_hold_is_let_go_once(status: HoldStatus) -> None:
    with pytest.raises(InvalidResourceState):
        canceling(replace(HOLD, status=status), "over", None, NOW)
