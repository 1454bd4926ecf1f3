"""Operations that let a recovery point go from what it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api import existing
from safehold.api.call import Call, operation
from safehold.core.errors import InvalidRequest
from safehold.domain.locking import check_point
from safehold.domain.recovery_points import check_settled
from safehold.records import legal_holds, recovery_points


@operation("DisassociateRecoveryPoint")
def disassociate_recovery_point(call: Call, req: Mapping[str, Any]) -> None:
    """A continuous point is let go from AWS Backup; every other one is refused, and there are no others yet.

    Source: model 2018-11-15 `DisassociateRecoveryPoint`; docs/parity/recovery-points.md, "disassociate".
    """
    vault = existing.vault_to_change(call, req)
    point = existing.point_to_change(call, vault, req)
    check_point(vault, is_held=legal_holds.is_point_held(call.tx, point.id))
    check_settled(point)
    raise InvalidRequest("Only continuous recovery points can be disassociated", context=point.arn)


@operation("DisassociateRecoveryPointFromParent")
def disassociate_recovery_point_from_parent(call: Call, req: Mapping[str, Any]) -> None:
    """The point belongs to no composite any more.

    Source: model 2018-11-15 `DisassociateRecoveryPointFromParent`; docs/parity/recovery-points.md.
    """
    vault = existing.vault_to_change(call, req)
    point = existing.point_to_change(call, vault, req)
    check_point(vault, is_held=legal_holds.is_point_held(call.tx, point.id))
    check_settled(point)
    if point.parent_arn is None:
        raise InvalidRequest("The recovery point belongs to no composite one", context=point.arn)
    recovery_points.update_point(call.tx, point.id, parent_arn=None)
