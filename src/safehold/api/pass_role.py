"""May this caller hand that role to AWS Backup? IAM's PassRole, which every operation with a role asks.

Source: AWS Backup Developer Guide, "Access control", `iam:PassRole`; docs/parity/iam.md, "PassRole".
"""

from __future__ import annotations

from safehold.api.call import Call
from safehold.domain.roles import check_assumable
from safehold.records import roles


def check_passable(call: Call, role_arn: str) -> None:
    """Raise InvalidParameterValue, in AWS's words, unless jobs can run as that role.

    The role must be of the caller's account and let AWS Backup assume it. Whether the caller's policies allow
    `iam:PassRole` on it belongs here too; policies are kept, and not evaluated yet.
    """
    role = roles.find(call.tx, role_arn)
    check_assumable(role if role is not None and role.account_id == call.account_id else None, role_arn)
