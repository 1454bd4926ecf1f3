"""What may become of a recovery point."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from safehold.core.errors import InvalidParameterValue, InvalidRequest, InvalidResourceState, RequestError
from safehold.domain.lifecycle import Lifecycle
from safehold.domain.recovery_points import (
    PointStatus,
    RecoveryPoint,
    StorageClass,
    check_deletable,
    check_new_lifecycle,
    with_lifecycle,
)
from safehold.domain.vaults import Vault

NOW = datetime(2030, 1, 31, tzinfo=UTC)
VAULT = Vault("v", "1" * 12, "us-east-1", "main", "arn:v", "arn:k", NOW)
POINT = RecoveryPoint(
    id="p",
    arn="arn:p",
    vault_id="v",
    account_id="1" * 12,
    site="us-east-1",
    job_id="j",
    resource_arn="arn:r",
    resource_type="EFS",
    status=PointStatus.COMPLETED,
    created_at=NOW - timedelta(days=30),
)
LOCKED = replace(VAULT, is_locked=True)
COLD = replace(
    with_lifecycle(POINT, Lifecycle(move_to_cold_storage_after_days=10)), storage_class=StorageClass.COLD
)


def test_retention_counts_from_the_jobs_start() -> None:
    point = with_lifecycle(POINT, Lifecycle(delete_after_days=100, move_to_cold_storage_after_days=5))
    assert point.delete_at == POINT.created_at + timedelta(days=100)
    assert point.move_at == POINT.created_at + timedelta(days=5)


def test_a_point_without_lifecycle_is_kept_for_ever() -> None:
    kept = with_lifecycle(with_lifecycle(POINT, Lifecycle(delete_after_days=1)), None)
    assert (kept.delete_at, kept.move_at) == (None, None)


@pytest.mark.parametrize(
    ("point", "vault", "wanted", "error"),
    [
        pytest.param(POINT, VAULT, Lifecycle(delete_after_days=1), None, id="free: shorter than its age"),
        pytest.param(POINT, VAULT, Lifecycle(), None, id="free: for ever"),
        pytest.param(POINT, VAULT, Lifecycle(31, 121), None, id="cold tomorrow"),
        pytest.param(
            POINT, VAULT, Lifecycle(30, 120), InvalidParameterValue, id="cold on a day that is over"
        ),
        pytest.param(
            POINT, VAULT, Lifecycle(31, 120), InvalidParameterValue, id="cold for less than 90 days"
        ),
        pytest.param(POINT, VAULT, Lifecycle(None, 0), InvalidParameterValue, id="kept no day"),
        pytest.param(POINT, LOCKED, Lifecycle(), InvalidRequest, id="locked vault"),
        pytest.param(COLD, VAULT, Lifecycle(10, 200), None, id="cold: retention may change"),
        pytest.param(COLD, VAULT, Lifecycle(None, 200), InvalidParameterValue, id="cold: stays cold"),
        pytest.param(
            replace(POINT, status=PointStatus.DELETING),
            VAULT,
            Lifecycle(),
            InvalidResourceState,
            id="deleting",
        ),
    ],
)
def test_another_lifecycle(
    point: RecoveryPoint, vault: Vault, wanted: Lifecycle, error: type[RequestError] | None
) -> None:
    if error is None:
        check_new_lifecycle(point, vault, wanted, now=NOW)
        return
    with pytest.raises(error):
        check_new_lifecycle(point, vault, wanted, now=NOW)


@pytest.mark.parametrize(
    ("point", "vault", "has_children", "error"),
    [
        pytest.param(POINT, LOCKED, False, InvalidRequest, id="locked vault"),
        pytest.param(POINT, VAULT, True, InvalidRequest, id="nested points are still there"),
        pytest.param(
            replace(POINT, status=PointStatus.DELETING),
            VAULT,
            False,
            InvalidResourceState,
            id="deleting already",
        ),
    ],
)
def test_points_that_stay(
    point: RecoveryPoint, vault: Vault, has_children: bool, error: type[RequestError]
) -> None:
    with pytest.raises(error):
        check_deletable(point, vault, has_children=has_children, is_held=False)


def test_a_point_that_nothing_holds_may_go() -> None:
    check_deletable(POINT, VAULT, has_children=False, is_held=False)
    check_deletable(replace(POINT, status=PointStatus.EXPIRED), VAULT, has_children=False, is_held=False)
