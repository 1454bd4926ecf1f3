"""The rules about tags."""

from __future__ import annotations

import pytest

from safehold.core.errors import InvalidParameterValue, LimitExceeded
from safehold.domain import tags


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"": "v"}, id="an empty key"),
        pytest.param({"k" * 129: "v"}, id="a key of 129 characters"),
        pytest.param({"k": "v" * 257}, id="a value of 257 characters"),
        pytest.param({"aws:x": "v"}, id="the reserved prefix"),
        pytest.param({"AWS:x": "v"}, id="the reserved prefix in capitals"),
        pytest.param({"k\0": "v"}, id="NUL, which PostgreSQL cannot store"),
    ],
)
def test_tags_that_nothing_may_carry(bad: dict[str, str]) -> None:
    with pytest.raises(InvalidParameterValue):
        tags.check(bad)


def test_fifty_tags_are_allowed_and_the_fifty_first_is_not() -> None:
    fifty = {f"k{number}": "" for number in range(50)}
    assert tags.added(fifty, {"k1": "new"})["k1"] == "new"
    with pytest.raises(LimitExceeded):
        tags.added(fifty, {"one more": ""})


def test_a_tag_taken_away_that_was_not_there_is_no_error() -> None:
    assert tags.without({"a": "1", "b": "2"}, ["a", "c"]) == {"b": "2"}
