"""The root user of the account wants the points of a locked vault gone, by every call there is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from safehold.api.model.load import service
from safehold.api.not_built import NOT_BUILT
from safehold.core.errors import InvalidRequest, RequestError
from tests.attacks.conftest import DAY, Besieged

# Every built operation that could take a point away, shorten its life or open its vault, as it is misused.
ATTACKS: Mapping[str, list[dict[str, Any]]] = {
    "DeleteRecoveryPoint": [{}],
    "UpdateRecoveryPointLifecycle": [{"Lifecycle": {"DeleteAfterDays": 1}}, {"Lifecycle": {}}, {}],
    "DeleteBackupVault": [{}],
    "DeleteBackupVaultLockConfiguration": [{}],
    "PutBackupVaultLockConfiguration": [
        {},
        {"MinRetentionDays": 1, "MaxRetentionDays": 1},
        {"ChangeableForDays": 3},
        {"ChangeableForDays": 36_500},
    ],
    "DisassociateRecoveryPoint": [{}],
    "DisassociateRecoveryPointFromParent": [{}],
}
# What sounds like it and cannot, with the reason.
HARMLESS: Mapping[str, str] = {
    "UpdateRecoveryPointIndexSettings": "an index is made from the point, and can be made again",
    "PutBackupVaultAccessPolicy": "a policy may forbid or allow calls; none opens a lock",
    "DeleteBackupVaultAccessPolicy": "likewise",
    "PutBackupVaultNotifications": "says who is told",
    "DeleteBackupVaultNotifications": "likewise",
    "RevokeRestoreAccessBackupVault": "takes away a view of points, and no point (test_air_gap.py)",
    "DisassociateBackupVaultMpaApprovalTeam": "likewise asks only (test_air_gap.py)",
    "CancelLegalHold": "whoever may put a hold may let it go; it opens no lock (test_holds.py)",
}
SOUNDS_LIKE_IT = re.compile(
    r"^(Delete|Disassociate|Update|Put|Cancel|Revoke)\w*(BackupVault|RecoveryPoint|LegalHold|RestoreAccess)"
)


def test_every_operation_that_sounds_like_it_has_its_attack() -> None:
    names = {name for name in service("backup").operations if SOUNDS_LIKE_IT.match(name)}
    assert names - set(NOT_BUILT) == set(ATTACKS) | set(HARMLESS)


def attack(besieged: Besieged, operation: str) -> list[str]:
    """Every form of it, on both points; answers what was said to each."""
    told = []
    for members in ATTACKS[operation]:
        for number in range(len(besieged.points)):
            named = besieged.named(number)
            known = service("backup").operations[operation].input
            assert known is not None
            mine = {name: value for name, value in named.items() if name in known.members}
            with pytest.raises(RequestError) as refused:
                besieged.client().call(operation, **mine, **members)
            told.append(str(refused.value))
    return told


def test_a_vault_that_is_locked_for_ever_stands_up_to_every_call(besieged: Besieged) -> None:
    besieged.lock_for_ever()
    for operation in ATTACKS:
        assert attack(besieged, operation)
    besieged.assert_restores()


@pytest.mark.slow
@pytest.mark.parametrize("off", [-3650 * DAY, 3650 * DAY], ids=["ten years back", "ten years ahead"])
def test_a_clock_that_is_set_wrong_helps_nobody(besieged: Besieged, off: timedelta) -> None:
    besieged.lock_for_ever()
    besieged.house.clock.at += off
    for operation in ATTACKS:
        assert attack(besieged, operation)
    besieged.house.clock.at -= off
    besieged.assert_restores()


@pytest.mark.parametrize("wanted", [{}, {"ChangeableForDays": 3}], ids=["governance", "cooling off"])
def test_while_a_lock_may_be_taken_off_points_stay_until_it_is(
    besieged: Besieged, wanted: dict[str, int]
) -> None:
    besieged.lock(**wanted)
    for operation in ("DeleteRecoveryPoint", "UpdateRecoveryPointLifecycle", "DeleteBackupVault"):
        assert attack(besieged, operation)
    besieged.assert_restores()
    besieged.client().call("DeleteBackupVaultLockConfiguration", BackupVaultName="Default")
    besieged.client().call("DeleteRecoveryPoint", **besieged.named())


def test_a_point_that_was_being_deleted_when_the_lock_came_is_told_apart(besieged: Besieged) -> None:
    besieged.client().call("DeleteRecoveryPoint", **besieged.named(1))
    besieged.lock_for_ever()
    with pytest.raises(InvalidRequest):
        besieged.client().call("DeleteRecoveryPoint", **besieged.named(0))
    listed = besieged.client().call("ListRecoveryPointsByBackupVault", BackupVaultName="Default")
    statuses = {each["RecoveryPointArn"]: each["Status"] for each in listed["RecoveryPoints"]}
    assert [statuses[besieged.named(n)["RecoveryPointArn"]] for n in (0, 1)] == ["COMPLETED", "DELETING"]
