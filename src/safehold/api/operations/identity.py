"""Who am I: the one call of `sts` that every tool begins with."""

from __future__ import annotations

from collections.abc import Mapping

from safehold.api.call import Call, operation


@operation("GetCallerIdentity", service="sts")
def get_caller_identity(call: Call, _: Mapping[str, object]) -> Mapping[str, str]:
    """Answer whose access key signed this request. Needs no permission.

    Source: sts model 2011-06-15 `GetCallerIdentity`.
    """
    caller = call.principal
    return {"UserId": caller.user_id, "Account": caller.account_id, "Arn": caller.arn}
