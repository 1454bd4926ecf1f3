"""A list is walked page by page, and its tokens serve nobody else."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.api.call import Call
from safehold.api.pages import Position, page, read_token, write_token
from safehold.core.errors import InvalidParameterValue

ITEMS = [(f"v{number:03}", number) for number in range(25)]


def fetch(after: Position | None, limit: int) -> Sequence[tuple[str, int]]:
    return [item for item in ITEMS if after is None or item > after][:limit]


def walk(call: Call, size: int) -> list[Sequence[tuple[str, int]]]:
    pages, request = [], {"MaxResults": size}
    while True:
        items, token = page(call, request, fetch, position=lambda item: item)
        pages.append(items)
        if token is None:
            return pages
        request = {"MaxResults": size, "NextToken": token}


@pytest.mark.parametrize("size", [1, 7, 24, 25, 26, 1000])
def test_pages_together_are_the_list_and_the_last_has_no_token(call: Call, size: int) -> None:
    pages = walk(call, size)
    assert [item for items in pages for item in items] == ITEMS
    assert all(len(items) == size for items in pages[:-1])
    assert 0 < len(pages[-1]) <= size


def test_without_a_size_a_page_holds_a_thousand(call: Call) -> None:
    limits = []
    page(call, {}, lambda after, limit: limits.append(limit) or [], position=lambda item: ())
    assert limits == [1001]


def test_a_position_comes_back_as_it_was(call: Call) -> None:
    position = (call.now, "ü/é", 7, 1.5, None, call.now + timedelta(microseconds=1))
    assert read_token(call, {}, write_token(call, {}, position)) == position


def test_a_token_is_bound_to_its_list_its_account_its_site_and_its_filters(call: Call) -> None:
    request = {"ByState": "FAILED", "ByCreatedAfter": call.now}
    token = write_token(call, request, ("a",))
    assert read_token(call, request | {"MaxResults": 3, "NextToken": token}, token) == ("a",)
    for other_call, other in [
        (call, request | {"ByState": "RUNNING"}),
        (call, {"ByState": "FAILED"}),
        (replace(call, operation="ListBackupJobs"), request),
        (replace(call, account_id="999999999999"), request),
        (replace(call, site="eu-west-1"), request),
        (replace(call, config=replace(call.config, page_key=b"x" * 32)), request),
    ]:
        with pytest.raises(InvalidParameterValue):
            read_token(other_call, other, token)


def test_every_changed_character_makes_a_token_invalid(call: Call) -> None:
    token = write_token(call, {}, ("vault", 5))
    for at in range(len(token) - 1):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(InvalidParameterValue):
            read_token(call, {}, changed)


@pytest.mark.parametrize("token", ["", ".", "a.b", "a", "a.b.c", "é.é", "!!.??", "A" * 100_000, "\ud800.x"])
def test_a_made_up_token_is_refused(call: Call, token: str) -> None:
    with pytest.raises(InvalidParameterValue):
        read_token(call, {}, token)


def test_any_text_as_a_token_is_refused_and_nothing_worse(call: Call) -> None:
    @given(st.text())
    def check(token: str) -> None:
        with pytest.raises(InvalidParameterValue):
            read_token(call, {}, token)

    check()
