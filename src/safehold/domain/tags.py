"""Tags: short names with values on whatever has an ARN, and the rules about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from safehold.core.errors import InvalidParameterValue, LimitExceeded

Tags: TypeAlias = Mapping[str, str]

MAX_TAGS = 50  # per resource; Source: AWS tagging rules, model 2018-11-15 `Tags`
MAX_KEY_CHARS = 128
MAX_VALUE_CHARS = 256
RESERVED_PREFIX = "aws:"


def check(tags: Tags) -> None:
    """Raise InvalidParameterValue for a tag that nothing may carry. How many there are is not looked at."""
    for key, value in tags.items():
        if not 1 <= len(key) <= MAX_KEY_CHARS:
            raise InvalidParameterValue(f"Tag keys have 1 to {MAX_KEY_CHARS} characters: {key!r}")
        if len(value) > MAX_VALUE_CHARS:
            raise InvalidParameterValue(f"Tag values have at most {MAX_VALUE_CHARS} characters: tag {key!r}")
        if key.lower().startswith(RESERVED_PREFIX):
            raise InvalidParameterValue(f"Tag keys that begin with {RESERVED_PREFIX!r} are reserved: {key!r}")
        if "\0" in key or "\0" in value:
            raise InvalidParameterValue("Tags hold no NUL characters")


def added(existing: Tags, new: Tags) -> dict[str, str]:
    """`existing` with `new` put over it. Raises InvalidParameterValue, and LimitExceeded past 50 tags."""
    check(new)
    merged = {**existing, **new}
    if len(merged) > MAX_TAGS:
        raise LimitExceeded(f"A resource has at most {MAX_TAGS} tags; this would make {len(merged)}")
    return merged


def without(existing: Tags, keys: Collection[str]) -> dict[str, str]:
    """`existing` less `keys`; a key that is not there is no error."""
    return {key: value for key, value in existing.items() if key not in keys}
