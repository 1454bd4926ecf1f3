"""What a vault lock forbids, and until when it keeps points: the rules as tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from safehold.core.errors import InvalidParameterValue, InvalidRequest
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.locking import (
    LockStage,
    WantedLock,
    check_may_lock,
    check_point,
    is_in_range,
    is_kept_too_short,
    kept_until,
    locked,
    may_expire,
    stage,
    unlocked,
)
from safehold.domain.vaults import Vault, VaultType

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
OPEN = Vault("v", "1" * 12, "s", "main", "arn:v", "arn:key", NOW)
GOVERNANCE = replace(OPEN, is_locked=True, min_retention_days=7, max_retention_days=30)
COOLING = replace(GOVERNANCE, lock_date=NOW + 3 * DAY)
FINAL = replace(GOVERNANCE, lock_date=NOW)
SEEN_FINAL = replace(COOLING, lock_is_final=True)  # the clock was put back after the date had passed
AIR_GAPPED = replace(FINAL, vault_type=VaultType.AIR_GAPPED)


@pytest.mark.parametrize(
    ("vault", "expected"),
    [
        pytest.param(OPEN, LockStage.OPEN, id="never locked"),
        pytest.param(GOVERNANCE, LockStage.GOVERNANCE, id="without a date"),
        pytest.param(COOLING, LockStage.COOLING, id="before its date"),
        pytest.param(FINAL, LockStage.FINAL, id="at its date"),
        pytest.param(SEEN_FINAL, LockStage.FINAL, id="clock put back"),
    ],
)
def test_how_firmly_a_vault_is_locked(vault: Vault, expected: LockStage) -> None:
    assert stage(vault, NOW) is expected


@pytest.mark.parametrize(
    ("wanted", "is_allowed"),
    [
        pytest.param(WantedLock(), True, id="no bounds"),
        pytest.param(WantedLock(1, 36_500, 3), True, id="the widest"),
        pytest.param(WantedLock(7, 7, 36_500), True, id="one length only, the longest cooling"),
        pytest.param(WantedLock(min_retention_days=0), False, id="min 0"),
        pytest.param(WantedLock(max_retention_days=0), False, id="max 0"),
        pytest.param(WantedLock(max_retention_days=36_501), False, id="max over a hundred years"),
        pytest.param(WantedLock(min_retention_days=36_501), False, id="min over a hundred years"),
        pytest.param(WantedLock(8, 7), False, id="min over max"),
        pytest.param(WantedLock(changeable_for_days=2), False, id="cooling too short"),
        pytest.param(WantedLock(changeable_for_days=0), False, id="no cooling"),
        pytest.param(WantedLock(changeable_for_days=36_501), False, id="cooling too long"),
    ],
)
def test_which_locks_there_are(wanted: WantedLock, is_allowed: bool) -> None:
    if not is_allowed:
        with pytest.raises(InvalidParameterValue):
            locked(OPEN, wanted, NOW)
        return
    vault = locked(OPEN, wanted, NOW)
    assert vault.is_locked
    assert (vault.min_retention_days, vault.max_retention_days) == (
        wanted.min_retention_days,
        wanted.max_retention_days,
    )
    days = wanted.changeable_for_days
    assert vault.lock_date == (None if days is None else NOW + days * DAY)


@pytest.mark.parametrize("vault", [GOVERNANCE, COOLING], ids=["governance", "cooling"])
def test_a_lock_that_is_not_final_is_replaced_and_taken_off(vault: Vault) -> None:
    assert locked(vault, WantedLock(), NOW) == replace(OPEN, is_locked=True)
    assert unlocked(vault, NOW) == OPEN
    assert unlocked(OPEN, NOW) == OPEN


@pytest.mark.parametrize("vault", [FINAL, SEEN_FINAL, AIR_GAPPED], ids=["final", "clock back", "air gap"])
@pytest.mark.parametrize("later", [timedelta(), 36_500 * DAY, -DAY], ids=["now", "far ahead", "before"])
def test_a_lock_that_is_final_stays_as_it_is(vault: Vault, later: timedelta) -> None:
    at = NOW if vault is FINAL and later < timedelta() else NOW + later
    with pytest.raises(InvalidRequest):
        locked(vault, WantedLock(1, 36_500, 3), at)
    with pytest.raises(InvalidRequest):
        unlocked(vault, at)


@pytest.mark.parametrize(
    ("proved", "can_lock", "vault", "is_refused"),
    [
        pytest.param(True, True, OPEN, False, id="keys kept elsewhere"),
        pytest.param(False, True, OPEN, True, id="keys kept nowhere else"),
        pytest.param(True, False, OPEN, True, id="a place that cannot lock"),
        pytest.param(False, True, GOVERNANCE, False, id="locked already"),
    ],
)
def test_a_vault_that_could_be_lost_with_its_keys_is_not_locked(
    proved: bool, can_lock: bool, vault: Vault, is_refused: bool
) -> None:
    if not is_refused:
        check_may_lock(vault, export_is_proved=proved, can_lock=can_lock)
        return
    with pytest.raises(InvalidRequest, match="cannot be locked"):
        check_may_lock(vault, export_is_proved=proved, can_lock=can_lock)


@pytest.mark.parametrize("vault", [GOVERNANCE, COOLING, FINAL, SEEN_FINAL])
def test_no_point_of_a_locked_vault_is_deleted_or_changed(vault: Vault) -> None:
    with pytest.raises(InvalidRequest, match=r"Backup vault configured with Lock"):
        check_point(vault, is_held=False)


def test_a_held_point_stays_in_an_open_vault() -> None:
    check_point(OPEN, is_held=False)
    with pytest.raises(InvalidRequest, match="legal hold"):
        check_point(OPEN, is_held=True)


@pytest.mark.parametrize(
    ("days", "is_allowed"), [(6, False), (7, True), (30, True), (31, False), (None, False), (-1, False)]
)
def test_which_points_may_come_in(days: int | None, is_allowed: bool) -> None:
    assert is_in_range(GOVERNANCE, Lifecycle(delete_after_days=days)) is is_allowed
    assert is_in_range(OPEN, Lifecycle(delete_after_days=days))


def test_for_ever_is_within_a_lower_bound_alone() -> None:
    assert is_in_range(replace(GOVERNANCE, max_retention_days=None), None)
    assert not is_in_range(GOVERNANCE, None)


def test_a_lock_lets_points_expire_and_a_hold_does_not() -> None:
    assert may_expire(NOW, is_held=False, now=NOW)
    assert not may_expire(NOW, is_held=True, now=NOW)
    assert not may_expire(NOW + DAY, is_held=False, now=NOW)
    assert not may_expire(None, is_held=False, now=NOW)


def test_what_has_an_end_is_kept_to_it_and_what_has_none_is_renewed() -> None:
    end = NOW + 400 * DAY
    assert kept_until(end, NOW) == end
    assert is_kept_too_short(None, end, NOW)
    assert is_kept_too_short(end - DAY, end, NOW)
    assert not is_kept_too_short(end, end, NOW + 399 * DAY)
    given = kept_until(None, NOW)
    assert not is_kept_too_short(given, None, NOW)
    assert is_kept_too_short(given, None, NOW + 91 * DAY)
