"""Resources: what is backed up; and the rules by which a newly found one is tagged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from safehold.domain.sources import Source


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing that can be backed up; found by its source, never typed in by hand.

    source_id  None once the source has been removed
    facts      the connector's own notes; `path` where the resource is a place
    found_at   when it was first found
    lost_at    since when its source no longer holds it; None: it is there
    """

    arn: str
    account_id: str
    site: str
    source_id: str | None
    resource_type: str
    name: str
    size_bytes: int | None
    facts: Mapping[str, str]
    found_at: datetime
    lost_at: datetime | None = None


class Matches(StrEnum):
    """What of a resource a tag rule looks at."""

    NAME = "name"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class TagRule:
    """Resources whose name or path matches `pattern` get the tag; `*` matches "/" too."""

    id: str
    account_id: str
    pattern: str
    matches: Matches
    tag_key: str
    tag_value: str
    created_at: datetime

    def applies_to(self, resource: Resource) -> bool:
        seen = resource.name if self.matches is Matches.NAME else resource.facts.get("path")
        return seen is not None and fnmatchcase(seen, self.pattern)


def tags_when_found(
    resource: Resource, source: Source, known: Mapping[str, str], rules: Iterable[TagRule]
) -> dict[str, str]:
    """Tags of a resource that is found for the first time.

    known  what the source itself says. What a person declared wins over it: first the rules, the older
           before the newer, then the tags declared with the source.
    """
    applying = sorted((rule for rule in rules if rule.applies_to(resource)), key=lambda rule: rule.created_at)
    return {**known, **{rule.tag_key: rule.tag_value for rule in applying}, **source.declared_tags}
