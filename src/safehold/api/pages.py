"""Pages of a list: opaque, signed tokens that hold where the last page ended.

A token is the position (base64url JSON) and a signature over it, the operation, the account, the site and the
filters. So it cannot be made up, nor used with another list or another filter.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

from safehold.api.call import Call
from safehold.core.errors import InvalidParameterValue

MAX_RESULTS = 1000  # AWS's largest page, and ours when none is asked for
_ABOUT_THE_PAGE = {"MaxResults", "NextToken"}
_MAX_TOKEN_CHARS = 4096  # a position is a time and a name; longer ones are nobody's

Scalar: TypeAlias = str | int | float | datetime | None
Position: TypeAlias = tuple[Scalar, ...]
Moment: TypeAlias = tuple[datetime, str]
T = TypeVar("T")


def page(
    call: Call,
    req: Mapping[str, object],
    fetch: Callable[[Position | None, int], Sequence[T]],
    *,
    position: Callable[[T], Position],
) -> tuple[Sequence[T], str | None]:
    """One page of a list, and the token of the next one (None: this was the last).

    fetch(after, limit)  at most `limit` items in the list's order, those behind `after` only
    position(item)       what puts an item into that order, e.g. `(created_at, id)`; comes back to `fetch`

    Raises InvalidParameterValue for a token that this list did not give.
    """
    size = _size(req)
    token = req.get("NextToken")
    after = None if token is None else read_token(call, req, str(token))
    items = fetch(after, size + 1)
    if len(items) <= size:
        return items, None
    return items[:size], write_token(call, req, position(items[size - 1]))


def page_by_name(
    call: Call,
    req: Mapping[str, object],
    fetch: Callable[[str | None, int], Sequence[T]],
    *,
    name: Callable[[T], str],
) -> tuple[Sequence[T], str | None]:
    """As `page`, of a list in the order of a name: `fetch` gets the last one of the page before."""

    def behind(after: Position | None, limit: int) -> Sequence[T]:
        return fetch(None if after is None else str(after[0]), limit)

    return page(call, req, behind, position=lambda item: (name(item),))


def page_by_time(
    call: Call,
    req: Mapping[str, object],
    fetch: Callable[[Moment | None, int], Sequence[T]],
    *,
    moment: Callable[[T], Moment],
) -> tuple[Sequence[T], str | None]:
    """As `page`, of a list in the order of a time and, of one time, an id."""

    def behind(after: Position | None, limit: int) -> Sequence[T]:
        return fetch(None if after is None else _moment(after), limit)

    return page(call, req, behind, position=moment)


def among(every: Iterable[T], *, name: Callable[[T], str]) -> Callable[[str | None, int], list[T]]:
    """What fetches for `page_by_name` from the few that are at hand."""
    ordered = sorted(every, key=name)

    def fetch(after: str | None, limit: int) -> list[T]:
        return [item for item in ordered if after is None or name(item) > after][:limit]

    return fetch


def _moment(after: Position) -> Moment:
    at, item_id = after
    assert isinstance(at, datetime)  # we signed it
    assert isinstance(item_id, str)
    return at, item_id


def write_token(call: Call, req: Mapping[str, object], position: Position) -> str:
    """The token that leads to what comes behind `position`."""
    payload = json.dumps([_packed(part) for part in position], separators=(",", ":")).encode()
    return f"{_text(payload)}.{_text(_signature(call, req, payload))}"


def read_token(call: Call, req: Mapping[str, object], token: str) -> Position:
    """The position in a token. Raises InvalidParameterValue if it is not ours, or of another list."""
    try:
        if len(token) > _MAX_TOKEN_CHARS:
            raise ValueError("too long")
        payload, signature = (_bytes(part) for part in token.split("."))
    except (ValueError, binascii.Error) as error:
        raise InvalidParameterValue("NextToken is not valid") from error
    if not hmac.compare_digest(signature, _signature(call, req, payload)):
        raise InvalidParameterValue("NextToken is not valid for this request; filters must stay the same")
    return tuple(_unpacked(part) for part in json.loads(payload))


def _size(req: Mapping[str, object]) -> int:
    asked = req.get("MaxResults")
    return MAX_RESULTS if asked is None else min(int(str(asked)), MAX_RESULTS)


def _signature(call: Call, req: Mapping[str, object], payload: bytes) -> bytes:
    filters = {key: value for key, value in req.items() if key not in _ABOUT_THE_PAGE and value is not None}
    bound = [call.operation, call.account_id, call.site, filters]
    text = json.dumps(bound, sort_keys=True, separators=(",", ":"), default=str).encode()
    return hmac.digest(call.config.page_key, len(text).to_bytes(8, "big") + text + payload, "sha256")


def _packed(part: Scalar) -> object:
    return {"at": part.isoformat()} if isinstance(part, datetime) else part


def _unpacked(part: object) -> Scalar:
    if isinstance(part, dict):
        return datetime.fromisoformat(part["at"])
    assert part is None or isinstance(part, str | int | float)  # we signed it
    return part


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
