"""What was answered to a request with a token, so that the same request sent again does nothing twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from safehold.core.errors import InvalidParameterValue
from safehold.records.dialect import insert_if_new
from safehold.records.tables import idempotency as t
from safehold.records.tx import Tx

MAX_TOKEN = 256  # characters: the column has no more


@dataclass(frozen=True, slots=True)
class Key:
    """Tokens of two operations, sites or accounts have nothing to do with each other."""

    account_id: str
    site: str
    operation: str
    token: str


def digest(request: Mapping[str, object]) -> str:
    """The same for equal requests, whatever the order of their members; times compare by their text."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def find(tx: Tx, key: Key, *, request_digest: str) -> dict[str, Any] | None:
    """What the first request with this token was answered; None when there was none.

    Raises InvalidParameterValue when that one asked for something else.
    """
    row = tx.execute(select(t).where(*_is(key))).one_or_none()
    if row is None:
        return None
    if row.request_digest != request_digest:
        raise InvalidParameterValue("IdempotencyToken was used before, with other parameters")
    answer: dict[str, Any] = row.response
    return answer


def store(
    tx: Tx, key: Key, *, request_digest: str, response: Mapping[str, Any], now: datetime
) -> dict[str, Any] | None:
    """Keep the answer (JSON values only). None when it is the first; else what another request answered.

    RACE: two requests with one token may both have found nothing. The database lets one store, the other
    waits for it, gets the first one's answer here, and must give up what it has done.
    """
    row = {
        "account_id": key.account_id,
        "site": key.site,
        "operation": key.operation,
        "token": key.token,
        "request_digest": request_digest,
        "response": dict(response),
        "created_at": now,
    }
    if insert_if_new(tx, t, row):
        return None
    return find(tx, key, request_digest=request_digest)


def forget_before(tx: Tx, moment: datetime) -> int:
    """Tokens older than that count as never used; returns how many they were."""
    return tx.execute(delete(t).where(t.c.created_at < moment)).rowcount


def _is(key: Key) -> tuple[Any, ...]:
    return (
        t.c.account_id == key.account_id,
        t.c.site == key.site,
        t.c.operation == key.operation,
        t.c.token == key.token,
    )
