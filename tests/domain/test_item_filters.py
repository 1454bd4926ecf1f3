"""Which items a search finds, and that a block which is passed over holds none of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.domain.item_filters import (
    Criteria,
    ItemFilter,
    NumberCondition,
    NumberOperator,
    TextCondition,
    TextOperator,
)
from safehold.domain.items import ItemRow

ROW = ItemRow(b"/letters/old/1.txt", 100, modified_us=5, created_us=None, etag=b"e1", version_id=None)


@pytest.mark.parametrize(
    ("operator", "value", "is_found"),
    [
        ("EQUALS_TO", b"/letters/old/1.txt", True),
        ("EQUALS_TO", b"/letters/old", False),
        ("NOT_EQUALS_TO", b"/letters/old", True),
        ("CONTAINS", b"old", True),
        ("CONTAINS", b"OLD", False),
        ("DOES_NOT_CONTAIN", b"new", True),
        ("BEGINS_WITH", b"/letters/", True),
        ("BEGINS_WITH", b"letters", False),
        ("ENDS_WITH", b".txt", True),
        ("DOES_NOT_BEGIN_WITH", b"/letters", False),
        ("DOES_NOT_END_WITH", b".txt", False),
    ],
)
def test_a_condition_on_a_path(operator: str, value: bytes, is_found: bool) -> None:
    wanted = ItemFilter(paths=(TextCondition(value, TextOperator(operator)),))
    assert Criteria((wanted,)).take(ROW) is is_found


@pytest.mark.parametrize(
    ("filters", "is_found"),
    [
        pytest.param((), True, id="no filter finds everything"),
        pytest.param((ItemFilter(),), True, id="an empty filter finds everything"),
        pytest.param(
            (ItemFilter(sizes=(NumberCondition(7), NumberCondition(100))),), True, id="one of several sizes"
        ),
        pytest.param(
            (ItemFilter(sizes=(NumberCondition(100),), modified=(NumberCondition(6),)),),
            False,
            id="each property that is named must fit",
        ),
        pytest.param(
            (ItemFilter(sizes=(NumberCondition(7),)), ItemFilter(modified=(NumberCondition(5),))),
            True,
            id="one of several filters",
        ),
        pytest.param(
            (ItemFilter(created=(NumberCondition(0, NumberOperator.NOT_EQUALS_TO),)),),
            False,
            id="what is not known satisfies nothing",
        ),
        pytest.param((ItemFilter(etags=(TextCondition(b"e1"),)),), True, id="an etag"),
    ],
)
def test_filters_together(filters: tuple[ItemFilter, ...], is_found: bool) -> None:
    assert Criteria(filters).take(ROW) is is_found
    assert Criteria.from_json(Criteria(filters).to_json()) == Criteria(filters)


words = st.text("ab/", max_size=3).map(str.encode)
numbers = st.integers(0, 4)
rows = st.builds(ItemRow, words, numbers, st.none() | numbers)
texts = st.builds(TextCondition, words, st.sampled_from(TextOperator))
amounts = st.builds(NumberCondition, numbers, st.sampled_from(NumberOperator))
filters = st.builds(
    ItemFilter,
    paths=st.lists(texts, max_size=2).map(tuple),
    sizes=st.lists(amounts, max_size=2).map(tuple),
    modified=st.lists(amounts, max_size=2).map(tuple),
)


@given(st.lists(rows, min_size=1, max_size=5), st.lists(filters, max_size=2))
def test_a_block_that_is_passed_over_holds_nothing_that_is_found(
    block: list[ItemRow], wanted: list[ItemFilter]
) -> None:
    criteria = Criteria(tuple(wanted))
    times = [row.modified_us for row in block]
    known = [time for time in times if time is not None]
    is_known = len(known) == len(times)
    span = SimpleNamespace(
        least_bytes=min(row.size_bytes for row in block),
        most_bytes=max(row.size_bytes for row in block),
        first_modified=min(known) if is_known else None,
        last_modified=max(known) if is_known else None,
    )
    is_found = any(criteria.take(row) for row in block)
    if not criteria.may_take_within(span) or not criteria.may_take_of(b"\0".join(row.path for row in block)):
        assert not is_found
