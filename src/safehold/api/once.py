"""A request with an IdempotencyToken, sent again, answers what the first one did and does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from safehold.api.call import Call
from safehold.api.request_ids import idempotency_key
from safehold.records import idempotency
from safehold.records.dialect import take_turns

Answer = dict[str, Any]


def once(
    call: Call, req: Mapping[str, Any], make: Callable[[], Answer], *, token_member: str = "IdempotencyToken"
) -> Answer:
    """What `make` answers, or answered to the first request with this token: texts, numbers and times.

    token_member  of the request: where this operation has its token
    Raises InvalidParameterValue when the first one asked for something else.
    RACE: two requests with one token go one after the other, so that the second finds the first one's answer.
    """
    key = idempotency_key(call, req.get(token_member))
    if key is None:
        return make()
    take_turns(call.tx, f"token {key.account_id} {key.site} {key.operation} {key.token}")
    digest = idempotency.digest(req)
    earlier = idempotency.find(call.tx, key, request_digest=digest)
    if earlier is not None:
        return {name: _unpacked(value) for name, value in earlier.items()}
    answer = make()
    stored = {name: _packed(value) for name, value in answer.items()}
    idempotency.store(call.tx, key, request_digest=digest, response=stored, now=call.now)
    return answer


def _packed(value: object) -> object:
    return {"at": value.isoformat()} if isinstance(value, datetime) else value


def _unpacked(value: object) -> object:
    return datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
