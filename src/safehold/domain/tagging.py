"""How many resources fit on a page of the tagging API that is measured in tags. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def fitting_tags(counts: Sequence[int], *, most: int | None) -> int:
    """How many of the resources, with so many tags each, have `most` tags together; one at least.

    A resource is never torn apart. Source: Resource Groups Tagging API model, `TagsPerPage`.
    """
    if most is None:
        return len(counts)
    return max(sum(total <= most for total in accumulate(counts)), min(1, len(counts)))
