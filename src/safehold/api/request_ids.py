"""The ids that a client gives its request, so that the same one sent again does nothing twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.api.call import Call
from safehold.core.errors import InvalidParameterValue
from safehold.domain.plan_checks import NAME
from safehold.records import idempotency


def creator_request_id(req: Mapping[str, Any]) -> str | None:
    """The CreatorRequestId, if given. Raises InvalidParameterValue. Source: model, its documentation."""
    request_id: str | None = req.get("CreatorRequestId")
    if request_id is not None and not NAME.fullmatch(request_id):
        raise InvalidParameterValue(
            f"Invalid CreatorRequestId. It must satisfy regular expression pattern: {NAME.pattern}"
        )
    return request_id


def idempotency_key(call: Call, token: str | None) -> idempotency.Key | None:
    """What the answer to a request with this token is kept under; None without one.

    Raises InvalidParameterValue for a token that is too long.
    """
    if not token:
        return None
    if len(token) > idempotency.MAX_TOKEN:
        raise InvalidParameterValue(
            f"Invalid IdempotencyToken. It must have at most {idempotency.MAX_TOKEN} characters"
        )
    return idempotency.Key(call.account_id, call.site, call.operation, token)
