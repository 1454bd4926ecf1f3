"""Which items a search is after. Pure; a block of a search table is passed over whole where that is certain.

An item is found when one of the filters takes it. A filter takes it when of each property that it names
(path, size, times, ...) one condition at least holds.
Source: model backupsearch 2018-05-10, `ItemFilters`, `EBSItemFilter`, `S3ItemFilter`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

import msgspec

from safehold.domain.items import ItemRow


class TextOperator(StrEnum):
    EQUALS_TO = "EQUALS_TO"
    NOT_EQUALS_TO = "NOT_EQUALS_TO"
    CONTAINS = "CONTAINS"
    DOES_NOT_CONTAIN = "DOES_NOT_CONTAIN"
    BEGINS_WITH = "BEGINS_WITH"
    ENDS_WITH = "ENDS_WITH"
    DOES_NOT_BEGIN_WITH = "DOES_NOT_BEGIN_WITH"
    DOES_NOT_END_WITH = "DOES_NOT_END_WITH"


class NumberOperator(StrEnum):
    EQUALS_TO = "EQUALS_TO"
    NOT_EQUALS_TO = "NOT_EQUALS_TO"
    LESS_THAN_EQUAL_TO = "LESS_THAN_EQUAL_TO"
    GREATER_THAN_EQUAL_TO = "GREATER_THAN_EQUAL_TO"


TextTest: TypeAlias = Callable[[bytes, bytes], bool]  # (what the item has, what the condition names)

_TEXT: Mapping[TextOperator, TextTest] = {
    TextOperator.EQUALS_TO: lambda has, wanted: has == wanted,
    TextOperator.NOT_EQUALS_TO: lambda has, wanted: has != wanted,
    TextOperator.CONTAINS: lambda has, wanted: wanted in has,
    TextOperator.DOES_NOT_CONTAIN: lambda has, wanted: wanted not in has,
    TextOperator.BEGINS_WITH: lambda has, wanted: has.startswith(wanted),
    TextOperator.ENDS_WITH: lambda has, wanted: has.endswith(wanted),
    TextOperator.DOES_NOT_BEGIN_WITH: lambda has, wanted: not has.startswith(wanted),
    TextOperator.DOES_NOT_END_WITH: lambda has, wanted: not has.endswith(wanted),
}
# What can only hold where the text itself stands somewhere in the block.
_NEEDS_THE_TEXT = frozenset(
    {TextOperator.EQUALS_TO, TextOperator.CONTAINS, TextOperator.BEGINS_WITH, TextOperator.ENDS_WITH}
)
_NUMBER: Mapping[NumberOperator, Callable[[int, int], bool]] = {
    NumberOperator.EQUALS_TO: lambda has, wanted: has == wanted,
    NumberOperator.NOT_EQUALS_TO: lambda has, wanted: has != wanted,
    NumberOperator.LESS_THAN_EQUAL_TO: lambda has, wanted: has <= wanted,
    NumberOperator.GREATER_THAN_EQUAL_TO: lambda has, wanted: has >= wanted,
}


class TextCondition(msgspec.Struct, frozen=True):
    """value: raw bytes, as names are; letters count as they are written."""

    value: bytes
    operator: TextOperator = TextOperator.EQUALS_TO

    def holds(self, has: bytes | None) -> bool:
        return has is not None and _TEXT[self.operator](has, self.value)

    def may_hold(self, texts: bytes) -> bool:
        """Of any of these texts, joined by what none of them has?"""
        return self.operator not in _NEEDS_THE_TEXT or self.value in texts


class NumberCondition(msgspec.Struct, frozen=True):
    """Of bytes, or of microseconds since 1970."""

    value: int
    operator: NumberOperator = NumberOperator.EQUALS_TO

    def holds(self, has: int | None) -> bool:
        return has is not None and _NUMBER[self.operator](has, self.value)

    def may_hold(self, least: int | None, most: int | None) -> bool:
        """Of any number from `least` to `most`? None: nothing is known."""
        if least is None or most is None:
            return True
        match self.operator:
            case NumberOperator.EQUALS_TO:
                return least <= self.value <= most
            case NumberOperator.NOT_EQUALS_TO:
                return (least, most) != (self.value, self.value)
            case NumberOperator.LESS_THAN_EQUAL_TO:
                return least <= self.value
            case NumberOperator.GREATER_THAN_EQUAL_TO:
                return most >= self.value


class Span(Protocol):
    """What is known of a block before it is read."""

    @property
    def least_bytes(self) -> int: ...
    @property
    def most_bytes(self) -> int: ...
    @property
    def first_modified(self) -> int | None: ...
    @property
    def last_modified(self) -> int | None: ...


class ItemFilter(msgspec.Struct, frozen=True):
    """Each property: an empty one asks nothing."""

    paths: tuple[TextCondition, ...] = ()
    sizes: tuple[NumberCondition, ...] = ()
    modified: tuple[NumberCondition, ...] = ()
    created: tuple[NumberCondition, ...] = ()
    version_ids: tuple[TextCondition, ...] = ()
    etags: tuple[TextCondition, ...] = ()

    def takes(self, row: ItemRow) -> bool:
        return (
            _any(self.paths, row.path)
            and _any(self.sizes, row.size_bytes)
            and _any(self.modified, row.modified_us)
            and _any(self.created, row.created_us)
            and _any(self.version_ids, row.version_id)
            and _any(self.etags, row.etag)
        )

    def may_take_within(self, span: Span) -> bool:
        return (
            not self.sizes or any(each.may_hold(span.least_bytes, span.most_bytes) for each in self.sizes)
        ) and (
            not self.modified
            or any(each.may_hold(span.first_modified, span.last_modified) for each in self.modified)
        )

    def may_take_of(self, paths: bytes) -> bool:
        return not self.paths or any(each.may_hold(paths) for each in self.paths)


@dataclass(frozen=True, slots=True)
class Criteria:
    """All filters of a search; without any, every item is found."""

    filters: tuple[ItemFilter, ...] = field(default=())

    def take(self, row: ItemRow) -> bool:
        return not self.filters or any(each.takes(row) for each in self.filters)

    def may_take_within(self, span: Span) -> bool:
        """False: no row of a block of that span is found, it need not be read."""
        return not self.filters or any(each.may_take_within(span) for each in self.filters)

    def may_take_of(self, paths: bytes) -> bool:
        """False: no row of a block with these paths is found, it need not be taken apart."""
        return not self.filters or any(each.may_take_of(paths) for each in self.filters)

    def to_json(self) -> list[Any]:
        """As a job's request keeps them; bytes are base64."""
        plain: list[Any] = msgspec.json.decode(msgspec.json.encode(self.filters))
        return plain

    @staticmethod
    def from_json(stored: Iterable[Any]) -> Criteria:
        return Criteria(msgspec.convert(list(stored), tuple[ItemFilter, ...]))


def _any(conditions: tuple[Any, ...], has: Any) -> bool:
    return not conditions or any(condition.holds(has) for condition in conditions)
