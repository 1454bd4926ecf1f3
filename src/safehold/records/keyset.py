"""Where a page goes on: keyset, not offset, so that the thousandth page costs what the first does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, literal, tuple_


def beyond(
    columns: Sequence[Column[Any]], values: Sequence[object], *, descending: bool
) -> ColumnElement[bool]:
    """Rows that come after `values` in the order of `columns`, all of them descending or all ascending."""
    last = tuple_(*(literal(value, column.type) for column, value in zip(columns, values, strict=True)))
    here = tuple_(*columns)
    return here < last if descending else here > last
