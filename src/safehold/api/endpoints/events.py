"""What happened lately, as AWS would have told EventBridge; and what could not be delivered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from safehold.api.call import Call
from safehold.api.native import NativeRequest, endpoint
from safehold.api.pages import MAX_RESULTS, Position, page
from safehold.core.errors import InvalidParameterValue
from safehold.domain.events import envelope
from safehold.records import events
from safehold.records.events import StoredEvent

DEFAULT_LIMIT = 100


@endpoint("GET", "/events")
def list_events(call: Call, asked: NativeRequest) -> Mapping[str, object]:
    """Events of this account and site, newest first; kept for 90 days.

    Query: `type` (a detail-type, as in `Backup Job State Change`), `since` and `until` (ISO 8601), `limit`,
    `token` of the page before.
    """
    since, until = _time(asked, "since"), _time(asked, "until")

    def fetch(after: Position | None, limit: int) -> list[StoredEvent]:
        return events.page(
            call.tx,
            account_id=call.account_id,
            site=call.site,
            detail_type=asked.query.get("type"),
            since=since,
            until=until,
            after=None if after is None else _after(after),
            limit=limit,
        )

    request = {name: value for name, value in asked.query.items() if name not in ("limit", "token")}
    paged = request | {"MaxResults": _limit(asked), "NextToken": asked.query.get("token")}
    found, token = page(call, paged, fetch, position=lambda each: (each.event.at, each.sequence))
    return {"events": [envelope(each.event, each.id) for each in found], "token": token}


@endpoint("GET", "/events/dead")
def list_dead(call: Call, asked: NativeRequest) -> Mapping[str, object]:
    """Deliveries that were given up, with the last error. Query: `limit`."""
    found = events.dead(call.tx, account_id=call.account_id, site=call.site, limit=_limit(asked))
    return {
        "dead": [
            {
                "target": each.target,
                "attempt_count": each.attempt_count,
                "last_error": each.last_error,
                "event": envelope(each.stored.event, each.stored.id),
            }
            for each in found
        ]
    }


@endpoint("POST", "/events/dead/retry")
def retry_dead(call: Call, _: NativeRequest) -> Mapping[str, object]:
    """What was given up is sent again, for another day."""
    count = events.revive(call.tx, account_id=call.account_id, site=call.site, now=call.now)
    return {"retried": count}


def _limit(asked: NativeRequest) -> int:
    text = asked.query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MAX_RESULTS):
        raise InvalidParameterValue(f"limit must be a number from 1 to {MAX_RESULTS}")
    return int(text)


def _time(asked: NativeRequest, name: str) -> datetime | None:
    text = asked.query.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidParameterValue(f"{name} must be a time in ISO 8601, as 2030-01-02T03:04:05Z") from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _after(after: Position) -> tuple[datetime, int]:
    at, sequence = after
    assert isinstance(at, datetime)
    assert isinstance(sequence, int)
    return at, sequence
